"""Task error from loss."""
