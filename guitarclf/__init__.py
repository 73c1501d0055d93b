"""Classify single guitar note events as harmonic, dead note or general note.

The public names stand in ``__init__.pyi`` and are resolved on first use, so that
importing the package costs milliseconds.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
