"""Whether the table is right."""
