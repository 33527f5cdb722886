"""What analyzers share that go family by family: fits, tables, held-out runs, what is missing."""
