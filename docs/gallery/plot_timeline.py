"""
The timeline of a phrase
========================

A recording goes in, events come out. Here the recording is a modelled guitar's, so that what was played is
known: it is drawn below the picture, what ``annotate`` found above it.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import soundfile as sf

from guitarclf import annotate
from guitarclf.audio.mel import log_mel, mel_centers
from guitarclf.data.synth import write_tracks

folder = Path(tempfile.mkdtemp())
played = write_tracks(folder, 16, n_guitars=1, events_per_recording=16, exact_onsets=True, seed=12)
path = folder / played["audio_path"].iloc[0]

events = annotate(str(path))
events[["onset_sec", "offset_sec", "label_category", "confidence"]].round(2)

# %%
# The sound as a log-mel, a mark for each event in the colour of its class; ``unknown`` where the model is not
# sure of a note.

COLOURS = {"harmonic": "#0072b2", "dead_note": "#c44900", "general_note": "#00805d", "unknown": "#777777"}
N_MELS = 96

sound, rate = sf.read(path, dtype="float32")
picture = log_mel(sound[None], sample_rate=rate, n_fft=4096, hop_length=512, n_mels=N_MELS, fmax=11000)[0]
seconds = len(sound) / rate
hertz = [200, 500, 1000, 2000, 5000, 10000]
bands = np.interp(hertz, mel_centers(rate, N_MELS, 0.0, 11000), np.arange(N_MELS))

figure, (found, middle, true) = plt.subplots(
    3, 1, figsize=(11, 5), sharex=True, layout="constrained", height_ratios=[1, 5, 1]
)
middle.imshow(
    picture - picture.max(),
    origin="lower",
    aspect="auto",
    extent=(0, seconds, 0, N_MELS),
    cmap="gray_r",
    vmin=-75,
    vmax=0,
)
middle.set(yticks=bands, yticklabels=[f"{hz:,}" for hz in hertz], ylabel="Hz")
for axis, table, title in [(found, events, "found"), (true, played, "played")]:
    for number, row in enumerate(table.itertuples()):
        colour, low = COLOURS[row.label_category], (0.68, 0.38, 0.08)[number % 3]  # in turn: what was played rings on
        axis.axvspan(row.onset_sec, min(row.offset_sec, seconds), low, low + 0.26, color=colour, alpha=0.8, linewidth=0)
        axis.axvline(row.onset_sec, color=colour, linewidth=2)
    axis.set(yticks=[], ylabel=title)
for row in events.itertuples():
    middle.axvline(row.onset_sec, color=COLOURS[row.label_category], linewidth=1.5, alpha=0.9)
true.set(xlabel="seconds", xlim=(0, seconds))
handles = [plt.Line2D([], [], color=colour, linewidth=5, label=label) for label, colour in COLOURS.items()]
figure.legend(handles=handles, loc="outside upper right", ncols=4, frameon=False)

# %%
# ``guitarclf annotate RECORDING --output-dir timelines --format html`` makes a page of this, to be heard too.
