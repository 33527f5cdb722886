"""How results show themselves: as text in a terminal, as HTML without scripts in a notebook."""
