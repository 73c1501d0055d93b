"""Pages that one opens in a browser: their template, and sound and pictures that are part of them."""
