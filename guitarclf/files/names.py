"""Names of files as text, and back: what no text can hold is escaped, and found again.

A system may allow names that are not UTF-8. Python has their bytes as surrogates (PEP 383), which no table, log or
terminal takes; as text such a byte is an escape like ``\\udcf6``.
"""

import hashlib
import os
import re
from collections import Counter

ESCAPE = "backslashreplace"  # the handler of a codec that writes these escapes
ESCAPED = re.compile(r"\\u(d[89a-f][0-9a-f]{2})")
FORBIDDEN = frozenset('<>:"/\\|?*')  # in names on Windows
DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]) *(\.|$)", re.IGNORECASE)  # no file there, whatever its suffix


def as_text(path: str | os.PathLike[str]) -> str:
    """Return a path, or any text, as UTF-8 can hold it: bytes that are no UTF-8 become escapes."""
    text = os.fspath(path)
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8")  # whatever the locale took the bytes for
    except UnicodeError:
        return text.encode("utf-8", ESCAPE).decode("utf-8")


def as_path(text: str) -> str:
    """Return the path that a text stands for, such as a cell of a table, so that the system finds the file.

    Escapes of :func:`as_text` are undone, unless a file has them in its name.
    """
    if "\\" in text and ESCAPED.search(text) and not os.path.lexists(text):
        text = ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    if text.isascii():
        return text
    try:
        os.fsencode(text)
    except UnicodeEncodeError:  # a locale without this letter
        return os.fsdecode(text.encode("utf-8", "surrogateescape"))
    return text


def portable(text: str, most: int = 150) -> str:
    """Return a text as the name of a file on any system, or the start of one, of at most ``most`` bytes.

    Characters that cannot be seen or that Windows forbids become ``_``. What had to be changed ends in a digest, so
    that two texts never become one name.
    """
    text = as_text(text)
    name = "".join("_" if char in FORBIDDEN or not char.isprintable() else char for char in text)
    name = f"_{name}" if DEVICE.match(name) else name
    name = name.encode()[:most].decode(errors="ignore")
    if name == text != "" and text[-1] not in ". ":
        return name
    digest = hashlib.blake2b(text.encode(), digest_size=3).hexdigest()
    return f"{name.encode()[: most - 7].decode(errors='ignore')}_{digest}"


def unique_names(paths: list[str]) -> list[str]:
    """Return a name for each path: its stem; where others share it the path without suffix, then with it, then counted.

    All are different, and each is text that UTF-8 can hold.
    """
    texts = [as_text(path) for path in paths]
    names = [as_text(os.path.splitext(os.path.basename(path))[0]) for path in paths]
    names = _where_shared(names, [os.path.splitext(text)[0] for text in texts])
    names = _where_shared(names, texts)
    taken: set[str] = set()
    for row, name in enumerate(names):
        number = 1
        while names[row] in taken:
            number += 1
            names[row] = f"{name}#{number}"
        taken.add(names[row])
    return names


def _where_shared(names: list[str], longer: list[str]) -> list[str]:
    """Return names, a longer one for each that is there more than once."""
    counts = Counter(names)
    return [long if counts[name] > 1 else name for name, long in zip(names, longer, strict=True)]
