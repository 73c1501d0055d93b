"""Defaults, choices and rules of what shapes a model: said here once, for the classes and for the configuration."""
