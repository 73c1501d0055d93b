"""Classify single guitar note events as harmonic, dead note or general note.

The public names stand in ``__init__.pyi`` and are resolved on first use, so that
importing the package costs milliseconds.
"""

import os

import lazy_loader

# How long an idle thread of torch's OpenMP spins before it sleeps. By default so long that two jobs on one machine
# slow each other five- to tenfold; never spinning costs a quarter on an idle one. Read when torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
