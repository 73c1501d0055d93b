"""How well the events found in recordings are the true ones: ``score_timeline(true, found)`` returns a TimelineReport.

Events are matched as notes are in mir_eval (Raffel et al. 2014, ISMIR), by their onsets; needs the extra ``score``.
"""

from collections import Counter
from collections.abc import Collection

import numpy as np
import pandas as pd

from guitarclf.errors import LabelError, ParameterError
from guitarclf.evaluation.timeline_report import CALLED, COLUMNS, NoteScore, TimelineReport
from guitarclf.files.wording import shown
from guitarclf.labels import LABELS, NO_NOTE_LABEL, TABLE_LABELS

TOLERANCE_SEC = 0.05
CHORD_SEC = 0.05  # no two notes are played so close together, and no onsets are found


def score_timeline(
    true: pd.DataFrame,
    found: pd.DataFrame,
    *,
    tolerance: float = TOLERANCE_SEC,
    recordings: Collection[str] | None = None,
) -> TimelineReport:
    """Return the TimelineReport of found events.

    Parameters
    ----------
    true : DataFrame
        A row a note: ``audio_path``, ``onset_sec``, ``label_category``, one of LABELS. Rows labelled ``no_note`` are
        left out: what is found there is spurious. Rows that follow each other within 50 ms are a chord: one event, at
        the first onset, of the label that most of them have.
    found : DataFrame
        A row an event with the same columns, as ``guitarclf annotate`` writes it: a label is one of LABELS or
        ``unknown``. Rows without a label, which could not be heard, are left out.
    tolerance : float
        Most seconds between the onsets of two partners.
    recordings : collection of str, optional
        The names, as in ``audio_path``, of the recordings in which events were looked for, whether or not there are
        any. Default: those of the true table. What the true table does not name is no recording without events, but
        one of which nothing is known: it is left out.

    Raises
    ------
    ParameterError
        If mir_eval is not installed, a column is missing, an onset or the tolerance is no number in its range, or no
        recording is in both tables.
    LabelError
        If a label is another.
    """
    _require_mir_eval()
    if not (np.isfinite(tolerance) and tolerance > 0):
        raise ParameterError(f"`tolerance` must be above 0 s. Got {tolerance!r}. Use {TOLERANCE_SEC}.")
    true, found = _checked(true, "true", TABLE_LABELS), _checked(found, "found", (*CALLED, ""))
    known = set(true["audio_path"])
    asked = known if recordings is None else set(recordings)
    scored = known & asked
    if not scored:
        raise ParameterError(
            f"The true table must name a recording in which events were looked for. It has {_some(known)}, the others "
            f"are {_some(asked | set(found['audio_path']))}. Write `audio_path` alike in both."
        )
    true = true[true["audio_path"].isin(scored) & (true["label_category"] != NO_NOTE_LABEL)]
    left_out = (known | asked | set(found["audio_path"])) - scored
    found = found[found["audio_path"].isin(scored) & (found["label_category"] != "")]
    events, found = _chords_as_one(true), found.reset_index(drop=True)
    true_in, found_in = (dict(iter(table.groupby("audio_path"))) for table in (events, found))
    pairs = [
        pair
        for name in true_in.keys() & found_in.keys()
        for pair in _partners(true_in[name], found_in[name], tolerance)
    ]
    return _report(
        events,
        found,
        np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2),
        n_recordings=len(scored),
        tolerance=float(tolerance),
        left_out=sorted(left_out),
        n_chord_rows=len(true) - len(events),
    )


