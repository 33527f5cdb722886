"""Scores against scale: onset, abruptness, noise and trend."""
