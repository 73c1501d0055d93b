"""Files at URLs: which version is there, a copy of it on this machine, and what lies below a folder.

fsspec knows the stores. Its own ``filecache`` is not used: its size has no bound, and a file that another process is
fetching is taken for whole. A version is what the store tells versions apart by, its ETag as a rule.
"""

import errno
import functools
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from guitarclf.errors import AudioReadError
from guitarclf.files import fetched
from guitarclf.files.urls import parent, problem_of
from guitarclf.files.wording import reason, shown

BLOCK = 2**20  # bytes that are read first, for checks; a file with no more is then here as a whole
MANY = 20  # files of one folder whose versions are asked for by listing it
KNOWN_SEC = 60.0  # a version that was asked for less than this ago is not asked for again
ASKED_AT_ONCE = 16
TRIES = 3
TIMEOUT_SEC = 30.0  # of a connection over http, until the next bytes
WEB = ("http", "https")
OF_THIS_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
GONE = (404, 410)  # what a server of the web says where there is no file
# What tells versions apart, the best first, by the names of s3fs, gcsfs, huggingface_hub, aiohttp and fsspec.
VERSIONS = (
    *("ETag", "etag", "blob_id", "md5Hash", "Content-MD5"),
    *("Last-Modified", "LastModified", "last_modified", "updated", "mtime", "created"),
)
ADVICE = "Check the URL, the network, and the credentials that the library of the store finds (docs/remote.md)."
MISSING = "There is no such file"


class State(NamedTuple):
    """The size of a file in bytes, and its version; None if the store does not tell versions apart."""

    size: int
    version: str | None


_known: dict[str, tuple[float, State]] = {}  # URL -> when it was asked for, and the answer


def ask(urls: Iterable[str]) -> dict[str, State | None]:
    """Return the state of the file at each URL, asked for now; None where there is no file.

    AudioReadError if that cannot be told: a URL that is none, a store that is not reached or does not let in.
    """
    rest, states = list(dict.fromkeys(urls)), dict[str, State | None]()
    folders: dict[str, list[str]] = {}
    for url in rest:
        _filesystem_of(url)
        folders.setdefault(parent(url), []).append(url)
    for folder, files in folders.items():
        if len(files) >= MANY and not folder.startswith(WEB):
            with suppress(AudioReadError):  # some stores let files be read, and not be listed
                there = _listed(folder)
                states |= {url: there.get(url) for url in files}
    rest = [url for url in rest if url not in states]
    with ThreadPoolExecutor(max_workers=min(ASKED_AT_ONCE, max(1, len(rest)))) as pool:
        states |= zip(rest, pool.map(_asked, rest), strict=True)
    _remember(states)
    return states


def state_of(url: str) -> State:
    """Return the state of a file, as it is known or asked for now; AudioReadError if it is not there."""
    when, state = _known.get(url, (-KNOWN_SEC, None))
    if state is None or time.monotonic() - when > KNOWN_SEC:
        state = ask([url])[url]
    if state is None:
        raise AudioReadError(f"{shown(url)} must be there to be read. {MISSING}. {ADVICE}")
    return state


def refresh(urls: Iterable[str]) -> None:
    """Ask for the states of those files that were not asked for lately, all at once."""
    now = time.monotonic()
    with suppress(AudioReadError):  # told where one is read
        ask(url for url in dict.fromkeys(urls) if now - _known.get(url, (-KNOWN_SEC,))[0] >= KNOWN_SEC)


