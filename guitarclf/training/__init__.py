"""How a net learns; plain numbers in."""
