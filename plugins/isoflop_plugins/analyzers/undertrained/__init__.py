"""Too few or too many tokens, and the compute it wastes."""
