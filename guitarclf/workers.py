"""What runs in a process that works for another one: the function it holds, and what it must have in common with it."""

import os
import platform
import re
import shutil
import socket
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from pickle import dumps, loads
from threading import Thread
from typing import Any, NamedTuple

from guitarclf.errors import ClusterError, GuitarclfError
from guitarclf.files.digest import text_digest
from guitarclf.files.fetched import keep_below, limit_bytes
from guitarclf.files.names import as_path
from guitarclf.files.places import file_of
from guitarclf.files.urls import is_url
from guitarclf.files.wording import reason, shown

# What computes, or carries, a result.
PACKAGES = (
    "cloudpickle",
    "dask",
    "distributed",
    "joblib",
    "librosa",
    "numpy",
    "onnxruntime",
    "pandas",
    "scikit-learn",
    "scipy",
    "skorch",
    "soundfile",
    "soxr",
    "torch",
)
MAX_SAMPLED = 16  # files that each worker is asked for
WATCH_SEC = 1.0  # between two looks at whether the process that is worked for is there

_held: dict[str, Callable] = {}  # the function of the last work of this process, by its name


@dataclass(frozen=True)
class Common:
    """What a worker must have in common with the process that it works for.

    Parameters
    ----------
    versions : mapping
        Package -> version, with Python and the code of this package.
    sizes : mapping
        Path -> bytes of some of the files that jobs read.
    processor : str
        Of this machine. Another one is no reason for a complaint.
    cache_gb : float
        That copies of what is at URLs may take, on each machine.
    """

    versions: Mapping[str, str]
    sizes: Mapping[str, int]
    processor: str
    cache_gb: float

    @classmethod
    def here(cls, files: Sequence[str]) -> "Common":
        """Return what this process has: its versions, and the sizes of a few of ``files`` that are there."""
        step = max(1, -(-len(files) // MAX_SAMPLED))
        sampled = [file_of(path)[0] for path in files[::step]]  # of sound in a table, that table
        sizes = {os.path.abspath(path): _size(path) for path in sampled if not is_url(path)}
        there = {path: size for path, size in sizes.items() if size is not None}
        return cls(versions(), there, processor(), limit_bytes() / 1e9)

    def complaint(self) -> str:
        """Return in a sentence or two what this process has not, and what to do; "" if it has all."""
        for name, version in versions().items():
            if version != self.versions.get(name):
                return (
                    f"It must have the versions of this machine. `{name}` is {version} there, and here "
                    f"{self.versions.get(name)}. Install the same there, and start the worker again."
                )
        for path, size in self.sizes.items():
            there = _size(path)
            if there != size:
                what = "It is not there" if there is None else f"It has {there} bytes there, and here {size}"
                return (
                    f"It must see the files of this machine under the same paths. {shown(path)}: {what}. Mount the "
                    "folder there, or work on a machine that has it."
                )
        return ""


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of PACKAGES here, and a digest of the code of this package."""
    package = Path(__file__).parent
    files = sorted(path for path in package.rglob("*.py") if path.relative_to(package).parts[0] != "cli")
    code = (text for path in files for text in (path.relative_to(package).as_posix(), path.read_text(encoding="utf-8")))
    own = {"python": platform.python_version(), "code of guitarclf": text_digest(*code)}
    return own | {name: _version(name) for name in PACKAGES}


@cache
def processor() -> str:
    """Return the model of this machine's processor, or what the system says of it."""
    with suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(errors="replace"), re.MULTILINE)
        if found:
            return found[1]
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _size(path: str) -> int | None:
    try:
        return os.stat(as_path(path)).st_size
    except OSError:
        return None


class Seen(NamedTuple):
    """What a worker tells of itself: its machine, why it cannot be used or "", and what is good to know."""

    host: str
    complaint: str
    shares_cache: bool
    processor: str
    memory_limit: int  # bytes, 0 for none


def look_around(common: Common, sign: str | None) -> Seen:
    """Return what this worker has; ``sign`` is a file in the feature cache of the process that asks."""
    from distributed import get_worker

    is_shared = sign is not None and os.path.isfile(sign)
    limit = get_worker().memory_manager.memory_limit or 0
    return Seen(socket.gethostname(), common.complaint(), is_shared, processor(), limit)


@dataclass(frozen=True)
class Call:
    """A function and what it is called with. Who unpickles it has the result.

    So a worker that cannot import the function answers with an error; Dask, given the function, would break off.
    """

    function: Callable
    arguments: tuple

    def __reduce__(self) -> tuple[Callable, tuple]:
        return self.function, self.arguments


@cache
def end_with(parent: int, folder: Path) -> None:
    """Let this process end soon after its parent, of a given number, with the folder that the parent then left.

    A process of joblib's goes on with its job, and then waits for minutes for another one. On Windows it still does:
    there a process keeps the number of a parent that is gone. Asked again, this does nothing.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SEC)
        shutil.rmtree(folder, ignore_errors=True)  # who else works for it does the same
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def call(name: str, content: bytes | Path, job: Any) -> Any:
    """Return what a function makes of a job. This process keeps the function, with what it remembers, for its next job.

    Parameters
    ----------
    name : str
        By which the function is known again.
    content : bytes or Path
        A pickle of the function, or the file that holds it.
    job : object
    """
    if name not in _held:
        _hold(name, loads(content if isinstance(content, bytes) else content.read_bytes()))
    return _held[name](job)


def call_on_worker(name: str, content: bytes, job: bytes) -> tuple[Any, Exception | None]:
    """Return (what `call` does, None) on a worker of Dask, or (None, the error).

    An error of ours tells the worker, any other has a note with the worker and the traceback. Errors are not raised:
    Dask waits for ever for a traceback that is too deep to be sent.

    Parameters
    ----------
    name : str
        By which the function is known again.
    content : bytes
        A pickle of (Common, function). A worker, which may have come after the others were looked at, that has not what
        is common answers with a ClusterError.
    job : bytes
        A pickle of the job, which the scheduler, having no need of it, is spared.
    """
    try:
        if name not in _held:
            common, function = loads(content)
            if complaint := _threads_complaint() or common.complaint():
                return None, ClusterError(f"W{_this_worker()[1:]} cannot be used. {complaint}")
            keep_below(common.cache_gb)
            _hold(name, function)
        return _held[name](loads(job)), None
    except GuitarclfError as error:
        return None, type(error)(f"{error} That was on {_this_worker()}.")
    except Exception as error:  # raised where the others are waited for
        return None, _sendable(error)


def _sendable(error: Exception) -> Exception:
    """Return an error, or one that tells it, that a pickle can hold, with its traceback as a note."""
    note = f"On {_this_worker()}:\n{''.join(traceback.format_exception(error))}"
    try:
        loads(dumps(error))
    except Exception:  # whatever its classes do
        error = RuntimeError(reason(error))
    error.add_note(note)
    return error


def _hold(name: str, function: Callable) -> None:
    _held.clear()  # what the last one remembers is let go before this one remembers
    _held[name] = function


def _threads_complaint() -> str:
    from distributed import get_worker

    n_threads = get_worker().state.nthreads
    return "" if n_threads == 1 else f"It must have one thread, and has {n_threads}. Start it with --nthreads 1."


def _this_worker() -> str:
    from distributed import get_worker

    return f"worker {get_worker().address} on {socket.gethostname()}"
