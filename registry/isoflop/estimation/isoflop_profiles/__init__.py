"""Profiles of equal compute: budgets, optima, exponents and their bias."""
