"""
An estimator of your own in the Pipeline
========================================

The first two steps, window and log-mel, are transformers like any other. Behind them any estimator will do:
here three of scikit-learn's on statistics of the log-mel, beside note length alone, on guitars left out in
turn.
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from guitarclf import EventWindow, LogMelSpectrogram
from guitarclf.data.synth import render_notes

waveforms, notes = render_notes(600, n_guitars=50, seed=5)
y, guitars = notes["label_category"].to_numpy(), notes["track"]

# %%
# A spectrogram as 320 numbers: of each band the level in five stretches of the second, from the attack to the
# tail.


def levels_in_stretches(X):
    """`[n_events, 1, n_mels, n_frames]` log-mel -> `[n_events, 5 * n_mels]`."""
    edges = [0, 4, 10, 22, 44, None]
    X = np.asarray(X)[:, 0]
    return np.concatenate([X[:, :, start:end].mean(axis=2) for start, end in pairwise(edges)], axis=1)


def behind_log_mel(estimator):
    """Return the Pipeline from waveforms, paths or a table of events to an estimator's answers."""
    return make_pipeline(
        EventWindow(), LogMelSpectrogram(), FunctionTransformer(levels_in_stretches), StandardScaler(), estimator
    )


ESTIMATORS = {
    "logistic regression": LogisticRegression(C=0.01, max_iter=500, class_weight="balanced"),
    "random forest": RandomForestClassifier(200, class_weight="balanced", random_state=0),
    "SVM": SVC(C=3, class_weight="balanced", random_state=0),
}
behind_log_mel(ESTIMATORS["SVM"])

# %%
# Scores on guitars that the estimator has not seen. Note length alone is what a model must beat to have heard
# anything.

folds = GroupKFold(3)
called = {
    name: cross_val_predict(behind_log_mel(estimator), waveforms, y, groups=guitars, cv=folds)
    for name, estimator in ESTIMATORS.items()
}
lengths = (notes["offset_sec"] - notes["onset_sec"]).to_numpy()[:, None]
tree = DecisionTreeClassifier(max_depth=3, class_weight="balanced", random_state=0)
called = {"note length alone": cross_val_predict(tree, lengths, y, groups=guitars, cv=folds)} | called

COLOURS = {"harmonic": "#0072b2", "dead_note": "#c44900", "general_note": "#00805d"}
figure, axis = plt.subplots(figsize=(9, 4.2), layout="constrained")
for column, (label, colour) in enumerate(COLOURS.items()):
    found = [(answers[y == label] == label).mean() for answers in called.values()]
    places = np.arange(len(called)) + 0.27 * (column - 1)
    bars = axis.bar(places, found, width=0.25, color=colour, label=label)
    axis.bar_label(bars, fmt="%.2f", fontsize=8, padding=2)
axis.set_xticks(range(len(called)), called)
axis.set(ylabel="share that is found", ylim=(0, 1.1))
figure.legend(ncols=3, frameon=False, loc="outside upper right")

# %%
# Averages over stretches of time find dead notes, and lose what tells a harmonic: which partials are there, and
# how long. Note length alone finds more of them, by calling everything long a harmonic. ``guitarclf crossval``
# puts note length and an SVM beside every score.
