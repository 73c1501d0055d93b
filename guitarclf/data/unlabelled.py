"""Rows of a table that say nothing to train on or to score: without a label, `unknown`, or with an error."""

from collections import Counter
from collections.abc import Collection, Mapping
from math import isnan

import numpy as np
import pyarrow as pa

from guitarclf.data.rules import UNKNOWN, as_number
from guitarclf.data.texts import distinct, no_texts
from guitarclf.errors import EventTableError
from guitarclf.labels import UNKNOWN_LABEL, folded
from guitarclf.parameters.label_map import LabelMap

NO_LABEL, WITH_ERROR = "without a label", "with an `error`"


def unlabelled_rows(cells: Mapping[str, pa.Array], label_map: LabelMap, n_rows: int) -> dict[int, str]:
    """Return row -> why it is left out where labels are needed, in the order of the rows.

    ``predict`` and ``annotate`` leave the label of what they could not hear empty and say why in ``error``; a number
    in a column of that name is no such message.
    """
    labels, label_of_row = distinct(cells["label_category"])
    errors, error_of_row = distinct(cells.get("error", no_texts(n_rows)))
    of_label = [_why_unlabelled(text, label_map) for text in labels]
    is_error = np.array([_is_message(text) for text in errors])[error_of_row]
    is_left_out = is_error | np.array([why is not None for why in of_label])[label_of_row]
    return {
        row: WITH_ERROR if is_error[row] else str(of_label[label_of_row[row]])
        for row in np.flatnonzero(is_left_out).tolist()
    }


def _is_message(error: str) -> bool:
    return bool(error) and error.casefold() not in UNKNOWN and isnan(as_number(error))


def _why_unlabelled(text: str, label_map: LabelMap) -> str | None:
    """Return why a row with this text as its label is left out, None if it is not."""
    if label_map.label_of(text) is not None:
        return None
    label = folded(text)
    if label == UNKNOWN_LABEL:
        return f"`{UNKNOWN_LABEL}`"
    return NO_LABEL if not label or label in UNKNOWN else None


def told_of_unlabelled(why: Collection[str], n_rows: int) -> list[str]:
    """Return in a line how many rows are left out and why, given the reason of each, or none if none is."""
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(Counter(why).items()))
    return [f"left out {len(why)} of {n_rows} rows: {counts}"] if why else []


def require_labelled(place: str, why: Collection[str], n_rows: int) -> None:
    """Raise EventTableError if all rows of a table are left out, given the reason of each that is."""
    if len(why) == n_rows:
        (told,) = told_of_unlabelled(why, n_rows)
        raise EventTableError(f"{place} must hold rows with a label. It has none ({told}). Label what you hear.")
