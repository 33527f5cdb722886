"""Whether pruned data beats the power law."""
