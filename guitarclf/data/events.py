"""The events table: one row a note, read from CSV or Parquet and checked row by row."""

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from guitarclf.data.rules import NO_PITCH, Problem, as_events_in_file, as_number, check_cells
from guitarclf.data.table import RawTable, read_table
from guitarclf.errors import EventTableError
from guitarclf.files.whole import write_text
from guitarclf.labels import LABELS

EVENT_COLUMNS = (
    "note_id",
    "audio_path",
    "onset_sec",
    "offset_sec",
    "pitch_midi",
    "expression_style",
    "label_category",
)
MAPPABLE = (*EVENT_COLUMNS, "duration_sec", "track", "split")
MAX_LISTED_PROBLEMS = 20
NUMBERS = {"onset_sec", "offset_sec", "duration_sec", "pitch_midi"}
DECIMAL_COMMA = re.compile(r"[-+]?[0-9]*,[0-9]+")


def read_events(
    path: str | Path,
    *,
    audio_root: str | Path | None = None,
    columns: Mapping[str, str | list[str]] | None = None,
    labels: Mapping[str, str] | None = None,
    require_labels: bool = True,
) -> pd.DataFrame:
    """Return the events table of a CSV or Parquet file.

    Parameters
    ----------
    path : str or Path
        The table, with the columns of ``EVENT_COLUMNS``; ``track`` and ``split`` are optional, any
        other column is kept as text.
    audio_root : str, Path or None
        Folder that relative ``audio_path`` cells are joined to; None leaves them as they are.
    columns : mapping, optional
        Our column -> theirs, or a list of theirs to join with ``_``. ``offset_sec`` may come from
        a column ``duration_sec`` in seconds.
    labels : mapping, optional
        Their label -> one of LABELS; the key ``"*"`` stands for every other text.
    require_labels : bool
        Whether ``label_category`` must be there and one of LABELS in every row, and ``offset_sec`` a
        number. If not, labels are kept as they are, or empty, and an offset may be missing: NaN.

    Returns
    -------
    events : DataFrame
        Ids, styles, tracks as text; times in seconds as float64; ``pitch_midi`` -1 where unknown;
        ``track`` the stem of ``audio_path`` unless given; ``events_in_file`` how many events the
        row's file has, counted unless given, so that a row means the same without the others.

    Raises
    ------
    EventTableError
        Listing up to 20 problems, each with file, line, column, value and rule.
    """
    events, problems = check_events(
        path, audio_root=audio_root, columns=columns, labels=labels, require_labels=require_labels
    )
    if problems:
        shown = [str(problem) for problem in problems[:MAX_LISTED_PROBLEMS]]
        if len(problems) > len(shown):
            shown.append(f"... and {len(problems) - len(shown)} more problems.")
        raise EventTableError("\n".join(shown))
    return events


def is_in_our_terms(
    path: str | Path, *, require_labels: bool = True, columns: Mapping[str, str | list[str]] | None = None
) -> bool:
    """Return whether a table has every needed column under our names, and so needs no mapping.

    One that has its offsets where ``columns`` says, and not under our name, needs it.
    """
    found = read_table(path).columns
    has_other_offsets = "offset_sec" not in found and str((columns or {}).get("offset_sec")) in found
    return set(_needed(require_labels)) <= set(found) and not has_other_offsets


def each_note_is_its_own_track(events: pd.DataFrame) -> bool:
    """Return whether the table gave no ``track`` and has one event a file, so that a split can leak."""
    return "track" in events.attrs.get("derived", ()) and bool((events["events_in_file"] == 1).all())


def _needed(require_labels: bool) -> list[str]:
    needed = ["note_id", "audio_path", "onset_sec"]
    return [*needed, "offset_sec", "label_category"] if require_labels else needed


def check_events(
    path: str | Path,
    *,
    audio_root: str | Path | None = None,
    columns: Mapping[str, str | list[str]] | None = None,
    labels: Mapping[str, str] | None = None,
    require_labels: bool = True,
) -> tuple[pd.DataFrame, list[Problem]]:
    """Return (events, problems): the table as far as it can be read, and every rule broken."""
    raw = read_table(path)
    cells = _map_columns(raw, columns or {})
    needed = _needed(require_labels)
    missing = [name for name in needed if name not in cells]
    if missing:
        raise EventTableError(
            f"{raw.path} must have the columns {', '.join(needed)}. Missing: {', '.join(missing)}. "
            f"Its columns are {', '.join(raw.columns)}. Rename them, or map them with `data.columns`."
        )
    if labels and "label_category" in cells:
        cells["label_category"] = [_map_label(text, labels) for text in cells["label_category"]]
    derived = [name for name in ("track", "label_category") if name not in cells]
    problems = check_cells(raw, cells, require_labels)
    events = _typed(cells, audio_root)
    events.attrs["derived"] = derived
    return events, problems


