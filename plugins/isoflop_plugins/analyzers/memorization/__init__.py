"""What a model gives away word for word."""
