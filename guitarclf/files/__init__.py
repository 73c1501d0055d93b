"""Files that appear whole, locks, digests, progress bars: what any program with long work needs."""
