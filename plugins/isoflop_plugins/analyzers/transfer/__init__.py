"""How much data pre-training is worth."""
