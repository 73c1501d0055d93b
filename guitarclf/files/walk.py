"""Walk: the files below a folder, by one rule for all commands."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TWIN = "._"  # how the files begin in which macOS keeps what other systems have no place for
TWINS = ("__MACOSX", ".AppleDouble")  # folders of them


@dataclass
class Walk:
    """What lies below a folder, each folder once; a linked folder is walked too, unless it is one above the link.

    ``files`` are sorted: all that is no folder, links to nothing among them. What was not walked is in the other
    fields. Folders that are linked and lie below by themselves are walked where they lie.
    """

    root: Path | str  # a URL where it is a Listing
    files: list[Path] = field(default_factory=list)
    twins: list[Path] = field(default_factory=list)  # files and folders that macOS leaves behind
    closed: list[Path] = field(default_factory=list)  # folders that may not be read
    loops: list[Path] = field(default_factory=list)  # links to a folder that they lie in
    nameless: list[Path] = field(default_factory=list)  # whose name in a store no file of a folder can have

    def __post_init__(self) -> None:
        seen: set[tuple[int, int]] = set()
        folders = [Path(self.root)]
        while folders:
            links = sorted(link for folder in folders for link in self._enter(folder, seen))
            folders = [link for link in links if not self._is_loop(link)]
        for found in (self.files, self.twins, self.closed, self.loops):
            found.sort()

    def is_special(self, path: Path) -> bool:
        """Return whether one of the files is a pipe, a socket or a device."""
        try:
            return not stat.S_ISREG(os.stat(path).st_mode)
        except OSError:
            return False  # opening it will say why

    def _enter(self, start: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
        """Take in what lies below a folder, but for folders that were ``seen``; yield the links to folders."""
        folders = [start]
        while folders:
            folder = folders.pop()
            try:
                status = os.stat(folder)
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                with os.scandir(folder) as entries:
                    items = list(entries)
            except OSError:
                self.closed.append(folder)
                continue
            for item in items:
                path = folder / item.name
                if item.name.startswith(TWIN) or item.name in TWINS:
                    self.twins.append(path)
                elif item.is_dir(follow_symlinks=False):
                    folders.append(path)
                elif item.is_symlink() and os.path.isdir(path):
                    yield path
                else:
                    self.files.append(path)

    def _is_loop(self, link: Path) -> bool:
        """Return whether a link leads to a folder that it lies in, and note it if it does."""
        target, place = os.path.realpath(link), os.path.realpath(link.parent)
        is_loop = os.path.join(place, "").startswith(os.path.join(target, ""))
        if is_loop:
            self.loops.append(link)
        return is_loop


@dataclass
class Listing(Walk):
    """What lies below a URL, by its name relative to it; a store has no links, and tells of no closed folders."""

    def __post_init__(self) -> None:
        from guitarclf.files.remote import files_below

        base = f"{str(self.root).rstrip('/')}/"
        for name in (url.removeprefix(base) for url in files_below(str(self.root))):
            parts = name.split("/")
            if not {"", ".", ".."}.isdisjoint(parts) or "\0" in name:
                self.nameless.append(
                    Path(name)
                )  # what is written about it would get no place, or one outside its folder
                continue
            is_twin = parts[-1].startswith(TWIN) or not set(TWINS).isdisjoint(parts)
            (self.twins if is_twin else self.files).append(Path(name))

    def is_special(self, path: Path) -> bool:
        """Return False: a store has files only, whatever may have the name of one on this machine."""
        return False
