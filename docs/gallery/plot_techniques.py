"""
Three ways to play one string
=============================

An ordinary note, a natural harmonic and a dead note of one modelled guitar, as a log-mel shows them: time to
the right, pitch upwards, loudness as light.
"""

import matplotlib.pyplot as plt
import numpy as np

from guitarclf import LABELS, OnnxModel
from guitarclf.audio.mel import log_mel, mel_centers
from guitarclf.data.synth import draw_guitar, draw_note

RATE, N_MELS = 22050, 128

guitar = draw_guitar(np.random.default_rng(53))
notes = [
    draw_note(guitar, label, np.random.default_rng(seed), sample_rate=RATE)
    for label, seed in [("general_note", 3), ("harmonic", 2), ("dead_note", 1)]
]

# %%
# The picture has twice the bands and frames of what the model that ships is given, so that partials can be told
# apart.

waveforms = np.stack([note.waveform for note in notes])
pictures = log_mel(waveforms, sample_rate=RATE, n_fft=2048, hop_length=128, n_mels=N_MELS)
hertz = [200, 500, 1000, 2000, 5000, 10000]
bands = np.interp(hertz, mel_centers(RATE, N_MELS, 0.0, None), np.arange(N_MELS))

figure, axes = plt.subplots(2, 3, figsize=(11, 5.6), sharex=True, layout="constrained", height_ratios=[1, 3])
for column, (note, picture) in enumerate(zip(notes, pictures, strict=True)):
    above, below = axes[:, column]
    above.plot(np.arange(RATE) / RATE, note.waveform, linewidth=0.4, color="#0072b2")
    above.set(title=note.label, ylim=(-1, 1), yticks=[])
    loudest = picture.max()
    image = below.imshow(
        picture - loudest,
        origin="lower",
        aspect="auto",
        extent=(0, 1, -0.5, N_MELS - 0.5),
        cmap="magma",
        vmin=-80,
        vmax=0,
    )
    below.set(xlabel="seconds", xlim=(0, 0.95), yticks=bands, yticklabels=[])  # later frames are cut by the end
axes[1, 0].set(yticklabels=[f"{hz:,}" for hz in hertz], ylabel="Hz")
figure.colorbar(image, ax=axes[1, :], label="dB below the loudest", pad=0.01)

# %%
# The **ordinary note** is a ladder of partials, the upper ones gone first. The **harmonic** has few rungs, far
# apart, and they stay; what the touching finger damped is the thump at its start (the burst at 0.6 s is a noise of
# the hand, as a quarter of the modelled notes have). The **dead note** is over before it has a pitch.
#
# What the model says of them:

model = OnnxModel("pretrained")
for note, proba in zip(notes, model.predict_proba(list(waveforms)), strict=True):
    print(f"{note.label:13}", *(f"{label} {p:.3f}  " for label, p in zip(LABELS, proba, strict=True)))
