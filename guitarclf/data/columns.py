"""The columns of a table under our names: mapped, missing, or not as they should be."""

import difflib
from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa
from pyarrow import compute

from guitarclf.data.rules import DECIMAL_COMMA, MAY_BE_UNKNOWN, SPLITS, UNKNOWN, as_numbers
from guitarclf.data.table import RawTable
from guitarclf.data.texts import (
    as_texts,
    is_one_of,
    joined_texts,
    mapped,
    no_texts,
    other_prefix,
    same_texts,
    stripped_texts,
    where,
)
from guitarclf.errors import EventTableError
from guitarclf.files.inside import MARK
from guitarclf.labels import LABELS, folded

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
NUMBERS = {"onset_sec", "offset_sec", "duration_sec", "pitch_midi"}
PREDICTED = {"label", *(f"p_{label}" for label in LABELS)}  # columns of what `predict --output` writes
THEIR_PATHS = ("file_name", "audio")  # of Hugging Face's AudioFolder, and of its Parquet
# What others call our columns.
HABITS = {
    "note_id": ("id", "note", "name", "event_id", "clip_id"),
    "audio_path": ("path", "file", "filename", "file_name", "audio", "wav", "source_audio"),
    "onset_sec": ("onset", "start", "start_sec", "start_time", "begin", "time"),
    "label_category": ("label", "class", "category", "technique", "style", "expression_style"),
}


def map_columns(raw: RawTable, columns: Mapping[str, str | list[str]]) -> dict[str, pa.Array]:
    """Return the cells of a table under our names, without blanks at their ends but for those of ``audio_path``.

    ``columns`` is our name -> theirs, or a list of theirs to join; EventTableError if there is no such column.
    """
    own = own_columns(raw)
    cells = dict(own)
    if (name := path_column(raw.columns)) is not None:
        cells["audio_path"] = raw.columns[name]  # as it is written: a name may end in a blank
    for ours, theirs in columns.items():
        names = [theirs] if isinstance(theirs, str) else theirs
        if ours not in MAPPABLE or not isinstance(names, list) or not names:
            raise EventTableError(
                f"`data.columns` must map {', '.join(MAPPABLE)} to a column or a list of columns. "
                f"Got {ours!r}: {theirs!r}."
            )
        absent = [name for name in names if name not in own]
        if absent:
            raise EventTableError(
                f"{raw.path}: `data.columns` maps {ours} from a column {absent[0]!r} that is not "
                f"{f'read: {raw.unread[absent[0]]}' if absent[0] in raw.unread else 'there'}. "
                f"Its columns are {', '.join(raw.columns)}."
            )
        parts = raw.columns if ours == "audio_path" and len(names) == 1 else own
        cells[ours] = joined_texts([parts[name] for name in names], "_")
    return _with_numbers(raw, cells, offset_from_duration=columns.get("offset_sec") == "duration_sec")


def _with_numbers(raw: RawTable, cells: dict[str, pa.Array], *, offset_from_duration: bool) -> dict[str, pa.Array]:
    """Return cells with numbers as Python writes them, "" where a cell says that nothing is known, and an offset."""
    if raw.decimal_comma:
        for name in cells.keys() & NUMBERS:
            cells[name] = compute.replace_substring_regex(cells[name], f"^{DECIMAL_COMMA.pattern}$", r"\1.\2")
    for name in cells.keys() & MAY_BE_UNKNOWN:
        cells[name] = where(is_one_of(compute.utf8_lower(cells[name]), UNKNOWN), "", cells[name])
    if "split" in cells:
        cells["split"] = mapped(cells["split"], lambda text: folded(text) if folded(text) in SPLITS else text)
    if ("offset_sec" not in cells or offset_from_duration) and "duration_sec" in cells and "onset_sec" in cells:
        cells["offset_sec"] = _sums(cells["onset_sec"], cells["duration_sec"])
    cells.setdefault("offset_sec", no_texts(len(raw)))
    return cells


def _sums(onsets: pa.Array, durations: pa.Array) -> pa.Array:
    """Return the offset of each row as it is written; the duration as it is where that or the onset is no number."""
    ends = as_numbers(onsets) + as_numbers(durations)
    return where(np.isnan(ends), durations, as_texts([repr(round(end, 9)) for end in ends.tolist()]))


