"""Which parameters left the interval of the fit before."""
