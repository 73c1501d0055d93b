"""URLs as text: told from paths, joined, taken apart, and shown without what is secret in them.

No request is made here; :mod:`guitarclf.files.remote` makes them.
"""

import os
import posixpath
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

SCHEMES = ("s3", "gs", "http", "https", "hf", "memory", "file")
WITHOUT_HOST = ("memory", "file")
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # two letters or more: c:// is a drive of Windows
MEANT = {"%": "%25", "?": "%3F", "#": "%23"}  # what a URL of the web means otherwise than the name of a file does
# A user and password, which may hold a slash, and a value of a query that is called as secrets are.
USER = re.compile(r"(?<=://)(?:[^/\s@]*|[^/\s@:]*:(?!\d+(?:/|$))[^\s@]{0,200})@")
SECRET = re.compile(
    r"(?<=[?&])([^=&?\s]{0,50}(?:signature|sig|token|secret|passw|credential|accesskey|api_?key|auth)[^=&?\s]{0,50})=[^&\s]*",
    re.IGNORECASE,
)


def is_url(path: object) -> bool:
    """Return whether a path is the text of a URL, of a scheme that is read here or of another."""
    return isinstance(path, str) and "://" in path and URL.match(path) is not None  # a million paths have none


def masked(text: str) -> str:
    """Return a text in which URLs have ``***`` for a user and password, and for the secrets of a query."""
    return SECRET.sub(r"\1=***", USER.sub("***@", text)) if "://" in text else text


def problem_of(url: str) -> str | None:
    """Return why a URL is not one that is read here, as a sentence after its name, None if it is."""
    scheme = url.partition("://")[0].lower()
    if scheme not in SCHEMES:
        return f"must begin with {', '.join(f'{name}://' for name in SCHEMES)}. It begins with {scheme}://. Correct it."
    if masked(url) != url:
        return (
            "must have no password, token or signature in it, which would be written into runs and tables. Give "
            "credentials as the library of the store takes them (docs/remote.md)."
        )
    try:
        parts = urlsplit(url)
    except ValueError as error:
        return f"must be a URL. {error}. Correct it."
    if parts.fragment and scheme in ("http", "https"):
        return f"must have no fragment. It has #{parts.fragment}. Write %23 for a # that is in a name."
    if not parts.netloc and scheme not in WITHOUT_HOST:
        return f"must name a {'host' if scheme in ('http', 'https') else 'bucket'} after {scheme}://. Correct it."
    return None


def joined(root: str | os.PathLike[str], name: str) -> str:
    """Return the path of a name relative to a folder or to a URL, as ``os.path.join`` does for paths.

    Below a URL ``.`` and ``..`` are resolved, and do not lead out of its host or bucket.
    """
    root = os.fspath(root)
    if is_url(name) or not is_url(root) or os.path.isabs(name):
        return name if is_url(name) else os.path.join(root, name)
    scheme, _, rest = root.partition("://")
    host, _, folder = rest.partition("/")
    if scheme in ("http", "https"):
        name = "".join(MEANT.get(char, char) for char in name)
    path = posixpath.join("/", folder, name)
    if not {".", ".."}.isdisjoint(path.split("/")):
        path = posixpath.normpath(path)
    return f"{scheme}://{host}{path}"


def relative(root: str | os.PathLike[str], path: str) -> str:
    """Return a path or URL relative to a root that it lies below, undoing :func:`joined`; another as it is."""
    base = os.fspath(root)
    start = f"{base.rstrip('/')}/" if is_url(base) else os.path.join(base, "")
    if not path.startswith(start):
        return path
    name = path[len(start) :]
    if base.startswith(("http://", "https://")):
        for char, code in reversed(MEANT.items()):
            name = name.replace(code, char)
    return name


def parent(path: str | os.PathLike[str]) -> str:
    """Return the folder of a path, or the URL that what a URL names lies below."""
    text = os.fspath(path)
    if not is_url(text):
        return str(Path(text).parent)
    scheme, _, rest = text.partition("://")
    rest = rest.partition("?")[0] if scheme in ("http", "https") else rest
    return f"{scheme}://{rest.rstrip('/').rpartition('/')[0] or rest}"


def absolute(path: str | os.PathLike[str]) -> str:
    """Return a path as an absolute one; a URL is."""
    text = os.fspath(path)
    return text if is_url(text) else str(Path(text).absolute())


def is_below(root: str | os.PathLike[str], url: str) -> bool:
    """Return whether a URL lies below another, also once ``..`` in it is resolved, however it is written."""
    base = f"{os.fspath(root).rstrip('/')}/"
    name = unquote(url.removeprefix(base))
    return is_url(base) and url.startswith(base) and not posixpath.normpath(name).startswith(("..", "/"))
