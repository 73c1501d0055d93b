"""Folders for what is kept from one run to the next: the user's, or where there is none, a temporary one.

A user of a container, a service or a cluster may have no home, or one that cannot be written, and the package may lie
where only an administrator writes. Libraries answer that with an error or a warning each.
"""

import atexit
import functools
import getpass
import logging
import os
import shutil
import tempfile
from pathlib import Path

from guitarclf.files.wording import explained

logger = logging.getLogger(__name__)

PACKAGE = Path(__file__).parent.parent


@functools.cache  # once in a process
def find_caches() -> None:
    """Give our features, numba, matplotlib and torch a temporary folder where they find none; warn if so.

    To be called before one of them is imported. The folder is for this process and those it starts, which find it in
    the environment, and is removed at the end.
    """
    missing = [variable for variable, is_there in _looked_for() if not is_there]
    if not missing:
        return
    with explained("A folder for temporary files must be writable", "Set TMPDIR."):
        folder = tempfile.mkdtemp(prefix="guitarclf-cache-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.update({variable: os.path.join(folder, variable.lower()) for variable in missing})
    logger.warning(
        "No folder of this user can be written, so that what is computed once is kept in %s until the end. "
        "To keep it longer set HOME or %s.",
        folder,
        ", ".join(missing),
    )


def _looked_for() -> list[tuple[str, bool]]:
    """Return the variable of the environment that names each cache, and whether there is a folder for it."""
    given = os.environ.get
    home = os.path.expanduser("~")
    kept = is_writable(given("XDG_CACHE_HOME") or os.path.join(home, ".cache"))
    configured = is_writable(given("XDG_CONFIG_HOME") or os.path.join(home, ".config"))
    compiled = is_writable(str(PACKAGE / "data" / "synth" / "__pycache__")) or kept
    return [
        ("GUITARCLF_CACHE", bool(given("GUITARCLF_CACHE")) or kept),  # one that is given is answered for elsewhere
        ("NUMBA_CACHE_DIR", is_writable(given("NUMBA_CACHE_DIR", "")) or compiled),
        ("MPLCONFIGDIR", is_writable(given("MPLCONFIGDIR", "")) or (kept and configured)),
        ("TORCHINDUCTOR_CACHE_DIR", bool(given("TORCHINDUCTOR_CACHE_DIR")) or _has_name()),
    ]


def is_writable(folder: str) -> bool:
    """Return whether a folder can be written, having made it and tried; a path that is not absolute stands for none."""
    if not os.path.isabs(folder):
        return False  # "~" where there is no home
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _has_name() -> bool:
    """Return whether the user has a name, which torch puts into the name of its folder."""
    try:
        return bool(getpass.getuser())
    except (KeyError, OSError, ImportError):  # which of them, depends on Python's version and the system
        return False


def cache_folder(name: str) -> Path:
    """Return the folder of a name below ``$GUITARCLF_CACHE``, the user's folder for caches, or a temporary one."""
    find_caches()
    from platformdirs import user_cache_path  # prediction, which keeps nothing, does not wait for it

    given = os.environ.get("GUITARCLF_CACHE")
    return Path(given or user_cache_path("guitarclf", appauthor=False, opinion=False)) / name
