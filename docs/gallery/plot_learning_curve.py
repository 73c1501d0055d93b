"""
How many guitars does it take?
==============================

Macro-F1 on guitars that a classifier has not heard, against the number of guitars that it has. It is guitars
that count, not notes: each here brings the same twelve. The classifier is a random forest, which is fitted in a
second.
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import f1_score

from guitarclf import LogMelSpectrogram
from guitarclf.data.synth import render_notes

N_GUITARS, NOTES_EACH, HELD_OUT = [2, 4, 8, 16, 32, 64], 12, 20
waveforms, notes = render_notes(NOTES_EACH * (64 + HELD_OUT), n_guitars=64 + HELD_OUT, seed=1)
y, guitars = notes["label_category"].to_numpy(), notes["track"].unique()
is_test = notes["track"].isin(guitars[-HELD_OUT:]).to_numpy()

# %%
# A spectrogram as the level of each band in five stretches of the second.

log_mel = np.asarray(LogMelSpectrogram().fit_transform(waveforms))[:, 0]
edges = [0, 4, 10, 22, 44, None]
levels = np.concatenate([log_mel[:, :, start:end].mean(axis=2) for start, end in pairwise(edges)], axis=1)

# %%
# Each size five times, with other guitars but for the last, which has all: which guitars one happens to have
# matters, too.

rng = np.random.default_rng(0)
scores = {"training guitars": [], "unheard guitars": []}
for n in N_GUITARS:
    drawn = [rng.choice(guitars[:-HELD_OUT], n, replace=False) for _ in range(5)]
    sides = [notes["track"].isin(some).to_numpy() for some in drawn]
    forests = [
        RandomForestClassifier(100, min_samples_leaf=3, class_weight="balanced", random_state=0).fit(
            levels[side], y[side]
        )
        for side in sides
    ]
    for name, rows in [("training guitars", sides), ("unheard guitars", [is_test] * 5)]:
        scores[name].append(
            [
                f1_score(y[those], forest.predict(levels[those]), average="macro")
                for forest, those in zip(forests, rows, strict=True)
            ]
        )

figure, axis = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
for (name, values), colour in zip(scores.items(), ["#777777", "#0072b2"], strict=True):
    values = np.array(values)
    axis.plot(N_GUITARS, values.mean(axis=1), marker="o", color=colour, label=name)
    axis.fill_between(N_GUITARS, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.2, linewidth=0)
axis.set_xscale("log", base=2)
axis.set(xlabel="guitars in the training side, twelve notes each", ylabel="macro-F1", ylim=(0, 1.02))
axis.set_xticks(N_GUITARS, N_GUITARS)
axis.grid(alpha=0.25)
axis.legend(frameon=False, loc="lower right", title="five draws: mean and range")

# %%
# The distance between the curves is what a split by random notes hides. Where the lower one still rises, more
# guitars help: it is why ``train --add-modelled`` adds guitars, and why the model that ships has learnt from
# 4,800.
