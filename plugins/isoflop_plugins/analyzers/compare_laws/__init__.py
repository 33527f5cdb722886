"""Whose split of compute: published laws and your own side by side."""
