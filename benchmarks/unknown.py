"""How much of what is no note a model calls `unknown`, at a threshold that rejects few real notes.

    python benchmarks/unknown.py MODEL metadata.csv audio_root [--reject 0.05]

Makes 500 clips by other recipes than those a model learns to be unsure from: white, pink and brown noise, mains
buzz, babble, chords of noise, handling, near silence. The threshold is the confidence below which a share
--reject of the table's notes lies; give a model that has not heard them. Prints a row a kind.
"""

import click
import numpy as np
import pandas as pd
from scipy.signal import butter, iirpeak, lfilter, sosfilt

from guitarclf.bundle.pipelines import load_pipeline
from guitarclf.data.events import read_events

N_CLIPS = 500
RATE = 22050


def coloured_noise(rng):
    """Leaky integration of white noise: white, pinkish, brown."""
    return lfilter([1], [1, -rng.choice([0.0, 0.5, 0.9, 0.98, 0.995])], rng.standard_normal(RATE))


def mains_buzz(rng):
    """A rectified mains sine, saturated, with hiss."""
    times = np.arange(RATE) / RATE
    sine = np.sin(2 * np.pi * rng.choice([50, 60]) * times + rng.uniform(0, 6))
    buzz = np.tanh(rng.uniform(1, 8) * (np.abs(sine) if rng.random() < 0.5 else sine))
    return buzz - buzz.mean() + rng.uniform(0, 0.1) * rng.standard_normal(RATE)


def babble(rng):
    """One to four voices: sawtooths of wandering pitch through wandering formants, in bursts of syllables."""
    total = np.zeros(RATE)
    for _ in range(rng.integers(1, 5)):
        pitch = rng.uniform(90, 280) * 2 ** np.interp(np.arange(RATE), np.linspace(0, RATE, 6), rng.normal(0, 0.2, 6))
        saw = 2 * (np.cumsum(pitch / RATE) % 1) - 1 + 0.1 * rng.standard_normal(RATE)
        voice = sum(lfilter(*iirpeak(f * rng.uniform(0.8, 1.25), 6, fs=RATE), saw) for f in (500, 1500, 2500))
        syllables = np.interp(np.arange(RATE), np.linspace(0, RATE, 12), rng.uniform(0, 1, 12) ** 2)
        total += voice * syllables
    return total


def noise_chord(rng):
    """Resonators at the notes of a chord, fed with noise without end."""
    root = rng.uniform(80, 500)
    chord = rng.choice([(0, 4, 7), (0, 3, 7), (0, 5, 10), (0, 4, 7, 11)][rng.integers(4)], 3)
    noise = rng.standard_normal(RATE)
    return sum(lfilter(*iirpeak(root * 2 ** (step / 12), rng.uniform(3, 40), fs=RATE), noise) for step in chord)


def handling(rng):
    """A cable, a sleeve, a chair: low-passed noise under a jagged envelope."""
    steps = np.repeat(rng.uniform(0, 1, 40) ** 4, RATE // 40 + 1)[:RATE]
    envelope = lfilter([0.01], [1, -0.99], steps)
    noise = sosfilt(butter(2, rng.uniform(200, 5000), fs=RATE, output="sos"), rng.standard_normal(RATE))
    return envelope * noise


def near_silence(rng):
    """Digital silence, one bit of dither, or a floor at -80 to -100 dB."""
    kind = rng.integers(3)
    if kind == 0:
        return np.zeros(RATE)
    if kind == 1:
        return rng.integers(-1, 2, RATE) / 2**15
    return 10 ** rng.uniform(-5, -4) * rng.standard_normal(RATE)


KINDS = (coloured_noise, mains_buzz, babble, noise_chord, handling, near_silence)


def make_clips(seed=0):
    """Return (clips of one second, their kinds)."""
    rng = np.random.default_rng(seed)
    kinds = [KINDS[row % len(KINDS)] for row in range(N_CLIPS)]
    clips = [kind(rng) for kind in kinds]
    clips = [
        clip if kind is near_silence else clip / np.abs(clip).max() for clip, kind in zip(clips, kinds, strict=True)
    ]
    return np.stack(clips).astype(np.float32), np.array([kind.__name__ for kind in kinds])


@click.command()
@click.argument("model")
@click.argument("table")
@click.argument("audio_root")
@click.option("--reject", default=0.05, show_default=True, help="Share of the real notes that may be unknown.")
def main(model, table, audio_root, reject):
    """Print what share of each kind of clip is unknown."""
    pipeline = load_pipeline(model)

    def sure_of(X):
        return pipeline["net"].predict_confidence(pipeline[:-1].transform(X))

    confidence = sure_of(read_events(table, audio_root=audio_root))
    threshold = np.quantile(confidence, reject, method="lower")  # no more than that share lies below
    clips, kinds = make_clips()
    unknown = pd.Series(sure_of(clips) < threshold)
    click.echo(f"--min-confidence {threshold:.3f} rejects {(confidence < threshold).mean():.1%} of the real notes")
    for kind, share in unknown.groupby(kinds).mean().items():
        click.echo(f"{kind:16} {share:6.1%} unknown")
    click.echo(f"{'all':16} {unknown.mean():6.1%} unknown")


if __name__ == "__main__":
    main()
