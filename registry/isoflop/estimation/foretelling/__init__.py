"""What a law says ahead of the runs, and how well it said it before."""
