"""
What is no note
===============

Confidence tells how sure the model is that it hears a guitar note at all, and of the class it is called. Here
it is drawn for modelled notes and for sounds that are none: noise, hum, voices, handling, near silence.
"""

import matplotlib.pyplot as plt
import numpy as np

from guitarclf import OnnxModel
from guitarclf.data.synth import render_background, render_notes

model = OnnxModel("pretrained")
rate = model.reader.sample_rate
waveforms, notes = render_notes(400, n_guitars=40, seed=300, sample_rate=rate)
sounds, kinds = render_background(400, seed=301, sample_rate=rate)
sounds, kinds = sounds[sounds.any(axis=1)], kinds[sounds.any(axis=1)]  # silence is refused, not answered


def confidence_in(waveforms):
    """Return how sure the model is of each sound."""
    return model.answer(model.features(model.reader.hear(list(waveforms))))[1]


of_notes, of_sounds = confidence_in(waveforms), confidence_in(sounds)

# %%
# What lies left of the line is called ``unknown``: the model's own threshold, which was chosen to lose at most one
# validation note in twenty. Below, each kind by itself: a box holds the middle half of its sounds, the whiskers nine
# in ten.

bins = np.linspace(0, 1, 41)
figure, (above, below) = plt.subplots(2, 1, figsize=(9, 7.5), sharex=True, layout="constrained", height_ratios=[1, 1.5])
above.hist(of_notes, bins, color="#0072b2", alpha=0.75, label="guitar notes")
above.hist(of_sounds, bins, color="#777777", alpha=0.75, label="sounds that are none")
above.axvline(model.unknown_below, color="black", linestyle=":", label=f"threshold, {model.unknown_below:.2f}")
above.set(ylabel="sounds")
above.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.33, 1))

# Each kind by itself, the surest last.
groups = {label: of_notes[(notes["label_category"] == label).to_numpy()] for label in notes["label_category"].unique()}
groups |= {str(kind): of_sounds[kinds == kind] for kind in np.unique(kinds)}
names = sorted(groups, key=lambda name: np.median(groups[name]))
drawn = below.boxplot(
    [groups[name] for name in names],
    orientation="horizontal",
    tick_labels=names,
    patch_artist=True,
    whis=(5, 95),
    showfliers=False,
    medianprops={"color": "black"},
)
for box, name in zip(drawn["boxes"], names, strict=True):
    box.set_facecolor("#9ecae1" if name in notes["label_category"].unique() else "#d9d9d9")
below.axvline(model.unknown_below, color="black", linestyle=":")
below.set(xlabel="confidence", xlim=(-0.02, 1.02))

# %%
# Modelled sounds are easier than real ones: of recorded drums, pianos and voices 72 % are called ``unknown`` (the
# page on accuracy).

for name, confidence in [("notes", of_notes), ("other sounds", of_sounds)]:
    print(f"{name}: {(confidence < model.unknown_below).mean():.1%} unknown")
