"""What a problem may depend on, in lines for an issue: versions, libraries, the machine. Loads torch only if asked."""

import importlib
import os
import platform
import re
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

from guitarclf.files.wording import reason

NOT_RUN_WITH = {"test", "dev", "docs"}  # extras that the program itself does not use
REQUIREMENT = re.compile(r"""(?P<name>[\w.-]+)[^;]*(;.*extra\s*==\s*["'](?P<extra>\w+)["'])?""")


def told_for_issues() -> Iterator[str]:
    """Yield lines: Python, the machine, the packages that it needs, and what they run on."""
    yield f"{platform.python_implementation()} {platform.python_version()}"
    yield f"{platform.platform()}, {platform.machine()}, {os.cpu_count()} cores"
    for name, is_optional in _required():
        version = _version(name)
        if version or not is_optional:
            yield f"{name} {version or 'is not installed'}"
    yield _said_by("soundfile", lambda soundfile: f"libsndfile {soundfile.__libsndfile_version__}")
    yield _said_by("torch", _devices)


def _required() -> list[tuple[str, bool]]:
    """Return each package that the installed guitarclf asks for, and whether only an extra does."""
    try:
        lines = metadata.requires("guitarclf") or []
    except metadata.PackageNotFoundError:  # a folder that is not installed
        return []
    found = [match for line in lines if (match := REQUIREMENT.match(line))]
    return [(match["name"], match["extra"] is not None) for match in found if match["extra"] not in NOT_RUN_WITH]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _devices(torch: Any) -> str:
    """Return the devices that torch finds here, the processor last."""
    cuda = [f"CUDA {torch.version.cuda} on {torch.cuda.get_device_name()}"] if torch.cuda.is_available() else []
    mps = ["MPS"] if torch.backends.mps.is_available() else []
    return f"torch runs on {', '.join([*cuda, *mps, 'the CPU'])}"


def _said_by(module: str, say: Callable[[Any], str]) -> str:
    """Return what a module says of itself; why not, where it cannot be loaded, which may be what the issue is about."""
    try:
        return say(importlib.import_module(module))
    except (ImportError, OSError) as error:
        return f"{module} cannot be loaded: {reason(error)}"