def local(
    url: str, *, check: Callable[[BinaryIO], object] | None = None, most: int | None = None, fresh: bool = False
) -> Path:
    """Return the path of a copy of the file at a URL, fetched if there is none of its version.

    Parameters
    ----------
    url : str
    check : callable, optional
        Given the open file before it is fetched; it reads what it needs of it, and raises if the file is of no use.
    most : int, optional
        Bytes that the file may have.
    fresh : bool
        Whether its version is asked for even if it is known.

    Raises
    ------
    AudioReadError
        If it cannot be fetched.
    """
    if fresh:
        _known.pop(url, None)
    for _ in range(TRIES):
        state = state_of(url)
        most = fetched.limit_bytes() if most is None else most
        if state.size > most:
            raise AudioReadError(
                f"{shown(url)} must have at most {most} bytes to be fetched. It has {state.size}. Allow more with "
                "data.cache_gb, or cut it."
            )
        version = state.version or f"of process {os.getpid()}"  # which one, the store does not tell
        try:
            name = fetched.name_of(url, version, str(state.size)) + _suffix_of(url)
            return fetched.kept(name, partial(_fetch, url, state, check))
        except _ChangedError:
            continue
    raise AudioReadError(f"{shown(url)} must stay as it is while it is fetched. It changed {TRIES} times. Try later.")


def _suffix_of(url: str) -> str:
    """Return the suffix of a file's name, which tells what a table is, "" if it is none."""
    suffix = os.path.splitext(url.partition("?")[0])[1]
    return suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) < 10 else ""


def files_below(url: str) -> list[str]:
    """Return the URLs of all files below a folder, sorted; none if there is no such folder, or it is a file.

    Of the web it must end in a slash, and is a page that links to its files.
    """
    fs, _ = _filesystem_of(url)
    if url.startswith(WEB) and not url.endswith("/"):
        return []
    with _told(url):
        return sorted(_listed(url, fs.find))


class _ChangedError(Exception):
    """Another version is there than the one that was asked for."""


class _CutShortError(AudioReadError):
    """Fewer bytes came than the file has, or more."""


def _filesystem_of(url: str) -> tuple[Any, str]:
    """Return (filesystem, the path in it) of a URL; AudioReadError if it is none, or of a library that is missing."""
    problem = problem_of(url)
    if problem:
        raise AudioReadError(f"{shown(url)} {problem}")
    scheme = url.partition("://")[0].lower()
    try:
        fs = _filesystem(scheme, os.getpid())
    except ImportError as error:
        raise AudioReadError(
            f'{scheme}:// must have its library to be read. {reason(error)}. Run pip install "guitarclf[remote]".'
        ) from error
    except Exception as error:  # whatever a library says of its settings and credentials
        raise _as_ours(url, error) from error
    return fs, fs._strip_protocol(url)


@functools.lru_cache(maxsize=16)  # fsspec keeps one a thread, each with its own connections; after a fork it is useless
def _filesystem(scheme: str, process: int) -> Any:
    import fsspec

    settings: dict[str, Any] = {}
    if scheme in WEB:
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT_SEC, sock_read=TIMEOUT_SEC)
        settings = {"client_kwargs": {"timeout": timeout}, "headers": {"Accept-Encoding": "identity"}}
    return fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False, **settings)


def _asked(url: str) -> State | None:
    fs, path = _filesystem_of(url)
    with _told(url):
        try:
            info = fs.info(path)
        except FileNotFoundError as error:
            if isinstance(_cause(error), FileNotFoundError):
                return None
            raise
    if info["type"] == "directory":
        return None
    if info.get("size") is None:
        raise AudioReadError(f"{shown(url)} must have a size. Its server tells none. Copy it to this machine.")
    state = _state(info)
    _remember({url: state})  # also where another of those that are asked for cannot be told
    return state


def _listed(folder: str, how: Callable | None = None) -> dict[str, State]:
    """Return the state of each file in a folder, by its URL; ``how`` is ``find`` for those in folders below too."""
    fs, path = _filesystem_of(folder)
    start, base = f"{path.rstrip('/')}/", f"{folder.rstrip('/')}/"
    with _told(folder):
        try:
            found = (how or fs.ls)(path, detail=True)
        except (FileNotFoundError, NotADirectoryError) as error:
            if isinstance(_cause(error), FileNotFoundError | NotADirectoryError):
                return {}
            raise
    infos = found.values() if isinstance(found, dict) else found
    files = [info for info in infos if info["type"] == "file" and info["name"].startswith(start)]
    if folder.startswith(WEB):  # its links have no sizes, and some sort the page
        return {info["name"]: State(-1, None) for info in files if not {"?", "#"} & set(info["name"])}
    states = {base + info["name"][len(start) :]: _state(info) for info in files}
    _remember(states)
    return states


