"""One engine for every law: problems, starts, Newton, resampling, likelihood."""
