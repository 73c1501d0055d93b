"""``python -m guitarclf``: the command line.

In a checkout the command line lies in ``cli/`` beside the package and is installed as
``guitarclf.cli``. Run from the checkout's root after a plain install, Python finds the
checkout's package, which has no ``cli`` inside; it is then loaded from beside it.
"""

import importlib.util
import sys
from pathlib import Path


def _load_cli():
    if importlib.util.find_spec("guitarclf.cli") is None:
        folder = Path(__file__).resolve().parent.parent / "cli"
        spec = importlib.util.spec_from_file_location(
            "guitarclf.cli", folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        sys.modules["guitarclf.cli"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["guitarclf.cli"])
    from guitarclf.cli import main

    return main


if __name__ == "__main__":
    sys.exit(_load_cli()(prog_name="guitarclf"))
