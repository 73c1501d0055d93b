"""Paths and values as they stand in a message: on one line, and short where they may be long."""

import os

MAX_SHOWN = 100  # characters of a value in a message


def shown(value: object) -> str:
    """Return a path, a text or any other value for a message, on one line whatever is in it."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else repr(value)
    return text if text.isprintable() else repr(text)[1:-1]


def shortened(value: object, most: int = MAX_SHOWN) -> str:
    """Return a value as :func:`shown` does, cut where it has more than ``most`` characters."""
    text = shown(value)
    return text if len(text) <= most else f"{text[:most]}..."
