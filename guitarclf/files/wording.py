"""Values and errors of the system as they stand in a message: on one line, and short where they may be long."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from guitarclf.errors import RunError
from guitarclf.files.names import as_text
from guitarclf.files.urls import masked

MAX_SHOWN = 100  # characters of a value in a message


def shown(value: object) -> str:
    """Return a path, a text or any other value for a message, on one line whatever is in it, without passwords."""
    if isinstance(value, bytes):  # the name of a file
        value = os.fsdecode(value)
    text = as_text(value) if isinstance(value, str | os.PathLike) else repr(value)
    text = masked(text)
    return text if text.isprintable() else repr(text)[1:-1]


def shortened(value: object, most: int = MAX_SHOWN) -> str:
    """Return a value as :func:`shown` does, cut where it has more than ``most`` characters."""
    text = shown(value)
    return text if len(text) <= most else f"{text[:most]}..."


def reason(error: Exception) -> str:
    """Return the type and the text of an error, on one line of at most 200 characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200].removesuffix(":")


@contextmanager
def explained(rule: str, advice: str = "") -> Iterator[None]:
    """Raise an error of the system in a ``with`` block as a RunError: what must hold, the reason, what to do."""
    try:
        yield
    except OSError as error:
        if error.strerror is None:  # an error of ours, which is explained already
            raise
        raise RunError(f"{rule}. {error.strerror}. {advice}".rstrip()) from error
