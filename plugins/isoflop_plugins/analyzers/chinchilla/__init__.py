"""Approach 3: the two-term law refitted to each family, with all that is asked of it."""
