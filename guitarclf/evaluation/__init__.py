"""Scores, baselines and figures, from tables and arrays only."""
