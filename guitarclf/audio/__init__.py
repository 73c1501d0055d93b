"""Recordings and windows of sound, and their mel spectrograms; no scikit-learn, no pandas."""
