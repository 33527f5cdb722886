"""Approach 2: profiles of equal compute."""
