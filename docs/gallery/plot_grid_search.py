"""
A grid search over the Pipeline
===============================

Every step's parameters can be searched at once, by scikit-learn's own ``GridSearchCV``: the picture the net is
given as well as the net. Folds go by guitar, and so do the validation rows inside each fit.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, GroupKFold

from guitarclf import build_pipeline, load_config
from guitarclf.data.synth import render_notes

waveforms, notes = render_notes(300, n_guitars=25, seed=4)
SETTINGS = {
    "logmel.n_fft": 2048,
    "logmel.hop_length": 1024,
    "net.max_epochs": 8,
    "net.lr": 3e-3,
    "net.module.conv_channels": [8, 16],
    "training.threads": 1,
    "net.module.pools": [[4, 1], [4, 2]],
}
pipeline = build_pipeline(load_config(overrides=SETTINGS)).set_params(net__verbose=0)

grid = {"logmel__n_mels": [32, 96], "net__module__rnn_hidden_size": [4, 16, 48]}
search = GridSearchCV(pipeline, grid, cv=GroupKFold(3), scoring="f1_macro", refit=False)
search.fit(waveforms, notes["label_category"], groups=notes["track"], net__groups=notes["track"])

# %%
# The mean over folds, and below it the range: where that is wider than the differences, the grid has not decided.

results = search.cv_results_
folds = np.array([results[f"split{fold}_test_score"] for fold in range(3)])
shape = (len(grid["logmel__n_mels"]), len(grid["net__module__rnn_hidden_size"]))
means, low, high = (values.reshape(shape) for values in (folds.mean(axis=0), folds.min(axis=0), folds.max(axis=0)))

figure, axis = plt.subplots(figsize=(7, 4.2), layout="constrained")
image = axis.imshow(means, cmap="Blues", aspect="auto", vmin=means.min() - 0.1, vmax=means.max() + 0.05)
for row, column in np.ndindex(shape):
    text = f"{means[row, column]:.2f}\n{low[row, column]:.2f} to {high[row, column]:.2f}"
    dark = means[row, column] > means.mean()
    axis.text(column, row, text, ha="center", va="center", color="white" if dark else "black")
axis.set_xticks(range(shape[1]), grid["net__module__rnn_hidden_size"])
axis.set_yticks(range(shape[0]), grid["logmel__n_mels"])
axis.set(xlabel="net__module__rnn_hidden_size", ylabel="logmel__n_mels", title="macro-F1 on guitars left out")

# %%
# ``guitarclf search`` does the same from a file, computes the features of each setting once for all fits, keeps
# what is done when it is killed, and trains the best one.
