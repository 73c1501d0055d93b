"""predict and annotate by other processes: of this machine, and of a cluster; what comes out is the same."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from notes import RATE, decaying_sine, write_note_table

from guitarclf.cli import main
from guitarclf.runs.journal import unfinished_path


def call(*arguments, code=0):
    told = CliRunner().invoke(main, list(map(str, arguments)))
    assert told.exit_code == code, told.output
    return told


def take(*onsets, seconds):
    sound = np.zeros(round(seconds * RATE), dtype=np.float32)
    for number, onset in enumerate(onsets):
        note = decaying_sine(147.0 * 1.2 ** (number % 9), 0.6, sample_rate=RATE, decay=0.1)
        sound[round(onset * RATE) :][: len(note)] += note[: len(sound) - round(onset * RATE)]
    return sound


@pytest.fixture(scope="module")
def places(two_workers):
    """The options of each place where work can be done but this process."""
    return [("--n-jobs", "2"), ("--cluster", two_workers.scheduler_address)]


@pytest.fixture
def folder(tmp_path, write_wav, monkeypatch):
    """The working folder, with `notes`: 40 short files, two long ones, and three that cannot be read."""
    write_note_table(tmp_path / "table", n_notes=40)
    (tmp_path / "table" / "audio").rename(tmp_path / "notes")
    write_wav(take(0.7, 2.0, seconds=3.0), "notes/long.wav")
    write_wav(take(1.3, seconds=2.0), "notes/n\xf6te, long.wav")
    write_wav(np.zeros(RATE, dtype=np.float32), "notes/silent.wav")
    (tmp_path / "notes" / "bad.wav").write_bytes(b"no sound")
    (tmp_path / "notes" / "bro\nken.wav").write_bytes((tmp_path / "notes" / "long.wav").read_bytes()[:60])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "options",
    [(), ("--priors", "auto", "--format", "json"), pytest.param(("--engine", "torch"), marks=pytest.mark.slow)],
    ids=str,
)
def test_predictions_of_files_and_their_errors_are_those_of_this_process(folder, places, options):
    here = call("predict", "notes", "gone.wav", *options, code=1)
    assert here.stdout.count(" must ") == 4
    assert "notes/long.wav" in here.stdout
    for place in places:
        there = call("predict", "notes", "gone.wav", *options, *place, code=1)
        assert there.stdout == here.stdout
        assert there.stderr.splitlines()[-1] == here.stderr.splitlines()[-1]


def test_the_least_sure_events_of_a_table_are_those_of_this_process(small_table, places):
    table = ("--metadata-path", small_table.path, "--audio-root", small_table.audio_root, "--review", "7")
    here = call("predict", *table)
    assert here.stdout.count("\n") == 8
    for place in places:
        assert call("predict", *table, *place).stdout == here.stdout


def test_predict_goes_on_elsewhere_with_what_was_kept_here_and_the_other_way_round(folder, places, monkeypatch):
    call("predict", "notes", "--output", "here.csv", code=1)
    for before, after in (((), places[1]), (places[1], ()), (places[0], places[1])):
        with monkeypatch.context() as patched:
            patched.setattr("guitarclf.experiment.predict_output.write_text", interrupted)
            call("predict", "notes", "--output", "there.csv", *before, code=130)
        kept = unfinished_path("there.csv")
        lines = kept.read_bytes().splitlines(keepends=True)
        assert len(lines) == 1 + 3  # 45 events, 16 at a time
        kept.write_bytes(b"".join([lines[0], *lines[2:]]) + b'{"first": 0, "n_it')
        told = call("predict", "notes", "--output", "there.csv", "--resume", *after, code=1)
        assert re.search(r"^(29|32) of 45 events were done before$", told.stderr, re.MULTILINE)
        assert Path("there.csv").read_bytes() == Path("here.csv").read_bytes()
        assert not kept.exists()
        Path("there.csv").unlink()


def interrupted(*_):
    raise KeyboardInterrupt


@pytest.fixture
def lessons(tmp_path, write_wav, monkeypatch):
    """The working folder, with `lessons`: four recordings, the longest last, and two that cannot be read."""
    for name, onsets in {"a": (0.5, 1.1, 1.9), "b/c": (0.2, 1.2), "b/d": (), "z": np.arange(0.3, 11, 0.7)}.items():
        # Floats would have the time of writing in each clip.
        write_wav(take(*onsets, seconds=max([2.0, *onsets]) + 1), f"lessons/{name}.wav", subtype="PCM_16")
    (tmp_path / "lessons" / "bad.wav").write_bytes(b"no sound")
    whole = (tmp_path / "lessons" / "z.wav").read_bytes()
    (tmp_path / "lessons" / "cut\n.wav").write_bytes(whole[: len(whole) // 2])
    monkeypatch.chdir(tmp_path)
    return tmp_path / "lessons"


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_that_annotate_writes_is_what_this_process_writes(lessons, tmp_path, places):
    told = {}
    for number, place in enumerate([(), *places]):
        out = tmp_path / str(number)
        out.mkdir()
        files = ("--output-dir", out / "files", "--format", "csv,audacity,jsonl,jams", "--clips", out / "clips")
        told[number] = call("annotate", "lessons", *files, "--combined", out / "all.csv", *place, code=1).stderr
    here = contents(tmp_path / "0")
    assert len(here) == 6 * 4 + 1 + 1 + sum(name.startswith("clips/") for name in here)
    for number in (1, 2):
        assert contents(tmp_path / str(number)) == here
        assert told[number].splitlines()[-3::2] == told[0].splitlines()[-3::2]  # between them the name of the table


@pytest.mark.parametrize(
    "options",
    [
        ("--review", "4"),
        ("--onsets", "t.csv"),
        ("--score", "t.csv"),
        pytest.param(("--pitch",), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_what_annotate_prints_is_what_this_process_prints(lessons, places, options):
    Path("t.csv").write_text(
        "note_id,audio_path,onset_sec,label_category\nx,a.wav,0.5,harmonic\ny,z.wav,3.1,dead_note\n"
    )
    paths = ("lessons/a.wav", "lessons/z.wav", "lessons/b/c.wav")
    given = ("annotate", *paths, *options, "--audio-root", "lessons")
    here = call(*given)
    assert len(here.stdout.splitlines()) > 2
    for place in places:
        assert call(*given, *place).stdout == here.stdout


def test_annotate_writes_the_files_that_are_missing(lessons, tmp_path, places):
    call("annotate", "lessons", "--output-dir", "out", code=1)
    here = contents(tmp_path / "out")
    for place in places:
        for name in ("a.csv", "z.csv", "b/c.csv"):
            (tmp_path / "out" / name).unlink()
        told = call("annotate", "lessons", "--output-dir", "out", "--resume", *place, code=1)
        assert "5 of 6 recordings: " in told.stderr  # these, and the two that failed
        assert contents(tmp_path / "out") == here


def test_annotate_goes_on_with_a_table_that_other_processes_began(lessons, places, monkeypatch):
    call("annotate", "lessons", "--combined", "here.csv", code=1)
    kept = unfinished_path("there.csv")
    with monkeypatch.context() as patched:
        patched.setattr("guitarclf.experiment.combined.Path.unlink", lambda *_, **__: None)
        call("annotate", "lessons", "--combined", "there.csv", *places[1], code=1)
    lines = kept.read_bytes().splitlines(keepends=True)
    assert sorted(json.loads(line)["first"] for line in lines[1:]) == list(range(6))  # as they came
    kept.write_bytes(b"".join(lines[:4]))
    told = call("annotate", "lessons", "--combined", "there.csv", "--resume", *places[0], code=1)
    assert "3 of 6 recordings were done before" in told.stderr
    assert Path("there.csv").read_bytes() == Path("here.csv").read_bytes()
    assert not kept.exists()


@pytest.mark.parametrize("command", ["predict", "annotate"])
def test_a_place_that_is_none_is_refused_before_anything_is_written(lessons, tmp_path, command):
    output = ("--output", "out.csv") if command == "predict" else ("--output-dir", "out")
    told = call(command, "lessons", *output, "--cluster", "nowhere", code=1)
    assert "--cluster must be the address of a scheduler" in told.stderr
    assert (
        "Give --cluster or --n-jobs, not both."
        in call(command, "lessons", *output, "--cluster", "local:2", "--n-jobs", "2", code=2).stderr
    )
    assert [path.name for path in tmp_path.iterdir()] == ["lessons"]


@pytest.mark.parametrize("place", [("--n-jobs", "2"), ("--cluster", "local:2")], ids=str)
def test_a_stream_is_heard_here(place):
    told = call("annotate", "-", "--raw", "s16le,44100,1", *place, code=2)
    assert "A stream is alone" in told.stderr
    assert "--n-jobs and --cluster" in told.stderr
