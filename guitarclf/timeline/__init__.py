"""Events of whole recordings: found, classified, and written in the formats that other tools read."""