def write_events(events: pd.DataFrame, path: str | Path, *, audio_root: str | Path | None = None) -> None:
    """Write an events table as CSV, its ``audio_path`` relative to ``audio_root`` where it lies below.

    ``events_in_file`` is written only where some file has events that the table has not.
    """
    counted = events["audio_path"].map(events["audio_path"].value_counts())
    is_whole = "events_in_file" not in events or (events["events_in_file"] == counted).all()
    table = events.drop(columns="events_in_file", errors="ignore") if is_whole else events
    if audio_root is not None:
        table = table.assign(audio_path=paths_below(audio_root, table["audio_path"]))
    write_text(path, table.to_csv(index=False))


def paths_below(audio_root: str | Path, paths: Iterable[str]) -> list[str]:
    """Return paths relative to ``audio_root`` where they lie below it; others as they are."""
    root = os.path.join(str(audio_root), "")
    return [path.removeprefix(root) for path in paths]


def _map_columns(raw: RawTable, columns: Mapping[str, str | list[str]]) -> dict[str, list[str]]:
    cells = dict(raw.columns)
    for ours, theirs in columns.items():
        names = [theirs] if isinstance(theirs, str) else theirs
        if ours not in MAPPABLE or not isinstance(names, list) or not names:
            raise EventTableError(
                f"`data.columns` must map {', '.join(MAPPABLE)} to a column or a list of columns. "
                f"Got {ours!r}: {theirs!r}."
            )
        absent = [name for name in names if name not in raw.columns]
        if absent:
            raise EventTableError(
                f"{raw.path}: `data.columns` maps {ours} from a column {absent[0]!r} that is not there. "
                f"Its columns are {', '.join(raw.columns)}."
            )
        cells[ours] = ["_".join(row) for row in zip(*(raw.columns[name] for name in names), strict=True)]
    if raw.decimal_comma:
        for name in cells.keys() & NUMBERS:
            cells[name] = [text.replace(",", ".") if DECIMAL_COMMA.fullmatch(text) else text for text in cells[name]]
    from_duration = "offset_sec" not in cells or columns.get("offset_sec") == "duration_sec"
    if from_duration and "duration_sec" in cells and "onset_sec" in cells:
        cells["offset_sec"] = [
            _add(onset, length) for onset, length in zip(cells["onset_sec"], cells["duration_sec"], strict=True)
        ]
    return cells


def _map_label(text: str, labels: Mapping[str, str]) -> str:
    """Return our label for theirs; ``"*"`` replaces neither ours nor an empty one."""
    if text in labels:
        return labels[text]
    return text if text in LABELS or not text else labels.get("*", text)


def _add(onset: str, duration: str) -> str:
    start, length = as_number(onset), as_number(duration)
    return duration if math.isnan(start + length) else repr(round(start + length, 9))


def _typed(cells: dict[str, list[str]], audio_root: str | Path | None) -> pd.DataFrame:
    """Return cells as a typed DataFrame, our columns first; NaN where a number is broken."""
    data: dict[str, list] = {name: cells.get(name, [""] * len(cells["note_id"])) for name in EVENT_COLUMNS}
    data |= {name: column for name, column in cells.items() if name not in data}
    stems = {text: Path(text.replace("\\", "/")).stem for text in set(data["audio_path"])}
    data["track"] = data.get("track", [stems[text] for text in data["audio_path"]])
    for name in ("onset_sec", "offset_sec"):
        data[name] = [as_number(text) for text in data[name]]
    pitches = [as_number(text) if text else NO_PITCH for text in data["pitch_midi"]]
    data["pitch_midi"] = [int(p) for p in pitches] if all(float(p).is_integer() for p in pitches) else pitches
    counts = Counter(data["audio_path"])
    told = data.get("events_in_file", [""] * len(data["track"]))
    data["events_in_file"] = [
        as_events_in_file(text, counts[path]) or counts[path]
        for text, path in zip(told, data["audio_path"], strict=True)
    ]
    if audio_root is not None:
        data["audio_path"] = [os.path.join(str(audio_root), text) for text in data["audio_path"]]
    return pd.DataFrame(data)
