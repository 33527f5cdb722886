"""What more tokens than the best cost."""
