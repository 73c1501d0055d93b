"""The figures of several runs of `crossval --in-context` as those of one: other seeds, or parts of the work.

    python benchmarks/together.py runs/cv runs/cv7 [more]

Prints what crossval prints of one run, means over all repeats of all runs and their range, and how each track's notes
are called. The runs must be of the same notes.
"""

import sys
from pathlib import Path

import pandas as pd

from guitarclf.evaluation.in_context import score_settings
from guitarclf.evaluation.rejection import score_rejection


def read(runs, name):
    """Return the rows of a file of all runs, or None where it is not there; repeats are numbered over all of them."""
    tables, n_repeats = [], 0
    for run in runs:
        path = Path(run) / name
        if not path.exists():
            return None
        table = pd.read_csv(path, dtype={"fold": str, "expression_style": str, "family": str})
        tables.append(table.assign(repeat=table["repeat"] + n_repeats))
        n_repeats += table["repeat"].nunique()
    return pd.concat(tables, ignore_index=True)


def main(runs):
    """Print the figures."""
    notes, clips = read(runs, "predictions.csv"), read(runs, "background.csv")
    print(score_settings(notes, uses_offsets=True).to_text())
    if clips is not None:
        print("\n" + score_rejection(notes, clips).to_text())
    counts = (
        notes.groupby(["track", "expression_style", "label_category", "setting", "called"]).size().unstack(fill_value=0)
    )
    shares = counts.div(counts.sum(axis=1), axis=0)
    wrong = shares[shares.apply(lambda row: row.get(row.name[2], 0) < 0.98, axis=1)]
    print("\nWhere fewer than 98 % are right, by what they are called:\n" + wrong.to_string(float_format="%.2f"))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
