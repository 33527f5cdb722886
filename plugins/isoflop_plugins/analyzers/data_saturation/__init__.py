"""What more tokens still bring at one size."""
