"""``python -m guitarclf``: the command line.

In a checkout the command line lies in ``cli/`` beside the package and is installed as
``guitarclf.cli``. Run from the checkout's root after a plain install, Python finds the
checkout's package, which has no ``cli`` inside; it is then loaded from beside it.
"""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import guitarclf


def _load_cli() -> Callable:
    if importlib.util.find_spec("guitarclf.cli") is None:
        guitarclf.__path__.append(str(Path(__file__).resolve().parent.parent))
    from guitarclf.cli import main

    return main


if __name__ == "__main__":
    sys.exit(_load_cli()(prog_name="guitarclf"))
