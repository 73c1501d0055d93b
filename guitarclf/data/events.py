"""The events table: one row a note, read from CSV or Parquet and checked row by row."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute

from guitarclf.audio.offsets import next_onsets_in
from guitarclf.data.columns import (
    EVENT_COLUMNS,
    PREDICTED,
    map_columns,
    own_names,
    require_columns,
    told_of_columns,
    told_of_offsets,
)
from guitarclf.data.rules import NO_PITCH, Problem, as_lines, as_numbers, check_cells, events_in_files, rows_of_same
from guitarclf.data.table import RawTable, column_names, read_table
from guitarclf.data.texts import (
    as_texts,
    distinct,
    is_empty,
    is_one_of,
    joined_texts,
    mapped,
    no_texts,
    other_prefix,
    same_texts,
    where,
)
from guitarclf.data.unlabelled import require_labelled, told_of_unlabelled, unlabelled_rows
from guitarclf.errors import EventTableError
from guitarclf.files.inside import MARK
from guitarclf.files.names import as_text
from guitarclf.files.spelling import as_on_disk, spelled_out, stripped
from guitarclf.files.urls import absolute, is_url, joined, parent, relative
from guitarclf.files.whole import write_text
from guitarclf.labels import NO_NOTE_LABEL
from guitarclf.parameters.label_map import LabelMap

MAX_LISTED_PROBLEMS = 20
# For Arrow: a path that has no drive, scheme or root, and one whose last part is a stem and a suffix.
PLAIN, ONE_DOT = r"^[^/\\:][^:]*$", r"^(?:[^\\:]*/)?([^/\\:.]+)\.[^/\\:.]+$"


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
        Their label -> one of LABELS or no_note; the key ``"*"`` stands for every other text. Labels are compared
        without regard to case, width and blanks; see `LabelMap`.
    require_labels : bool
        Whether ``label_category`` must be there and one of LABELS, or no_note; rows without a label, with the label
        unknown, or with an ``error`` are then left out. If not, all rows are kept, labels as they are, or empty.

    Returns
    -------
    events : DataFrame
        Ids, styles, tracks and paths as text, where a name that is not UTF-8 is escaped (``as_text``); times in
        seconds as float64, ``offset_sec`` NaN where the table has none; ``pitch_midi`` -1 where unknown; ``audio_path``
        in the spelling in which the file is there; ``track`` the stem of ``audio_path`` unless given;
        ``events_in_file`` how many events the row's file has, and ``next_onset_sec`` the onset after this one's (inf
        if there is none), both from the table unless given, so that a row means the same without the others.
        Rows that are left out count there too. ``events.attrs["told"]`` has a line for each thing that was taken for
        granted, such as what ``"*"`` stood for and how many rows are left out.

    Raises
    ------
    EventTableError
        Listing up to 20 problems, each with file, line, column, value and rule; equal ones as one. Or if all rows are
        left out.
    ParameterError
        If ``labels`` maps to no label, or maps one text to two.
    """
    events, problems = check_events(
        path, audio_root=audio_root, columns=columns, labels=labels, require_labels=require_labels
    )
    refuse(problems)
    return events


def refuse(problems: list[Problem]) -> None:
    """Raise EventTableError that lists up to 20 problems, equal ones as one, if there are any."""
    if not problems:
        return
    lines = as_lines(problems)
    if len(lines) > MAX_LISTED_PROBLEMS:
        lines[MAX_LISTED_PROBLEMS:] = [f"... and {len(lines) - MAX_LISTED_PROBLEMS} more problems."]
    raise EventTableError("\n".join(lines))


def notes_of(events: pd.DataFrame) -> pd.DataFrame:
    """Return the events that are notes: all but those labelled no_note, which are to train on alone."""
    return events[events["label_category"] != NO_NOTE_LABEL].reset_index(drop=True)


