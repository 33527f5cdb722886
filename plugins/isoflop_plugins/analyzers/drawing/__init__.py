"""What charts of several analyzers share: axes, legends, labels."""
