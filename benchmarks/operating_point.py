"""Which shares to expect of the rare classes, chosen for every fold on the other folds alone.

    python benchmarks/operating_point.py runs/cv [more runs of crossval]

Reads what `guitarclf crossval` wrote. For each fold and each share in turn, puts the predictions of the other
folds, made by nets that had not heard them, under that share of harmonics and of dead notes, and takes the share
with the highest mean of balanced accuracy and macro-F1; the fold itself is then scored under it. Prints the shares
taken, the pooled scores under them and under every fixed share, and what is still wrong.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from guitarclf.config.files import load_config
from guitarclf.evaluation.metrics import evaluate
from guitarclf.labels import LABELS
from guitarclf.priors import complete_priors, with_priors

SHARES = (1 / 3, 0.2, 0.14, 0.1, 0.07, 0.05, 0.035, 0.025)
EQUAL = np.full(len(LABELS), 1 / len(LABELS))


def under(proba, share):
    """Return probabilities under equal shares as they are under `share` of each rare class."""
    return with_priors(proba, EQUAL, complete_priors({"harmonic": share, "dead_note": share}))


def choose(table, proba):
    """Return the share with the highest mean of balanced accuracy and macro-F1."""

    def merit(share):
        report = evaluate(table["label_category"], under(proba, share))
        return report.balanced_accuracy + report.macro_f1

    return max(SHARES, key=merit)


def read(run):
    """Return (predictions of a run by track, their probabilities under equal shares)."""
    table = pd.read_csv(Path(run) / "predictions.csv", dtype={"fold": str, "expression_style": str})
    table = table[table["split"] == "by track"].reset_index(drop=True)
    priors = load_config(Path(run) / "config.yaml").net.priors
    learnt_under = EQUAL if priors is None else complete_priors(priors)
    return table, with_priors(table[[f"p_{label}" for label in LABELS]].to_numpy(), learnt_under, EQUAL)


def line(name, report):
    """Return a row of a Markdown table."""
    general = report.confusion[LABELS.index("general_note")]
    recalls = [report.per_class[label].recall for label in ("harmonic", "dead_note")]
    cells = [report.balanced_accuracy, report.macro_f1, *recalls, general[0] / sum(general), general[1] / sum(general)]
    return f"| {name} | " + " | ".join(f"{c:.3f}" for c in [*cells, report.calibration_error, report.loss]) + " |"


def main(run):
    """Print what one run of crossval comes to."""
    table, proba = read(run)
    print(f"\n{run}\n\n| shares | balanced accuracy | macro-F1 | harmonics found | dead notes found | ", end="")
    print("called harmonic | called dead | calibration error | log loss |\n" + "|---" * 9 + "|")
    chosen = {}
    nested = np.empty_like(proba)
    for fold in sorted(table["fold"].unique()):
        inside = (table["fold"] == fold).to_numpy()
        chosen[fold] = choose(table[~inside], proba[~inside])
        nested[inside] = under(proba[inside], chosen[fold])
    for share in SHARES:
        print(line(f"{share:.3f} each", evaluate(table["label_category"], under(proba, share))))
    print(line("chosen on the other folds", evaluate(table["label_category"], nested)))
    print("\nchosen: " + ", ".join(f"{fold}: {share:.3f}" for fold, share in chosen.items()))
    wrong = table.assign(called=np.array(LABELS)[nested.argmax(axis=1)]).query("called != label_category")
    counts = wrong.groupby(["track", "expression_style", "label_category", "called"]).agg(
        notes=("pitch_midi", "size"), pitches=("pitch_midi", lambda midi: " ".join(map(str, sorted(midi))))
    )
    print("\nWrong, with their MIDI pitches (-1: not known):\n" + counts.to_string())


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for folder in sys.argv[1:]:
        main(folder)
