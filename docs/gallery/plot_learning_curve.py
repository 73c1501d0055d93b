"""
How many guitars does it take?
==============================

Macro-F1 on guitars that the net has not heard, against the number of guitars that it has. It is guitars that count, not notes: each
guitar here brings the same twelve.
"""

import matplotlib.pyplot as plt
import numpy as np

from guitarclf import build_pipeline, evaluate, load_config, predict_by_label
from guitarclf.data.synth import render_notes

N_GUITARS, NOTES_EACH, HELD_OUT = [4, 8, 16, 32], 12, 16
waveforms, notes = render_notes(NOTES_EACH * (max(N_GUITARS) + HELD_OUT), n_guitars=max(N_GUITARS) + HELD_OUT, seed=1)
guitars = notes["track"].unique()
is_test = notes["track"].isin(guitars[-HELD_OUT:]).to_numpy()

# %%
# A small net, so that this page is made in seconds; the steps of a fit are the same for each size of the training side.

SETTINGS = {
    "logmel.n_fft": 2048,
    "logmel.hop_length": 1024,
    "net.module.conv_channels": [12, 24],
    "net.module.pools": [[4, 1], [4, 2]],
    "net.module.rnn_hidden_size": 32,
    "net.lr": 3e-3,
    "training.valid_size": 0.0,
    "training.patience": 0,
    "training.threads": 1,
}
STEPS = 150

features = build_pipeline(load_config(overrides=SETTINGS))[:-1].transform(waveforms)
scores = {}
for n in N_GUITARS:
    is_train = notes["track"].isin(guitars[:n]).to_numpy()
    epochs = max(1, round(STEPS * 32 / is_train.sum()))
    for seed in (0, 1):
        net = build_pipeline(load_config(overrides=SETTINGS | {"net.max_epochs": epochs, "seed": seed}))["net"]
        net.set_params(verbose=0).fit(features[is_train], notes["label_category"][is_train])
        for side, rows in [("training guitars", is_train), ("unheard guitars", is_test)]:
            report = evaluate(notes["label_category"][rows], net.predict_proba_by_label(features[rows]))
            scores.setdefault((side, n), []).append(report.macro_f1)

# %%

figure, axis = plt.subplots(figsize=(7.5, 4.6), layout="constrained")
for side, colour in [("training guitars", "#777777"), ("unheard guitars", "#0072b2")]:
    values = np.array([scores[side, n] for n in N_GUITARS])
    axis.plot(N_GUITARS, values.mean(axis=1), marker="o", color=colour, label=side)
    axis.fill_between(N_GUITARS, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.2, linewidth=0)
axis.set_xscale("log", base=2)
axis.set(xlabel="guitars in the training side, twelve notes each", ylabel="macro-F1", ylim=(0, 1.02), xticks=N_GUITARS, xticklabels=N_GUITARS)
axis.grid(alpha=0.25)
axis.legend(frameon=False, loc="lower right", title="two seeds: mean and range")

# %%
# The curve still rises: more guitars would help more than more notes of these. It is why ``train --add-modelled`` adds guitars, and why
# the model that ships has learnt from 4,800.
