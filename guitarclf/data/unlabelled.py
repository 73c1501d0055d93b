"""Rows of a table that say nothing to train on or to score: without a label, `unknown`, or with an error."""

from collections import Counter
from collections.abc import Collection, Mapping
from math import isnan

from guitarclf.data.rules import UNKNOWN, as_number
from guitarclf.errors import EventTableError
from guitarclf.labels import UNKNOWN_LABEL, folded
from guitarclf.parameters.label_map import LabelMap

NO_LABEL, WITH_ERROR = "without a label", "with an `error`"


def unlabelled_rows(cells: Mapping[str, list[str]], label_map: LabelMap, n_rows: int) -> dict[int, str]:
    """Return row -> why it is left out where labels are needed, in the order of the rows.

    ``predict`` and ``annotate`` leave the label of what they could not hear empty and say why in ``error``; a number
    in a column of that name is no such message.
    """
    errors = cells.get("error", [""] * n_rows)
    left_out = {}
    for row, (text, error) in enumerate(zip(cells["label_category"], errors, strict=True)):
        if error and error.casefold() not in UNKNOWN and isnan(as_number(error)):
            left_out[row] = WITH_ERROR
        elif label_map.label_of(text) is None:
            label = folded(text)
            if label == UNKNOWN_LABEL:
                left_out[row] = f"`{UNKNOWN_LABEL}`"
            elif not label or label in UNKNOWN:
                left_out[row] = NO_LABEL
    return left_out


def told_of_unlabelled(why: Collection[str], n_rows: int) -> list[str]:
    """Return in a line how many rows are left out and why, given the reason of each, or none if none is."""
    counts = ", ".join(f"{count} {reason}" for reason, count in sorted(Counter(why).items()))
    return [f"left out {len(why)} of {n_rows} rows: {counts}"] if why else []


def require_labelled(place: str, why: Collection[str], n_rows: int) -> None:
    """Raise EventTableError if all rows of a table are left out, given the reason of each that is."""
    if len(why) == n_rows:
        (told,) = told_of_unlabelled(why, n_rows)
        raise EventTableError(f"{place} must hold rows with a label. It has none ({told}). Label what you hear.")
