"""The tutorial of corrections, docs/correct.md, walked as it is pasted, on modelled sound."""

import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from click.testing import CliRunner
from pages import blocks

from guitarclf.cli import main
from guitarclf.labels import LABELS

COMMANDS = [line for block in blocks("docs/correct.md", "sh", runs=True) for line in block.lines()]
SHORT = ["--set", "training.add_modelled=10", "--set", "training.add_clutter=3", "--set", "net.max_epochs=1"]


def plucked(rng, seconds=6.0, rate=22050):
    """Return a recording of plucked strings, one every half a second."""
    sound = rng.standard_normal(round(seconds * rate)) * 1e-4
    times = np.arange(round(0.45 * rate)) / rate
    for number in range(round(2 * seconds) - 1):
        partials = sum(np.sin(2 * np.pi * 110 * (1 + number % 5) * k * times) / k for k in range(1, 6))
        start = round((0.1 + number / 2) * rate)
        sound[start : start + len(times)] += 0.2 * partials * np.exp(-6 * times)
    return sound, rate


def corrected_by_ear(folder):
    """Do what the tutorial asks a person to do between its commands: in a spreadsheet, and in Audacity."""
    table = pd.read_csv(folder / "timelines" / "lesson.csv", dtype=str, keep_default_na=False)
    table["label_category"] = [("", "unknown", *LABELS)[number % 5] for number in range(len(table))]
    table["onset_sec"] = table["onset_sec"].str.replace(".", ",")
    table["offset_sec"] = table["offset_sec"].str.replace(".", ",").where(table.index % 2 == 0, "")
    table.to_csv(folder / "corrected.csv", index=False, sep=";", encoding="utf-16")
    track = (folder / "timelines" / "lesson.txt").read_text().splitlines()
    times = [line.rpartition("\t")[0] for line in track]
    lines = [f"{start_and_end}\t{LABELS[number % 3]}\n" for number, start_and_end in enumerate(times)]
    (folder / "takes" / "lesson.txt").write_text("".join(lines))


@pytest.mark.slow
def test_the_tutorial_runs_as_pasted(tmp_path, monkeypatch, rng):
    (tmp_path / "takes").mkdir()
    sf.write(tmp_path / "takes" / "lesson.wav", *plucked(rng))
    monkeypatch.chdir(tmp_path)
    said = {}
    for command in COMMANDS:
        program, *arguments = shlex.split(command)
        assert program == "guitarclf"
        if arguments[:2] == ["import", "audacity"]:
            corrected_by_ear(tmp_path)
        if arguments[0] == "train":
            arguments += SHORT
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, (command, done.output)
        said[command] = done.output
    assert [command.split()[1] for command in COMMANDS] == [
        *("annotate", "predict", "import", "validate", "eval", "train", "eval", "annotate")
    ]
    n_events = len(pd.read_csv("timelines/lesson.csv"))
    assert n_events > 8
    assert len(pd.read_csv("from_audacity.csv")) == n_events
    (checked,) = [text for command, text in said.items() if "validate" in command]
    n_each = [len(range(first, n_events, 5)) for first in (0, 1)]
    assert f"left out {sum(n_each)} of {n_events} rows: {n_each[1]} `unknown`, {n_each[0]} without a label" in checked
    assert pd.read_csv("runs/corrected/splits.csv")["split"].eq("train").all()


@pytest.mark.parametrize("command", [line for line in COMMANDS if "--output" in line])
def test_no_command_of_the_tutorial_replaces_what_is_there(tmp_path, monkeypatch, rng, command):
    monkeypatch.chdir(tmp_path)
    arguments = shlex.split(command)[1:]
    output = Path(arguments[1 + arguments.index(next(part for part in arguments if part.startswith("--output")))])
    (tmp_path / "takes").mkdir()
    sf.write("takes/lesson.wav", *plucked(rng, 2.0))
    Path("takes/lesson.txt").write_text("0.1\t0.5\tharmonic\n")
    table = "note_id,audio_path,onset_sec,label\nn1,lesson.wav,0.1,harmonic\nn2,lesson.wav,0.6,dead_note\n"
    Path("corrected.csv").write_text(table)
    Path("timelines").mkdir()
    Path("timelines/lesson.csv").write_text(table)
    files = [output] if output.suffix else [output / "lesson.csv", output / "splits.csv"]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_text("by hand")
    before = {file: file.read_text() for file in files}
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1, done.output
    assert before == {file: file.read_text() for file in files}
