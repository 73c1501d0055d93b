"""
How many harmonics should one expect?
=====================================

The rarer one says harmonics are, the fewer ordinary notes are called so, and the fewer harmonics are found.
Each point of a curve is another answer to ``--priors harmonic=...``, of one model, on modelled guitars that it
has not heard.
"""

import matplotlib.pyplot as plt
import numpy as np

from guitarclf import LABELS, OnnxModel
from guitarclf.data.synth import render_notes

model = OnnxModel("pretrained")
waveforms, notes = render_notes(800, n_guitars=80, seed=200, sample_rate=model.reader.sample_rate)
true = notes["label_category"].to_numpy()
features = model.features(model.reader.hear(list(waveforms)))
as_learnt, _ = model.answer(features)

# %%
# Each class in turn, the other rare one staying at its share.

ITS_OWN = {"harmonic": 0.05, "dead_note": 0.23}
shares = np.geomspace(0.005, 0.6, 60)
figure, axis = plt.subplots(figsize=(7, 5), layout="constrained")
for label, colour in [("harmonic", "#0072b2"), ("dead_note", "#c44900")]:
    found, false = [], []
    for share in shares:
        model.priors = ITS_OWN | {label: share}
        called = np.array(LABELS)[model.under_priors(as_learnt).argmax(axis=1)]
        found.append((called[true == label] == label).mean())
        false.append((called[true == "general_note"] == label).mean())
    axis.plot(100 * np.array(false), found, color=colour, label=label)
    for share in (0.01, 0.05, 0.23, 0.5):
        nearest = np.abs(np.log(shares / share)).argmin()
        axis.plot(100 * false[nearest], found[nearest], "o", color=colour, markersize=5)
        axis.annotate(
            f"{share:g}", (100 * false[nearest], found[nearest]), (6, -11), textcoords="offset points", color=colour
        )
axis.set(
    xlabel="ordinary notes called so, %", ylabel="share of the class that is found", ylim=(0, 1.02), xlim=(-0.5, None)
)
axis.grid(alpha=0.25)
axis.legend(title="numbers: the share expected", frameon=False, loc="lower right")

# %%
# There is no best point, only one that suits: for a lesson one may want all harmonics and sort them by ear; for a
# count over a corpus, in which they are rare, a false alarm weighs more than a miss.
