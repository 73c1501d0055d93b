"""Write a tiny trained bundle and what it says of a 440 Hz tone: ``python tests/bundles/make.py FOLDER``."""

import json
import sys
from pathlib import Path

import numpy as np

from guitarclf.bundle.pipelines import save_bundle
from guitarclf.config.files import load_config
from guitarclf.pipeline import build_pipeline, predict_by_label

RATE = 8000
SETTINGS = {
    "window.sample_rate": RATE,
    "window.target_duration": 0.5,
    "logmel.n_mels": 8,
    "logmel.n_fft": 256,
    "net.module.conv_channels": [2],
    "net.module.pools": [[4, 4]],
    "net.module.rnn_hidden_size": 2,
    "net.module.head_hidden_size": 2,
    "net.max_epochs": 3,
    "training.valid_size": 0.0,
}


def tone(frequency=440.0) -> np.ndarray:
    """Return half a second of a decaying sine, float32."""
    time = np.arange(RATE // 2) / RATE
    return (0.5 * np.exp(-time / 0.2) * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def make(folder: Path) -> None:
    """Train on three tones, and write the bundle and ``expected.json`` beside its files."""
    config = load_config(overrides=SETTINGS)
    X = [tone(440.0 * 2 ** (n / 3)) for n in range(9)]
    pipeline = build_pipeline(config).fit(X, ["harmonic", "dead_note", "general_note"] * 3)
    save_bundle(pipeline, config, folder / "model")
    proba = predict_by_label(pipeline, [tone()])[0].tolist()
    (folder / "expected.json").write_text(json.dumps({"probabilities": proba}) + "\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
