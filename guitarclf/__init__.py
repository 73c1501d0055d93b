"""Classify single guitar note events as harmonic, dead note or general note.

The public names stand in ``__init__.pyi`` and are resolved on first use, so that
importing the package costs milliseconds.
"""

import os
import sys

import lazy_loader

# How long an idle thread of torch's OpenMP spins before it sleeps. By default so long that two jobs on one machine
# slow each other five- to tenfold; never spinning costs a quarter on an idle one. Read when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__version__ = "0.2.0"

_get_lazily, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]


def __getattr__(name: str) -> object:
    """Return a public name; an ImportError with the cause if what it needs cannot be imported.

    ``from guitarclf import x`` takes any AttributeError, such as one of skorch's under ``python -OO``, for "no x".
    """
    try:
        return _get_lazily(name)
    except AttributeError as error:
        if name not in __all__:
            raise
        advice = " skorch needs its docstrings: run Python without -OO." if sys.flags.optimize > 1 else ""
        reason = f"{type(error).__name__}: {error}"
        raise ImportError(f"guitarclf.{name} cannot be imported. {reason}.{advice}") from error
