"""What runs in a process that works for another one: the function it holds, and what it must have in common with it."""

import os
import platform
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from pickle import loads
from typing import Any

from guitarclf.errors import ClusterError, GuitarclfError
from guitarclf.files.digest import text_digest
from guitarclf.files.names import as_path
from guitarclf.files.wording import shown

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
    """

    versions: Mapping[str, str]
    sizes: Mapping[str, int]

    @classmethod
    def here(cls, files: Sequence[str]) -> "Common":
        """Return what this process has: its versions, and the sizes of a few of ``files`` that are there."""
        step = max(1, -(-len(files) // MAX_SAMPLED))
        sizes = {os.path.abspath(path): _size(path) for path in files[::step]}
        return cls(versions(), {path: size for path, size in sizes.items() if size is not None})

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
    files = sorted(package.rglob("*.py"))
    code = (text for path in files for text in (path.relative_to(package).as_posix(), path.read_text(encoding="utf-8")))
    own = {"python": platform.python_version(), "code of guitarclf": text_digest(*code)}
    return own | {name: _version(name) for name in PACKAGES}


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


def look_around(common: Common, sign: str | None) -> tuple[str, str, bool]:
    """Return the name of this machine, its complaint, and whether a file is seen that the other process wrote."""
    return socket.gethostname(), common.complaint(), sign is not None and os.path.isfile(sign)


def call(name: str, content: bytes | Path, job: Any) -> Any:
    """Return what a function makes of a job. This process keeps the function, with what it remembers, for its next job.

    Parameters
    ----------
    name : str
        By which the function is known again.
    content : bytes or Path
        A pickle of (Common or None, function), or the file that holds it.
    job : object

    Raises
    ------
    ClusterError
        If there is a Common, and this process has not what it says. Where there is one, any other error of ours tells
        the worker.
    """
    if name not in _held:
        common, function = loads(content if isinstance(content, bytes) else content.read_bytes())
        if common is not None and (complaint := common.complaint()):
            raise ClusterError(f"{_this_worker()} cannot be used. {complaint}")
        _held.clear()
        _held[name] = function if common is None else _telling_worker(function)
    return _held[name](job)


def _telling_worker(function: Callable) -> Callable:
    """Return a function whose errors of ours tell the worker."""

    def told(job: Any) -> Any:
        try:
            return function(job)
        except GuitarclfError as error:
            raise type(error)(f"{error} That was on {_this_worker()}.") from error

    return told


def _this_worker() -> str:
    from distributed import get_worker

    return f"worker {get_worker().address} on {socket.gethostname()}"
