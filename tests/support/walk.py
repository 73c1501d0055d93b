"""A page's blocks of code run in turn, as they would be pasted, in a folder that has what the pages speak of.

Blocks of sh run in bash, where ``guitarclf`` and ``python`` are this checkout's and trainings are short; a ``make`` in
them is only looked up, since who builds runs the targets. Blocks of python share their names from block to block.
"""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pandas as pd
import soundfile as sf
from pages import CHECKOUT, Block

from guitarclf.data.synth import render_background, write_snippets, write_tracks

SHIM = """#!{python}
import os, sys
sys.path[:0] = [{checkout!r}, {support!r}]
from shortened import shortened
os.environ["PYTHONPATH"] = {checkout!r}
os.execv({python!r}, [{python!r}, "-m", "guitarclf", *shortened(sys.argv[1:])])
"""


def make_folder(folder: Path, run: Path) -> None:
    """Fill a folder with all that the pages speak of; ``run`` is a finished run folder."""
    notes = write_snippets(folder / "audio_and_table", 36, n_guitars=6, seed=2)
    (folder / "audio_and_table" / "audio").rename(folder / "audio")
    notes["audio_path"] = notes["audio_path"].str.removeprefix("audio/")
    notes.to_csv(folder / "notes.csv", index=False)
    shutil.rmtree(folder / "audio_and_table")
    sounds = sorted((folder / "audio").rglob("*.wav"))
    for name, sound in zip(["note.wav", "one.wav", "a.wav", "b.wav", "a_folder/c.wav"], sounds, strict=False):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(sound, folder / name)
    for row in notes[notes["track"].isin(notes["track"].unique()[:3])].itertuples():
        target = folder / "my_notes" / row.label_category / row.track / f"{row.note_id}.wav"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "audio" / row.audio_path, target)
    write_tracks(folder / "played", 16, n_guitars=2, events_per_recording=8, seed=3)
    first, second = sorted((folder / "played" / "audio").iterdir())
    (folder / "lessons").mkdir()
    for name in ("phrase.wav", "lesson.wav", "lessons/monday.wav"):
        shutil.copy(first, folder / name)
    shutil.copy(second, folder / "lessons" / "friday.wav")
    shutil.rmtree(folder / "played")
    (folder / "noises").mkdir()
    waveforms, kinds = render_background(8, seed=0)
    names = [f"{number}.wav" for number in range(len(kinds))]
    for name, waveform in zip(names, waveforms, strict=True):
        sf.write(folder / "noises" / name, waveform, 22050)
    pd.DataFrame({"audio_path": names, "family": kinds}).to_csv(folder / "noises" / "metadata.csv", index=False)
    shutil.copytree(CHECKOUT / "configs", folder / "configs")
    (folder / "runs").mkdir()
    shutil.copytree(run, folder / "runs" / "demo")


def write_shims(folder: Path) -> None:
    """Write ``guitarclf``, ``python`` and ``make`` as a walk has them into a folder of programs."""
    folder.mkdir()
    support = str(Path(__file__).parent)
    programs = {
        "guitarclf": SHIM.format(python=sys.executable, checkout=str(CHECKOUT), support=support),
        "python": f'#!/bin/sh\nPYTHONPATH={CHECKOUT} exec {sys.executable} "$@"\n',
        "make": f'#!/bin/sh\nexec {shutil.which("make")} -n -C {CHECKOUT} "$@"\n',
    }
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755 | stat.S_IXUSR)


def run_shell(block: Block, programs: Path) -> str:
    """Run a block of sh in the working folder and return what it printed; a command that fails ends it."""
    environment = os.environ | {"HOME": str(programs.parent), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    command = ["bash", "-euo", "pipefail", "-c", block.text]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{block.place}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def run_python(block: Block, names: dict) -> None:
    """Run a block of python with the names that the blocks before it left."""
    exec(compile(block.text, block.place, "exec"), names)


def run_node(block: Block, modules: Path) -> None:
    """Run a block of js in the working folder, with the npm packages of a folder."""
    Path("block.js").write_text(block.text, encoding="utf-8")
    environment = os.environ | {"NODE_PATH": str(modules)}
    done = subprocess.run(["node", "block.js"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{block.place}\n{done.stderr}"