def _state(info: dict) -> State:
    version = next((f"{key} {info[key]}" for key in VERSIONS if info.get(key)), None)
    return State(info["size"], version)


def _remember(states: dict) -> None:
    now = time.monotonic()
    _known.update((url, (now, state)) for url, state in states.items() if state is not None)
    for url in [url for url, state in states.items() if state is None]:
        _known.pop(url, None)


def _fetch(url: str, state: State, check: Callable[[BinaryIO], object] | None, target: Path) -> None:
    """Write the file at a URL into another, once its beginning is checked; try again where it breaks off."""
    for left in reversed(range(TRIES)):
        try:
            try:
                with _told(url):
                    is_of_version = _copy(url, state, check, target)
            except AudioReadError as error:
                if not _is_broken(error.__cause__):  # what is refused may be the beginning of another version
                    _require_same(url, state)
                raise
            if not is_of_version:
                _require_same(url, state)
            size = target.stat().st_size
            if size == state.size:
                return
            raise _CutShortError(f"{shown(url)} must come as a whole. {size} of {state.size} bytes came. {ADVICE}")
        except AudioReadError as error:
            is_broken = isinstance(error, _CutShortError) or _is_broken(error.__cause__)
            if left == 0 or not is_broken:
                raise


def _require_same(url: str, state: State) -> None:
    """Raise _ChangedError unless the file at a URL is of the version that was asked for."""
    if ask([url])[url] != state:
        _known.pop(url, None)
        raise _ChangedError


def _copy(url: str, state: State, check: Callable[[BinaryIO], object] | None, target: Path) -> bool:
    """Write the file at a URL into another; return whether it is sure to be of the version that was asked for."""
    fs, path = _filesystem_of(url)
    known = {"size": state.size} if url.startswith(WEB) else {}  # saves a request
    with fs.open(path, "rb", block_size=BLOCK, cache_type="readahead", **known) as source:
        is_of_version = url.startswith("s3://") and _state(source.details) == state  # it asks for this ETag alone
        if check is not None:
            with suppress(ValueError):  # a server that gives no part from the middle: the copy is checked all the same
                check(source)
        if state.size <= BLOCK:
            source.seek(0)
            target.write_bytes(source.read())
            return is_of_version
    fs.get_file(path, os.fspath(target))
    return False


def _is_broken(error: BaseException | None) -> bool:
    """Return whether what failed is a connection, and not the file or the right to read it."""
    names = {each.__name__ for each in type(error).__mro__}
    return not names.isdisjoint({"ConnectionError", "TimeoutError", "ClientPayloadError", "ServerDisconnectedError"})


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Raise what a library raises in a ``with`` block as an AudioReadError: the URL, the reason, what to do.

    That there is no room for the copy is no fault of the URL, and stays as it is.
    """
    try:
        yield
    except AudioReadError:
        raise
    except Exception as error:  # each store's library has its own
        if isinstance(error, OSError) and error.errno in OF_THIS_DISK:
            raise
        raise _as_ours(url, error) from error


def _as_ours(url: str, error: Exception) -> AudioReadError:
    cause = _cause(error)
    why = MISSING if isinstance(cause, FileNotFoundError) and not cause.args[1:] else shown(reason(cause)).rstrip(".")
    return AudioReadError(f"{shown(url)} must be readable. {why}. {ADVICE}")


def _cause(error: Exception) -> Exception:
    """Return what is behind an error that says that there is no file, which fsspec makes of any other over http.

    It is that error itself where the server, too, says that there is none.
    """
    behind = error
    while isinstance(behind, FileNotFoundError) and isinstance(cause := behind.__cause__, Exception):
        behind = cause
    return error if getattr(behind, "status", None) in GONE else behind
