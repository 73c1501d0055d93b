"""What a few corrected notes of one recording teach the model that ships, and what it forgets.

    python benchmarks/correction.py notes/metadata.csv notes [--elsewhere more/metadata.csv more] [--set KEY=VALUE]

Joins the harmonics and dead notes of a table and 60 of its other notes into one recording, as a telephone hears it in a
room: 150 to 3,800 Hz, reverberation, overload, noise. Its first notes (--corrected) are the table that somebody
corrected. `guitarclf train --init-from pretrained` learns them, once as it does by default and once with the settings
of a training from fresh weights, as up to 0.1.0. Prints what is right among the notes corrected, the rest of that
recording, the notes of the table as they are, and those elsewhere: means over the seeds, and their range.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import pandas as pd
import soundfile as sf
from scipy.signal import butter, fftconvolve, sosfilt

from guitarclf.bundle.pipelines import load_pipeline
from guitarclf.config import Config
from guitarclf.config.files import write_config
from guitarclf.data.events import read_events, write_events
from guitarclf.data.phrases import write_phrases
from guitarclf.labels import LABELS
from guitarclf.pipeline import predict_by_label

N_OTHERS = 60
REVERB_SEC, REVERB_SHARE, NOISE_DB = 0.09, 0.35, -45


def telephoned(sound, rate, rng):
    """Return a recording as a telephone in a room has it."""
    times = np.arange(round(0.5 * rate)) / rate
    room = rng.standard_normal(len(times)) * np.exp(-times / REVERB_SEC)
    wet = fftconvolve(sound, room / np.sqrt((room**2).sum()))[: len(sound)]
    heard = sosfilt(butter(4, [150, 3800], "bandpass", fs=rate, output="sos"), sound + REVERB_SHARE * wet)
    return 0.8 * np.tanh(3 * heard / np.abs(heard).max()) + rng.standard_normal(len(heard)) * 10 ** (NOISE_DB / 20)


def one_recording(notes, folder):
    """Write lesson.wav, and return its events in order."""
    rare = notes[notes["label_category"] != "general_note"]
    others = notes[notes["label_category"] == "general_note"].sample(N_OTHERS, random_state=1)
    phrases = write_phrases(folder / "phrases", pd.concat([rare, others]).assign(track="lesson"), seed=3)
    sounds, rows, at = [], [], 0.0
    for path, own in phrases.groupby("audio_path", sort=True):
        sound, rate = sf.read(folder / "phrases" / path)
        rows.append(own.assign(onset_sec=own["onset_sec"] + at, offset_sec=own["offset_sec"] + at))
        sounds.append(sound)
        at += len(sound) / rate
    sf.write(folder / "lesson.wav", telephoned(np.concatenate(sounds), rate, np.random.default_rng(0)), rate)
    return pd.concat(rows).sort_values("onset_sec").assign(audio_path="lesson.wav", track="lesson")


def scores(model, tables):
    """Return the share of notes that are right and of ordinary notes called harmonics, in percent, for each table."""
    pipeline, found = load_pipeline(model), {}
    for name, events in tables.items():
        called = np.array(LABELS)[predict_by_label(pipeline, events).argmax(axis=1)]
        truth = events["label_category"].to_numpy()
        found[f"{name}: right"] = 100 * (called == truth).mean()
        found[f"{name}: others called harmonic"] = 100 * (called[truth != "harmonic"] == "harmonic").mean()
    return found


@click.command()
@click.argument("table", type=click.Path(exists=True))
@click.argument("root", type=click.Path(exists=True))
@click.option("--elsewhere", nargs=2, multiple=True, type=click.Path(exists=True), metavar="TABLE ROOT")
@click.option("--corrected", default=40, show_default=True, help="Notes that were corrected.")
@click.option("--seeds", default=3, show_default=True)
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Another recipe.")
def main(table, root, elsewhere, corrected, seeds, changes):
    """Print a row a figure: the model that ships, trained on as before, and as now."""
    notes = read_events(table, audio_root=root)
    with TemporaryDirectory(prefix="guitarclf-") as name:
        folder = Path(name)
        lesson = one_recording(notes, folder)
        write_events(lesson[:corrected], folder / "corrected.csv")
        write_events(lesson[corrected:], folder / "rest.csv")
        write_config(Config(), folder / "fresh.yaml")
        tables = {name: read_events(folder / f"{name}.csv", audio_root=folder) for name in ("corrected", "rest")}
        tables["alone"] = notes
        tables |= {Path(where).name: read_events(place, audio_root=where) for place, where in elsewhere}
        columns = {"as it ships": [scores("pretrained", tables)]}
        recipe = [part for change in changes for part in ("--set", change)]
        for how, options in (("as up to 0.1.0", ["--config", str(folder / "fresh.yaml")]), ("trained on", recipe)):
            for seed in range(1, seeds + 1):
                run = folder / f"{how}_{seed}"
                command = ["train", "--metadata-path", str(folder / "corrected.csv"), "--init-from", "pretrained"]
                command += [
                    "--output-dir",
                    str(run),
                    "--set",
                    f"seed={seed}",
                    "--set",
                    "training.threads=1",
                    "--no-cache",
                ]
                subprocess.run([sys.executable, "-m", "guitarclf", "-q", *command, *options], check=True)
                columns.setdefault(how, []).append(scores(run, tables))
    spread = {how: pd.DataFrame(found).agg(["mean", "min", "max"]).T for how, found in columns.items()}
    cells = {
        how: [f"{row['mean']:.1f} ({row['min']:.1f}-{row['max']:.1f})" for _, row in found.iterrows()]
        for how, found in spread.items()
    }
    click.echo(pd.DataFrame(cells, index=spread["as it ships"].index).to_string())


if __name__ == "__main__":
    main()
