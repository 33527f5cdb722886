"""The best achievable loss, as an envelope."""