def _report(true: pd.DataFrame, found: pd.DataFrame, pairs: np.ndarray, **more) -> TimelineReport:
    """Return the report of partners: `[n_hits, 2]` rows of ``true`` and ``found``."""
    confusion = np.zeros((len(LABELS), len(CALLED)), dtype=np.int64)
    is_label, is_called = (
        [table["label_category"].to_numpy() == label for label in names]
        for table, names in ((true, LABELS), (found, CALLED))
    )
    for row, of_label in enumerate(is_label):
        for column, called in enumerate(is_called):
            confusion[row, column] = (of_label[pairs[:, 0]] & called[pairs[:, 1]]).sum()
    per_class = {
        label: NoteScore.of(int(is_label[place].sum()), int(is_called[place].sum()), int(confusion[place, place]))
        for place, label in enumerate(LABELS)
    }
    there = [score.f1 for score in per_class.values() if score.n_true]
    return TimelineReport(
        onsets=NoteScore.of(len(true), len(found), len(pairs)),
        per_class=per_class,
        macro_f1=float(np.mean(there)) if there else float("nan"),
        confusion=confusion.tolist(),
        missed=true.drop(index=pairs[:, 0].tolist()).to_dict("records"),
        spurious=found.drop(index=pairs[:, 1].tolist()).to_dict("records"),
        **more,
    )


def _partners(true: pd.DataFrame, found: pd.DataFrame, tolerance: float) -> list[tuple[int, int]]:
    """Return (row of true, row of found) of partners in one recording: most onsets, and alike where that costs none."""
    from mir_eval.util import match_events

    def match(rows: pd.DataFrame, others: pd.DataFrame) -> list[tuple[int, int]]:
        pairs = match_events(rows["onset_sec"].to_numpy(), others["onset_sec"].to_numpy(), tolerance)
        return [(rows.index[row], others.index[other]) for row, other in pairs]

    alike = []
    for label in LABELS:
        alike += match(*(table[table["label_category"] == label] for table in (true, found)))
    rest = match(true.drop(index=[row for row, _ in alike]), found.drop(index=[other for _, other in alike]))
    most = match(true, found)
    return alike + rest if len(alike + rest) == len(most) else most


def _chords_as_one(true: pd.DataFrame) -> pd.DataFrame:
    """Return a table in the order of its onsets, with one row a chord, as `score_timeline` says."""
    true = true.sort_values(["audio_path", "onset_sec"], kind="stable")
    is_next = true["audio_path"].eq(true["audio_path"].shift()) & true["onset_sec"].diff().le(CHORD_SEC + 1e-9)
    chords = true.groupby((~is_next).cumsum())
    events = chords.agg(
        audio_path=("audio_path", "first"),
        onset_sec=("onset_sec", "first"),
        label_category=("label_category", lambda labels: Counter(labels).most_common(1)[0][0]),
    )
    return events.reset_index(drop=True)


def _checked(table: pd.DataFrame, name: str, labels: Collection[str]) -> pd.DataFrame:
    """Return COLUMNS of a table, numbered anew; an empty cell for a label is ''."""
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise ParameterError(f"The {name} table must have the columns {', '.join(COLUMNS)}. It has no {missing[0]}.")
    table = table[COLUMNS].reset_index(drop=True)
    table["label_category"] = table["label_category"].fillna("").astype(object)
    others = ~table["label_category"].isin(list(labels))
    if others.any():
        raise LabelError(
            f"The labels of the {name} table must be one of {', '.join(label for label in labels if label)}. "
            f"Got {table['label_category'][others].iloc[0]!r}."
        )
    onsets = pd.to_numeric(table["onset_sec"], errors="coerce").astype(np.float64)
    broken = table[~np.isfinite(onsets) & (table["label_category"] != "")]
    if len(broken):
        onset, path = (shown(str(broken[column].iloc[0])) for column in ("onset_sec", "audio_path"))
        raise ParameterError(f"The onsets of the {name} table must be finite seconds. Got {onset} in {path}.")
    return table.assign(onset_sec=onsets)


def _require_mir_eval() -> None:
    try:
        import mir_eval.util  # noqa: F401
    except ImportError as error:
        raise ParameterError(
            "Scores of a timeline need mir_eval, which matches events. It is not installed. Install guitarclf[score]."
        ) from error


def _some(names: Collection[str]) -> str:
    return shown(sorted(names)[0]) if names else "none"
