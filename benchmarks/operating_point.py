"""Which shares to expect of the rare classes, chosen for every fold on the other folds alone.

    python benchmarks/operating_point.py runs/cv [more runs of crossval]

Reads what `guitarclf crossval` wrote. Puts the predictions, made by nets that had not heard the notes, under each pair
of shares of harmonics and of dead notes in turn, and ranks the pairs by the mean of balanced accuracy and macro-F1,
over notes alone and in phrases alike where the run has both (`--in-context`). For each fold the best pair on the other
folds is taken, and the fold itself is scored under it. Prints the best pairs, the scores under those taken, and what is
still wrong among notes alone.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from guitarclf.config.files import load_config
from guitarclf.evaluation.metrics import evaluate
from guitarclf.labels import LABELS
from guitarclf.priors import complete_priors, with_priors

SHARES = (0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.14, 0.2)
PAIRS = [(harmonic, dead_note) for harmonic in SHARES for dead_note in SHARES]
N_SHOWN = 5  # best pairs that are printed
EQUAL = np.full(len(LABELS), 1 / len(LABELS))


def under(proba, pair):
    """Return probabilities under equal shares as they are under a pair of shares, of harmonics and of dead notes."""
    return with_priors(proba, EQUAL, complete_priors(dict(zip(("harmonic", "dead_note"), pair, strict=True))))


def merit(table, proba):
    """Return the mean of balanced accuracy and macro-F1 over the settings of a table."""
    scores = []
    for setting in table["setting"].unique():
        is_setting = (table["setting"] == setting).to_numpy()
        report = evaluate(table.loc[is_setting, "label_category"], proba[is_setting])
        scores.append((report.balanced_accuracy + report.macro_f1) / 2)
    return float(np.mean(scores))


def ranked(table, proba):
    """Return the pairs, best first, and the merit of each."""
    merits = {pair: merit(table, under(proba, pair)) for pair in PAIRS}
    return sorted(merits.items(), key=lambda item: -item[1])


def read(run):
    """Return (predictions of a run by track, their probabilities under equal shares)."""
    table = pd.read_csv(Path(run) / "predictions.csv", dtype={"fold": str, "expression_style": str})
    table = table[table["split"] == "by track"].reset_index(drop=True)
    if "setting" not in table:  # of a version that had notes alone only
        table["setting"] = "alone"
    priors = load_config(Path(run) / "config.yaml").net.priors
    learnt_under = EQUAL if priors is None else complete_priors(priors)
    return table, with_priors(table[[f"p_{label}" for label in LABELS]].to_numpy(), learnt_under, EQUAL)


def line(name, report):
    """Return a row of a Markdown table."""
    general = report.confusion[LABELS.index("general_note")]
    recalls = [report.per_class[label].recall for label in ("harmonic", "dead_note")]
    cells = [report.balanced_accuracy, report.macro_f1, *recalls, general[0] / sum(general), general[1] / sum(general)]
    return f"| {name} | " + " | ".join(f"{c:.3f}" for c in [*cells, report.calibration_error, report.loss]) + " |"


def print_scores(name, table, proba):
    """Print a row for each setting."""
    for setting in table["setting"].unique():
        is_setting = (table["setting"] == setting).to_numpy()
        print(line(f"{name}: {setting}", evaluate(table.loc[is_setting, "label_category"], proba[is_setting])))


def main(run):
    """Print what one run of crossval comes to."""
    table, proba = read(run)
    best = ranked(table, proba)
    print(f"\n{run}\n\nbest shares of harmonics, dead notes, over {', '.join(table['setting'].unique())}:")
    for pair, score in best[:N_SHOWN]:
        print(f"  {pair[0]:.2f} {pair[1]:.2f}  {score:.4f}")
    print("\n| shares | balanced accuracy | macro-F1 | harmonics found | dead notes found | ", end="")
    print("called harmonic | called dead | calibration error | log loss |\n" + "|---" * 9 + "|")
    chosen = {}
    nested = np.empty_like(proba)
    for fold in sorted(table["fold"].unique()):
        inside = (table["fold"] == fold).to_numpy()
        (chosen[fold], _), *_ = ranked(table[~inside], proba[~inside])
        nested[inside] = under(proba[inside], chosen[fold])
    print_scores("as the run has them", table, table[[f"p_{label}" for label in LABELS]].to_numpy())
    print_scores("best {:.2f} {:.2f}".format(*best[0][0]), table, under(proba, best[0][0]))
    print_scores("chosen on the other folds", table, nested)
    print("\nchosen: " + ", ".join(f"{fold}: {pair[0]:.2f} {pair[1]:.2f}" for fold, pair in chosen.items()))
    wrong = table.assign(called=np.array(LABELS)[nested.argmax(axis=1)])
    wrong = wrong.query("called != label_category and setting == 'alone'")
    counts = wrong.groupby(["track", "expression_style", "label_category", "called"]).agg(
        notes=("pitch_midi", "size"), pitches=("pitch_midi", lambda midi: " ".join(map(str, sorted(midi))))
    )
    print("\nWrong, with their MIDI pitches (-1: not known):\n" + counts.to_string())


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for folder in sys.argv[1:]:
        main(folder)