def is_in_our_terms(
    path: str | Path, *, require_labels: bool = True, columns: Mapping[str, str | list[str]] | None = None
) -> bool:
    """Return whether a table has every needed column under our names, and so needs no mapping.

    One that has its offsets or its labels where ``columns`` says, and not under our name, needs it.
    """
    names, columns = column_names(path), columns or {}
    found = own_names(names)
    has_other_offsets = "offset_sec" not in found and str(columns.get("offset_sec")) in found
    maps_label = columns.get("label_category") == "label" and "label_category" not in names
    has_other_labels = maps_label and not found >= PREDICTED  # what a model wrote is in our terms whatever others are
    return set(_needed(require_labels)) <= found and not (has_other_offsets or has_other_labels)


def each_note_is_its_own_track(events: pd.DataFrame) -> bool:
    """Return whether the table gave no ``track`` and has one event a file, so that a split can leak."""
    return "track" in events.attrs.get("derived", ()) and bool((events["events_in_file"] == 1).all())


def _needed(require_labels: bool) -> list[str]:
    needed = ["note_id", "audio_path", "onset_sec"]
    return [*needed, "label_category"] if require_labels else needed


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
    cells = map_columns(raw, columns or {})
    require_columns(raw, cells, _needed(require_labels))
    told, left_out = told_of_columns(raw, cells, require_labels), dict[int, str]()
    is_kept = np.ones(len(raw), dtype=bool)
    if "label_category" in cells:
        label_map, given = LabelMap(labels, name="data.labels"), cells["label_category"]
        if require_labels:
            left_out = unlabelled_rows(cells, label_map, len(raw))
            left_out = {row: why for row, why in left_out.items() if row not in raw.ragged}  # its cells are misplaced
            require_labelled(str(raw.path), left_out.values(), len(raw))
            is_kept[list(left_out)] = False
            told += told_of_unlabelled(left_out.values(), len(raw))
            told += label_map.told(given.filter(pa.array(is_kept)).to_pylist())
        cells["label_category"] = mapped(given, lambda text: label_map.label_of(text) or text)
    is_note = is_kept & ~is_one_of(cells.get("label_category", no_texts(len(raw))), [NO_NOTE_LABEL])
    told += told_of_offsets(is_empty(cells["offset_sec"])[is_note])
    name_sound_inside(raw, cells, audio_root)
    told += respell_paths(cells, audio_root)
    derived = [name for name in ("track", "label_category") if name not in cells]
    problems = check_cells(raw, cells, require_labels, left_out)
    events = typed(cells, audio_root)
    if left_out:
        events = events[is_kept].reset_index(drop=True)  # what follows a note follows it all the same
    events.attrs["derived"], events.attrs["told"] = derived, told
    return events, problems


def name_sound_inside(raw: RawTable, cells: dict[str, pa.Array], audio_root: str | Path | None) -> None:
    """Name the recordings that are in a table itself as lying below it, relative to the root if that is its folder."""
    table, folder = os.fspath(raw.path), parent(raw.path)
    if audio_root is not None and absolute(audio_root).rstrip("/") == absolute(folder).rstrip("/"):
        table = relative(folder, table) if is_url(table) else os.path.basename(table)
    elif audio_root is not None:
        table = absolute(table)
    cells["audio_path"] = other_prefix(cells["audio_path"], MARK, f"{table}/")


def respell_paths(cells: dict[str, pa.Array], audio_root: str | Path | None) -> list[str]:
    """Put the spelling in which each file is there into ``audio_path``; return a line that says so, or none."""
    texts, number_of_row = distinct(cells["audio_path"])
    there = [as_on_disk(text, audio_root) for text in texts]
    cells["audio_path"] = as_texts(there).take(pa.array(number_of_row))
    other = [(text, path) for text, path in zip(texts, there, strict=True) if path != stripped(text)]
    if not other:
        return []
    text, path = other[0]
    here = f"{spelled_out(text)} is {spelled_out(path)}"
    return [f"{len(other)} paths are spelled otherwise than the files that are there: {here}"]


