"""The next decade of compute, and how well the law foretold before."""
