"""Approach 1: the envelope of training curves."""
