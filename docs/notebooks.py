"""Examples of the gallery as notebooks, run from the first cell to the last: `make notebooks`."""

import json
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from sphinx_gallery.gen_gallery import DEFAULT_GALLERY_CONF
from sphinx_gallery.notebook import jupyter_notebook
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

GALLERY = Path(__file__).parent / "gallery"
SETTINGS = DEFAULT_GALLERY_CONF | {"first_notebook_cell": "%matplotlib inline"}


def write_notebook(name: str, folder: Path) -> None:
    """Write an example of the gallery as a notebook with what its cells print and draw; a cell that fails ends it."""
    _, blocks = split_code_and_text_blocks(str(GALLERY / f"{name}.py"))
    cells = jupyter_notebook(blocks, SETTINGS, str(GALLERY))
    notebook = nbformat.reads(json.dumps(cells), as_version=4)
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / f"{name}.ipynb")


if __name__ == "__main__":
    target, *names = sys.argv[1:]
    for example in names:
        write_notebook(example, Path(target))
        print(f"Written: {target}/{example}.ipynb")
