"""What left-out notes are called, by instrument, style, pitch and length: where a recipe is wrong.

    python benchmarks/confusions.py folds.csv runs/cv runs/cv7 [more]

``folds.csv`` is the table that `crossval --in-context` scored. Of each kind of note, and in each setting, the share of
the answers by name; means over all repeats of all runs. Lengths are those of the table: what is heard of a note alone.
"""

import sys

import pandas as pd
from together import read

from guitarclf.labels import LABELS

PITCHES = [-2, 0, 40, 52, 64, 76, 128]  # MIDI: unknown, below E2, an octave each, above E5
PITCH_NAMES = ["not known", "below E2", "E2-D#3", "E3-D#4", "E4-D#5", "E5 and above"]
LENGTHS = [0, 0.1, 0.2, 0.3, 0.5, 1e9]  # seconds
LENGTH_NAMES = ["below 0.1 s", "0.1-0.2 s", "0.2-0.3 s", "0.3-0.5 s", "0.5 s and more"]
SETTINGS = {"alone": "alone", "windows": "in phrases", "offsets": "with offsets"}


def described(predictions, table):
    """Return predictions with the columns ``pitch`` and ``length``, in bands."""
    lengths = (table["offset_sec"] - table["onset_sec"]).set_axis(table["note_id"].astype(str))
    found = predictions["note_id"].astype(str).map(lengths)
    pitch = pd.cut(predictions["pitch_midi"], PITCHES, right=False, labels=PITCH_NAMES)
    length = pd.cut(found, LENGTHS, right=False, labels=LENGTH_NAMES)
    return predictions.assign(instrument=predictions["track"], pitch=pitch, length=length)


def shares(predictions, column):
    """Return how the notes of each kind are called, a row for each value of a column and true label."""
    by = ["label_category", column]
    n_repeats = predictions["repeat"].nunique()
    counts = predictions.groupby([*by, "setting", "called"], observed=True).size().unstack(fill_value=0)
    answers = counts.div(counts.sum(axis=1), axis=0).reindex(columns=list(LABELS), fill_value=0).unstack("setting")
    ordered = [(label, setting) for setting in SETTINGS for label in LABELS]
    answers = answers[[pair for pair in ordered if pair in answers.columns]]
    answers.columns = pd.MultiIndex.from_tuples([(SETTINGS[setting], label) for label, setting in answers.columns])
    notes = predictions[predictions["setting"] == "alone"].groupby(by, observed=True).size() // n_repeats
    answers.insert(0, ("", "notes"), notes)
    return answers


def main(table, runs):
    """Print the figures."""
    predictions = described(read(runs, "predictions.csv"), pd.read_csv(table))
    for column in ("instrument", "expression_style", "pitch", "length"):
        print(f"\nBy {column}, how its notes are called:\n")
        print(shares(predictions, column).to_string(float_format="%.2f"))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