def write_events(events: pd.DataFrame, path: str | Path, *, audio_root: str | Path | None = None) -> None:
    """Write an events table as CSV, its ``audio_path`` relative to ``audio_root`` where it lies below.

    ``events_in_file`` and ``next_onset_sec`` are written only where some file has events that the table has not.
    """
    counted = events["audio_path"].map(events["audio_path"].value_counts())
    is_whole = "events_in_file" not in events or (events["events_in_file"] == counted).all()
    table = events.drop(columns=["events_in_file", "next_onset_sec"], errors="ignore") if is_whole else events
    if audio_root is not None:
        table = table.assign(audio_path=paths_below(audio_root, table["audio_path"]))
    write_text(path, table.to_csv(index=False))


def paths_below(audio_root: str | Path, paths: Iterable[str]) -> list[str]:
    """Return paths relative to ``audio_root`` where they lie below it; others as they are."""
    root, texts = as_text(str(audio_root)), as_texts(paths)
    if is_url(root):
        return mapped(texts, lambda path: relative(root, path)).to_pylist()
    return other_prefix(texts, os.path.join(root, ""), "").to_pylist()


def typed(cells: dict[str, pa.Array], audio_root: str | Path | None) -> pd.DataFrame:
    """Return cells as a typed DataFrame, our columns first; NaN where a number is broken."""
    paths, none = cells["audio_path"], no_texts(len(cells["audio_path"]))
    texts = {name: cells.get(name, none) for name in EVENT_COLUMNS} | cells
    if "track" not in texts:
        texts["track"] = _stems(paths)
    data: dict[str, pd.Series | np.ndarray | list[int]] = {name: text.to_pandas() for name, text in texts.items()}
    for name in ("onset_sec", "offset_sec"):
        data[name] = as_numbers(texts[name])
    data["pitch_midi"] = _pitches(texts["pitch_midi"])
    counts = rows_of_same(paths)
    told = events_in_files(texts.get("events_in_file", none), counts)
    data["events_in_file"] = np.where(told < 0, counts, told)
    following = texts.get("next_onset_sec", none)
    counted = next_onsets_in(distinct(paths)[1], as_numbers(texts["onset_sec"]))
    data["next_onset_sec"] = np.where(is_empty(following), counted, as_numbers(following))
    if audio_root is not None:
        data["audio_path"] = _joined_paths(str(audio_root), paths).to_pandas()
    return pd.DataFrame(data)


def _joined_paths(root: str, names: pa.Array) -> pa.Array:
    """Return names relative to a folder or URL, joined to it; one at a time those that may be more than a name."""
    is_plain = np.asarray(compute.match_substring_regex(names, PLAIN)) & (not is_url(root))
    others = mapped(where(is_plain, "", names), lambda name: as_text(joined(root, name)))
    return where(is_plain, joined_texts([same_texts(as_text(os.path.join(root, "")), len(names)), names], ""), others)


def _stems(paths: pa.Array) -> pa.Array:
    """Return the name of each file without its suffix; one at a time those with more dots than one, or with none."""
    coded = paths.dictionary_encode()
    names = coded.dictionary
    is_plain = np.asarray(compute.match_substring_regex(names, ONE_DOT))
    others = mapped(where(is_plain, "", names), lambda path: Path(path.replace("\\", "/")).stem)
    return where(is_plain, compute.replace_substring_regex(names, ONE_DOT, r"\1"), others).take(coded.indices)


def _pitches(texts: pa.Array) -> np.ndarray | list[int]:
    """Return pitches as whole numbers if all are such, NO_PITCH where a cell is empty."""
    pitches = np.where(is_empty(texts), NO_PITCH, as_numbers(texts))
    is_whole = all(pitch.is_integer() for pitch in np.unique(pitches).tolist())
    if not is_whole:
        return pitches
    # What no integer of the machine holds is a broken cell.
    return pitches.astype(np.int64) if np.abs(pitches).max() < 2**63 else [int(pitch) for pitch in pitches.tolist()]
