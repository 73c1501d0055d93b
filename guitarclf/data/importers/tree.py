"""What all importers share: the files of a folder, their names, lengths and labels, and problems with them."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from guitarclf.audio.folders import files_of, recordings, tell_left_out
from guitarclf.audio.recordings import open_recording
from guitarclf.data.columns import EVENT_COLUMNS
from guitarclf.errors import EventTableError, GuitarclfError, ParameterError
from guitarclf.files.names import as_text
from guitarclf.files.walk import Walk
from guitarclf.files.wording import shown
from guitarclf.labels import TABLE_LABELS
from guitarclf.parameters.label_map import LabelMap

MAX_TEXT_BYTES = 4 * 2**20  # of a file that describes a recording; the longest of IDMT-SMT-GUITAR has some 100 kB
N_EXAMPLES = 3  # names given as examples

Found = tuple[list[dict], list[str]]  # events as rows of a table, and what is wrong with others


def check_folder(root: str | Path) -> Path:
    """Return ``root`` as a path; ParameterError if it is no folder."""
    root = Path(root)
    if not root.is_dir():
        what = "It is a file" if root.exists() else "There is no such folder"
        raise ParameterError(f"{root} must be a folder of recordings. {what}. Check ROOT.")
    return root


class Tree:
    """The files below a folder that is imported: ``recordings``, and others by their suffix."""

    def __init__(self, root: str | Path):
        """Walk ``root`` and say what is left out; ParameterError if it is no folder that may be read."""
        self.root = check_folder(root)
        self.walk = Walk(self.root)
        if self.root in self.walk.closed:
            raise ParameterError(f"{shown(root)} must be a folder that may be read. Check its permissions.")
        self.recordings = recordings(self.walk)
        tell_left_out([self.walk])

    def files(self, *suffixes: str) -> list[Path]:
        """Return the files of some suffixes, sorted."""
        return files_of(self.walk, suffixes)

    def folders(self) -> list[Path]:
        """Return the folders in the root, sorted, without hidden ones; a link leads to one of them."""
        hidden = {*self.walk.twins, *self.walk.loops}
        inside = (path for path in self.root.iterdir() if path.is_dir() and path not in hidden)
        return sorted(path for path in inside if not path.name.startswith("."))


def recording_length(path: Path) -> float:
    """Return a recording's length in seconds, from its header; AudioReadError if it is none."""
    with open_recording(path) as recording:
        return round(recording.frames / recording.samplerate, 6)


def read_small(path: Path, kind: str) -> bytes:
    """Return the bytes of a file that describes a recording; EventTableError if it is unreadable or too long."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_TEXT_BYTES + 1)
    except OSError as error:
        raise EventTableError(f"it must be a readable file; {error.strerror}") from error
    if len(content) > MAX_TEXT_BYTES:
        raise EventTableError(f"{kind} must have at most {MAX_TEXT_BYTES // 2**20} MB")
    return content


class ByName:
    """Recordings by folder and name without suffix; where no name has the asked case, any case will do."""

    def __init__(self, recordings: Iterable[tuple[Path, Path]]):
        """Take (folder, recording) pairs, of which an earlier one wins."""
        pairs = list(recordings)
        self.claimed: dict[Path, Path] = {}  # recording -> what describes it
        self._paths = {(folder, path.stem): path for folder, path in reversed(pairs)}
        for folder, path in pairs:
            self._paths.setdefault((folder, path.stem.casefold()), path)

    def find(self, folder: Path, stem: str) -> Path | None:
        """Return the recording of a name in a folder."""
        return self._paths.get((folder, stem)) or self._paths.get((folder, stem.casefold()))

    def claim(self, recording: Path, path: Path) -> None:
        """Note which recording a file describes; EventTableError if another one describes it already."""
        first = self.claimed.setdefault(recording, path)
        if first != path:
            raise EventTableError(f"{first.name} describes {recording.name} already")


def read_each(root: Path, paths: Iterable[Path], read: Callable[[Path], Found]) -> Found:
    """Return what ``read`` finds in all files; its errors become problems, and each problem names its file."""
    rows: list[dict] = []
    problems: list[str] = []
    for path in paths:
        try:
            events, broken = read(path)
        except GuitarclfError as error:
            events, broken = [], [str(error)]
        rows += events
        problems += [f"{below(root, path)}: {what}" for what in broken]
    return rows, problems


def as_events(rows: list[dict], labels: LabelMap, extra: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return rows as an events table with our columns, ``track`` and the extra ones, possibly empty.

    ``events.attrs["told"]`` says which styles ``"*"`` stood for in ``labels``.
    """
    events = pd.DataFrame(rows, columns=[*EVENT_COLUMNS, "track", *extra])
    events.attrs["told"] = labels.told(events["expression_style"])
    return events


def table_path(root: Path, path: Path) -> str:
    """Return a path as a table has it, relative to ``root`` with forward slashes."""
    text = as_text(path.relative_to(root).as_posix())
    if text != text.strip():
        raise EventTableError("a table's path must be without spaces at its ends; rename the file or folder")
    return text


def below(root: Path, path: Path) -> str:
    """Return a path for a message, relative to ``root``."""
    return shown(path.relative_to(root).as_posix())


def left_over(root: Path, paths: list[Path], what: str) -> list[str]:
    """Return a problem for each folder of ``root`` that holds some of the paths; ``what`` says what is wrong."""
    folders: dict[str, list[Path]] = {}
    for path in paths:
        folder, *rest = path.relative_to(root).parts
        folders.setdefault(folder if rest else ".", []).append(path)
    return [
        f"{below(root, root / folder)}: {len(found)} recordings {what}: "
        + ", ".join(below(root, path) for path in found[:N_EXAMPLES])
        + (", ..." if len(found) > N_EXAMPLES else "")
        for folder, found in folders.items()
    ]


def how_to_label(text: str) -> str:
    """Return the advice that goes with a text that stands for no label."""
    return f"; name it {', '.join(TABLE_LABELS)}, or give --label {(text.strip() + '=general_note')!r}"
