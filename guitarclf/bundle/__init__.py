"""A trained model on disk: found, checked, loaded, and run."""
