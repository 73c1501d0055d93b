"""Names as they are spelled in tables and on disks, which may look alike and differ."""

import os
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from guitarclf.files.urls import is_url
from guitarclf.files.wording import shown
from guitarclf.labels import folded

BLANK = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\ufeff"


def stripped(text: str) -> str:
    """Return a text without blanks and U+FEFF (which stands before a file, and gets into cells) at its ends."""
    return text.strip(BLANK)


def as_on_disk(text: str, root: str | os.PathLike[str] | None) -> str:
    """Return a path, relative to ``root``, in the spelling in which there is such a file.

    Tried in turn: as it is written; without blanks and U+FEFF at its ends; with ``/`` for ``\\``; composed and
    decomposed (NFC, NFD). Without a root, below a URL, or if there is no such file, it is only stripped.
    """
    if root is not None and not is_url(os.fspath(root)):
        for spelling in _spellings(text):
            if os.path.isfile(os.path.join(root, spelling)):
                return spelling
    return stripped(text)


def _spellings(text: str) -> Iterator[str]:
    yield text
    yield (plain := stripped(text))
    for turned in (plain, plain.replace("\\", "/")):
        yield turned
        yield unicodedata.normalize("NFC", turned)
        yield unicodedata.normalize("NFD", turned)


def spelled_out(text: str) -> str:
    """Return a text for a message in which texts that look alike differ: all but ASCII as codes."""
    return f"'{shown(text.encode('ascii', 'backslashreplace').decode())}'"


def near_miss(path: str | os.PathLike[str]) -> str:
    """Return, as a sentence before others, the name on disk that a path without a file nearly has; "" for none.

    Nearly: in another case, with other blanks, composed otherwise, or with another suffix.
    """
    if is_url(os.fspath(path)):
        return ""
    parts = Path(os.fspath(path).replace("\\", "/")).parts
    for number, name in enumerate(parts):
        folder = Path(*parts[:number])
        if os.path.lexists(folder / name):
            continue
        try:
            whole, stems = _names_in(folder, folder.stat().st_mtime_ns)
        except (OSError, ValueError):
            return ""
        alike = whole.get(folded(name)) or stems.get(folded(Path(name).stem))
        return f"There is {spelled_out(alike)}, not {spelled_out(name)}. " if alike else ""
    return ""


@lru_cache(maxsize=8)  # or a table of missing files would list their folder once for each
def _names_in(folder: Path, changed: int) -> tuple[dict[str, str], dict[str, str]]:
    """Return the names in a folder ``changed`` last then, by folded name and by folded stem, the first of equals."""
    names = sorted(os.listdir(folder), reverse=True)
    return {folded(name): name for name in names}, {folded(Path(name).stem): name for name in names}
