"""What tells a file from its other versions without reading it.

A file changed twice within the clock's grain may look unchanged. So what was computed of a file is not kept if that was
changed less than GRAIN_SEC before, or while it was read.
"""

import os
import time

from guitarclf.files.places import file_of, version_at
from guitarclf.files.urls import is_url

GRAIN_SEC = 2.0  # the coarsest clock of a file system in use (FAT)


def state_of(path: str, here: str) -> bytes | None:
    """Return path, size, times of the last change and inode of a file; None if it is missing, or changed just now.

    Of a recording in a table these are the table's. Of a file at a URL it is the URL and the version, None if that is
    not known. ``here`` is the folder that a relative path starts from.
    """
    file, _ = file_of(path)
    if is_url(file):
        version = version_at(file)
        return None if version is None else f"{path}\0{version}".encode("utf-8", "surrogatepass")
    try:
        status = os.stat(file)
    except (OSError, ValueError):
        return None
    if time.time() - max(status.st_mtime, status.st_ctime) < GRAIN_SEC:
        return None
    numbers = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    return b"%s\0%d %d %d %d" % (os.fsencode(os.path.join(here, path)), *numbers)
