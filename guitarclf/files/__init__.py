"""Whole files, locks, digests, progress bars, the wording of messages: what any long-running program needs."""
