"""What two modalities lose or gain in one model."""
