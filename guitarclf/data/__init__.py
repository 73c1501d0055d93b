"""What was played, where, and who may be in which split."""
