"""How far exponents move with the way N, C and loss are counted."""
