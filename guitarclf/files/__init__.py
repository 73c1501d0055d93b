"""Files that appear whole, locks, digests, progress bars, words of messages: what any long-running program needs."""
