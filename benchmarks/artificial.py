"""How a model answers artificial harmonics, beside natural ones: modelled, of guitars it has not heard.

    python benchmarks/artificial.py [MODEL] [--notes 2000] [--guitars 400] [--seed 90210]

An artificial harmonic is stopped at a fret with one hand and touched at a node, mostly an octave above, with the other;
one in five of the modelled harmonics is.
"""

import argparse
import copy
from collections import Counter

import numpy as np

from guitarclf.bundle.engines import load_model
from guitarclf.data.synth import draw_guitar, draw_note
from guitarclf.data.synth.techniques import _draw_position
from guitarclf.labels import LABELS


def draw(guitar, rng, rate):
    """Return a harmonic, and whether it is artificial."""
    same = copy.deepcopy(rng)
    same.integers(2**63)  # as `draw_note` draws the seed of the noise first
    position, _ = _draw_position(guitar, "harmonic", same)
    return draw_note(guitar, "harmonic", rng, sample_rate=rate), position.fret > 0


def main(model, n_notes, n_guitars, seed):
    """Print how many are called what."""
    rng, loaded = np.random.default_rng(seed), load_model(model)
    counts = {"natural": Counter(), "artificial": Counter()}
    for _ in range(n_guitars):
        guitar = draw_guitar(rng)
        notes = [draw(guitar, rng, loaded.reader.sample_rate) for _ in range(n_notes // n_guitars)]
        proba = loaded.predict_proba([note.waveform for note, _ in notes])
        for (_, is_artificial), row in zip(notes, proba, strict=True):
            counts["artificial" if is_artificial else "natural"][LABELS[row.argmax()]] += 1
    for kind, called in counts.items():
        told = ", ".join(f"{called[label]} {label}" for label in LABELS)
        print(f"{kind:11}{called.total():6d}   {told}   found {called['harmonic'] / called.total():.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="pretrained")
    parser.add_argument("--notes", type=int, default=2000)
    parser.add_argument("--guitars", type=int, default=400)
    parser.add_argument("--seed", type=int, default=90210)
    given = parser.parse_args()
    main(given.model, given.notes, given.guitars, given.seed)
