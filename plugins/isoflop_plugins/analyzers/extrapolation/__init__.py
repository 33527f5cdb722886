"""Which law carries a curve on, judged by its held-out end."""
