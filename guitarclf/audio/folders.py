"""Recordings below folders, and in words what is not read there."""

import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from guitarclf.audio.header import SUFFIXES
from guitarclf.errors import AudioReadError, ParameterError
from guitarclf.files import places
from guitarclf.files.urls import is_url, problem_of
from guitarclf.files.walk import TWIN, Listing, Walk
from guitarclf.files.wording import shown

logger = logging.getLogger(__name__)

AUDIO_SUFFIXES = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
# Other audio, and films; a recording in one of these is told, not read.
OTHER_SUFFIXES = (
    *(".3gp", ".aa", ".aac", ".aax", ".ac3", ".aif", ".aifc", ".aiff", ".alac", ".amr", ".ape", ".au", ".avi"),
    *(".awb", ".caf", ".dff", ".dsf", ".dts", ".flv", ".m4a", ".m4b", ".m4p", ".mka", ".mkv", ".mov"),
    *(".mp1", ".mp2", ".mp4", ".mpc", ".mpg", ".mpeg", ".ra", ".rf64", ".rm", ".sd2", ".snd", ".spx", ".tak"),
    *(".tta", ".voc", ".w64", ".webm", ".wma", ".wmv", ".wv"),
)


def recordings(found: Walk) -> list[Path]:
    """Return the files of a walk that are recordings by their name, sorted; what cannot be opened is among them."""
    return [path for path in files_of(found, AUDIO_SUFFIXES) if not found.is_special(path)]


def other_recordings(found: Walk) -> list[Path]:
    """Return the files of a walk that are audio by their name, but of a format that is not read here."""
    return files_of(found, tuple(suffix for suffix in OTHER_SUFFIXES if suffix not in AUDIO_SUFFIXES))


def files_of(found: Walk, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files of a walk with one of some suffixes, in any case, sorted."""
    return [path for path in found.files if path.suffix.lower() in suffixes]


def given_files(paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Return the files that paths stand for: a folder for the recordings below it, sorted, a file for itself.

    What does not exist stays, so that its error is told where it is read; so does a folder without recordings. What is
    left out of folders is logged in one line.

    Raises
    ------
    ParameterError
        If a path is empty, or a URL that is not read here.
    """
    files: list[str] = []
    walks: list[Walk] = []
    for path in paths:
        if not os.fspath(path):
            raise ParameterError("A path must name a file or a folder. Got ''. For the working folder give a dot.")
        found: list[Path] = []
        url = os.fspath(path)
        if is_url(url):
            if problem := problem_of(url):
                raise ParameterError(f"{shown(url)} {problem}")
            files += files_at(url, walks)
            continue
        if os.path.isdir(path):
            walks.append(Walk(Path(path)))
            found = recordings(walks[-1])
        files += map(str, found or [Path(path)])
    places.expect(files)
    tell_left_out(walks)
    return files


def files_at(url: str, walks: list[Walk]) -> list[str]:
    """Return the URLs of the recordings below a URL, and add what was found to ``walks``; itself if there are none.

    What has the suffix of a recording is no folder, which saves a request. A store that does not answer is told of
    where the URL is read.
    """
    if url.lower().endswith(AUDIO_SUFFIXES):
        return [url]
    try:
        found = Listing(url)
    except AudioReadError:
        return [url]
    walks += [found] if found.files or found.nameless else []
    base = url.rstrip("/")
    return [f"{base}/{path.as_posix()}" for path in recordings(found)] or [url]


def find_audio_files(folder: str | Path) -> list[Path]:
    """Return every recording below a folder, sorted by path; see `Walk` for what is not walked."""
    return recordings(Walk(Path(folder)))


def tell_left_out(walks: Sequence[Walk]) -> None:
    """Warn of what walks left out, in one line."""
    what = left_out(walks)
    if what:
        where = shown(walks[0].root) if len(walks) == 1 else f"{len(walks)} folders"
        logger.warning("%s: left out: %s.", where, what)


def left_out(walks: Sequence[Walk]) -> str:
    """Return in words what walks left out, with a count for each reason; "" if it is nothing."""
    others = [path for found in walks for path in other_recordings(found)]
    suffixes = ", ".join(sorted({path.suffix.lower() for path in others}))
    special = [path for found in walks for path in files_of(found, AUDIO_SUFFIXES) if found.is_special(path)]
    n_closed = sum(len(found.closed) for found in walks)
    n_loops = sum(len(found.loops) for found in walks)
    reasons = [
        (len(others), f"of a format that is not read ({suffixes})"),
        (sum(len(found.twins) for found in walks), f"of macOS ({TWIN}*)"),
        (len(special), "pipes or devices" if len(special) > 1 else "pipe or device"),
        (sum(len(found.nameless) for found in walks), "of a name that no file here can have"),
        (n_closed, "folders that may not be read" if n_closed > 1 else "folder that may not be read"),
        (n_loops, "links to a folder around them" if n_loops > 1 else "link to a folder around it"),
    ]
    return ", ".join(f"{count} {reason}" for count, reason in reasons if count)