def own_columns(raw: RawTable) -> dict[str, pa.Array]:
    """Return the columns of a table without blanks at the ends of cells; ``label`` is ours where none is called so.

    So is what Hugging Face calls a recording. In a table of theirs a file is a note, named as it and heard from its
    start, unless there are columns that say otherwise.
    """
    cells = {name: stripped_texts(column) for name, column in raw.columns.items()}
    if (name := path_column(raw.columns)) in THEIR_PATHS:
        cells["audio_path"] = cells[name]
        cells.setdefault("note_id", other_prefix(cells[name], MARK, ""))
        cells.setdefault("onset_sec", same_texts("0", len(raw)))
    if "label_category" not in cells and "label" in cells:
        cells["label_category"] = cells["label"]
    return cells


def own_names(names: Collection[str]) -> set[str]:
    """Return what :func:`own_columns` calls the columns of a table with these names."""
    own = {*names}
    if path_column(names) in THEIR_PATHS:
        own |= {"audio_path", "note_id", "onset_sec"}
    return own | {"label_category"} if "label" in own else own


def path_column(names: Collection[str]) -> str | None:
    """Return the column that names the recordings, ours or one of THEIR_PATHS, if there is one."""
    return next((name for name in ("audio_path", *THEIR_PATHS) if name in names), None)


def require_columns(raw: RawTable, cells: Mapping[str, pa.Array], needed: list[str]) -> None:
    """Raise EventTableError unless all needed columns are there."""
    missing = [name for name in needed if name not in cells]
    if not missing:
        return
    unread = [
        f"{name} is {raw.unread[name]}, which is not read: write it as text." for name in missing if name in raw.unread
    ]
    theirs = {name: _nearest(name, [*raw.columns]) for name in missing if name not in raw.unread}
    guess = ", ".join(f"{name}: {column}" for name, column in theirs.items() if column)
    how = f", such as {{{guess}}}" if guess else ""
    raise EventTableError(
        f"{raw.path} must have the columns {', '.join(needed)}. Missing: {', '.join(missing)}. "
        f"Its columns are {', '.join(raw.columns)}. "
        + " ".join([*unread, f"Rename them, or map them with `data.columns`{how}."])
    )


def _nearest(ours: str, columns: list[str]) -> str | None:
    """Return the column that is probably what we call ``ours``, None if none is."""
    plain = {folded(column).replace(" ", "_"): column for column in columns}
    known = [name for name in (ours, *HABITS[ours]) if name in plain] or difflib.get_close_matches(ours, plain, n=1)
    return plain[known[0]] if known else None


def told_of_columns(raw: RawTable, cells: Mapping[str, pa.Array], require_labels: bool) -> list[str]:
    """Return a line for each thing about the columns that the user may not expect."""
    told = [
        f"the column {name} is not read: {kind} is neither text, nor number, nor time"
        for name, kind in raw.unread.items()
    ]
    if (name := path_column(raw.columns)) in THEIR_PATHS:
        taken = [ours for ours in ("note_id", "onset_sec") if ours not in raw.columns]
        each = f"; there is no {' and no '.join(taken)}: each file is a note, from its start" if taken else ""
        told.append(f"the recordings are those of the column `{name}`{each}")
    if require_labels and "label" in cells:
        labels = cells["label_category"]
        if "label_category" not in raw.columns and labels is cells["label"]:
            by_model = ", which `predict` wrote: right only where you corrected it" if cells.keys() >= PREDICTED else ""
            told.append(f"the labels are those of the column `label`{by_model}")
        elif labels is not cells["label"]:
            told.append("the column `label` is not read: the labels are those of `label_category`")
    return told


def told_of_offsets(is_missing: np.ndarray) -> list[str]:
    """Return a line if notes have no offset, given which have none, or none if all have one."""
    n_missing = int(is_missing.sum())
    if not n_missing:
        return []
    if n_missing == len(is_missing):
        return ["there is no `offset_sec`: how long the notes are is not known"]
    return [f"{n_missing} of {len(is_missing)} notes have no `offset_sec`: how long these are is not known"]
