"""Kaplan's laws beside his constants and beside a floor."""
