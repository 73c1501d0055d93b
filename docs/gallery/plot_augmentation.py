"""
What augmentation does to a note
================================

A harmonic as it is, and eight ways in which a net may hear it while it trains. None changes how the note was
played, all change what else could give it away: level, timbre, noise, and the notes before and after.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from guitarclf import LogMelSpectrogram
from guitarclf.data.synth import draw_guitar, draw_note
from guitarclf.models.augment import Augment

guitar = draw_guitar(np.random.default_rng(53))
drawn = [("harmonic", 2), ("general_note", 3), ("general_note", 5), ("dead_note", 1)]
notes = [draw_note(guitar, label, np.random.default_rng(seed), sample_rate=22050) for label, seed in drawn]
log_mel = torch.from_numpy(np.asarray(LogMelSpectrogram().fit_transform(np.stack([n.waveform for n in notes]))))
loudest = float(log_mel[0].max())

# %%
# Each change by itself, the others off. Augmentation is a torch module that acts in training mode only, on the
# log-mel of a whole batch: a gain is a constant there, a shift a roll of frames, and a noise floor a sum of
# powers. Another note of the batch is what swaps, begins or rings on. Changes are drawn at random: shown is the
# strongest of twenty draws.

OFF = {"gain_db": 0, "time_shift": 0, "eq_db": 0}
CHANGES = {
    "as it is": {},
    "gain_db = 12": {"gain_db": 12},
    "time_shift = 0.1": {"time_shift": 0.1},
    "eq_db = 12": {"eq_db": 12},
    "band_limit = 1": {"band_limit": 1},
    "noise_floor = 1": {"noise_floor": 1},
    "swap_start = 1": {"swap_start": 1, "swap_frames": 8},
    "next_note = 1": {"next_note": 1},
    "previous_note = 1": {"previous_note": 1},
}


def strongest(change, n_draws=20):
    """Return the draw, of twenty, that changes the first note most, `[n_mels, n_frames]` in dB."""
    augment = Augment(**{**OFF, **change}).train()
    draws = [augment(log_mel)[0, 0] for _ in range(n_draws)]
    return max(draws, key=lambda draw: float((draw - log_mel[0, 0]).abs().mean())).numpy()


torch.manual_seed(0)
figure, axes = plt.subplots(3, 3, figsize=(10, 7.5), sharex=True, sharey=True, layout="constrained")
for axis, (name, change) in zip(axes.flat, CHANGES.items(), strict=True):
    image = axis.imshow(
        strongest(change) - loudest,
        origin="lower",
        aspect="auto",
        extent=(0, 1, 0, 64),
        cmap="magma",
        vmin=-75,
        vmax=10,
    )
    axis.set_title(name, family="monospace", fontsize=10)
    axis.set_xlim(0, 0.97)  # later frames are cut by the end of the sound
for axis in axes[-1]:
    axis.set_xlabel("seconds")
for axis in axes[:, 0]:
    axis.set_ylabel("mel band")
figure.colorbar(image, ax=axes, label="dB, 0: the loudest of the note as it is", pad=0.01, aspect=40)

# %%
# In a configuration these are keys below ``net.module``, such as ``--set net.module.next_note=0.5``: the share of
# notes that get another one laid over. It is what makes dead notes found in phrases.
