"""
Alone, and in a phrase
======================

The same harmonic as a sample library has it, and as a take has it: with others after it. A window of a second
then holds more of the others than of the note, and what tells a harmonic, that it rings on and on, is over when
the next one begins.
"""

import matplotlib.pyplot as plt
import numpy as np

from guitarclf import LABELS, OnnxModel
from guitarclf.data.synth import draw_guitar, draw_note

model = OnnxModel("pretrained")
rate = model.reader.sample_rate
guitar = draw_guitar(np.random.default_rng(23))
drawn = [("harmonic", 1), ("general_note", 22), ("general_note", 23), ("general_note", 24)]


def from_its_attack(note):
    """Return a second of a note from 20 ms before it is heard."""
    start = np.argmax(np.abs(note.waveform) > 0.1) - round(0.02 * rate)
    return np.roll(note.waveform, -start)


played = [
    from_its_attack(draw_note(guitar, label, np.random.default_rng(seed), sample_rate=rate)) for label, seed in drawn
]

# %%
# The phrase: a note every 0.15 s, each as long as it rings, the harmonic first.

alone = played[0]
phrase = np.zeros_like(alone)
for number, note in enumerate(played):
    start = round(0.15 * number * rate)
    phrase[start:] += note[: len(phrase) - start]
cut = phrase.copy()
cut[round(0.15 * rate) :] = 0  # what the next note brings is silenced, as with an offset in the table

HEARD = {"alone": alone, "in a phrase": phrase, "in the phrase, cut\nwhere the next begins": cut}
answers = model.predict_proba(list(HEARD.values()))
pictures = model.features(model.reader.hear(list(HEARD.values())))[:, 0]

# %%
# What the model hears, and its answer.

figure, axes = plt.subplots(2, 3, figsize=(10.5, 5.4), layout="constrained", height_ratios=[3, 1.2])
for column, (name, picture, proba) in enumerate(zip(HEARD, pictures, answers, strict=True)):
    above, below = axes[:, column]
    above.imshow(
        picture - picture.max(), origin="lower", aspect="auto", extent=(0, 1, 0, 64), cmap="magma", vmin=-70, vmax=0
    )
    above.set(title=name, xlabel="seconds", ylabel="" if column else "mel band")
    bars = below.barh(LABELS, proba, color=["#0072b2", "#c44900", "#00805d"])
    below.bar_label(bars, fmt="%.2f", padding=3)
    below.set(xlim=(0, 1.18), xlabel="probability")
    below.invert_yaxis()
    if column:
        below.set_yticks([])

# %%
# Silence after the note helps, and does not bring back what was not played. ``annotate`` finds where the next
# note begins, and cuts by itself; ``predict`` of a table does so where there is an ``offset_sec`` or a next row
# of the same recording.
