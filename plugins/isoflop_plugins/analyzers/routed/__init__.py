"""Which dense size a mixture of experts is worth."""
