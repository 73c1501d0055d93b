"""Which events to correct by ear first: those that a model is least sure of. Plain rows in, plain rows out."""

import math
from collections.abc import Iterable, Mapping
from itertools import chain, islice, zip_longest
from typing import Any

from guitarclf.labels import LABELS, UNKNOWN_LABEL

IN_TURN = (*LABELS, UNKNOWN_LABEL)


def least_sure(
    rows: Iterable[Mapping[str, Any]], count: int, *, label: str = "label_category"
) -> list[Mapping[str, Any]]:
    """Return some of the rows, those that a model is least sure of first, a class each in turn.

    A harmonic, a dead_note, a general_note, an unknown, and again, each class by rising ``confidence`` and rows that
    are equally sure as they come: of few corrections every class gets its share, which the rarest would not by
    confidence alone. A class that has no more rows is passed over.

    Parameters
    ----------
    rows : iterable of mappings
        With ``confidence`` and the label. A row without a confidence (None or NaN), which could not be heard, or with
        another label is left out.
    count : int
        Most rows that come back.
    label : str
        The key of the label: ``label_category``, or ``label`` in the rows of `predict`.
    """
    by_label: dict[str, list[Mapping[str, Any]]] = {name: [] for name in IN_TURN}
    for row in rows:
        confidence = row["confidence"]
        if row[label] in by_label and confidence is not None and not math.isnan(confidence):
            by_label[row[label]].append(row)
    in_turn = zip_longest(*(sorted(own, key=lambda row: row["confidence"]) for own in by_label.values()))
    return list(islice((row for row in chain.from_iterable(in_turn) if row is not None), count))
