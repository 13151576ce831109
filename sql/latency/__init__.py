"""How fast the key queries are, measured so that neither drawing nor waiting for ourselves counts."""
