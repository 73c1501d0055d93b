"""annotate in every format, and back in through the importer: what a user does with folders of recordings."""

import csv
import json
import sys

import numpy as np
import pytest
import soundfile as sf
from click.testing import CliRunner
from notes import RATE, noise_click, partial_series

from guitarclf.cli import main
from guitarclf.timeline.formats import FORMATS


def call(*args, code=0):
    """Run a command and return click's result, having checked its exit code."""
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def phrase(rng, *frequencies):
    """Return plucked notes half a second apart, on a little noise."""
    notes = [partial_series(f, 0.5) + noise_click(rng, 0.5, amplitude=0.2) for f in frequencies]
    return np.concatenate([np.zeros(RATE // 4), *notes]) + 1e-4 * rng.standard_normal(
        RATE // 4 + len(notes) * RATE // 2
    )


@pytest.fixture
def takes(rng, tmp_path):
    """A folder with two recordings of one stem, one with dots in its name, and a file that is none."""
    (tmp_path / "takes/sub").mkdir(parents=True)
    for name, frequencies in {"a.flac": (110, 165), "a.wav": (220, 147, 196), "sub/take.1.wav": (131, 175)}.items():
        sf.write(tmp_path / "takes" / name, phrase(rng, *frequencies), RATE)
    return tmp_path / "takes"


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_recording_gets_its_files_and_clips_and_comes_back_from_audacity(takes, tmp_path):
    options = ("--format", ",".join(FORMATS), "--min-confidence", 0, "--clips", takes.parent / "clips")
    call("annotate", takes, "--output-dir", takes, *options)
    expected = []
    for stem, name, n_events in (("a", "a.flac", 2), ("a.wav", "a.wav", 3), ("sub/take.1", "sub/take.1.wav", 2)):
        assert all((takes / f"{stem}{form.suffix}").is_file() for form in FORMATS.values())
        rows = rows_of(takes / f"{stem}.csv")
        assert [row["audio_path"] for row in rows] == [name] * n_events
        first, *lines = map(json.loads, (takes / f"{stem}.jsonl").read_text().splitlines())
        assert first["recording"]["audio_path"] == name
        assert first["settings"]["model"] == "pretrained"
        assert [line["pitch_midi"] for line in lines] == [int(row["pitch_midi"]) for row in rows]
        clips = sorted((tmp_path / "clips" / stem).parent.glob(f"{(takes / stem).name}_0*.wav"))
        assert len(clips) == n_events
        call("validate", takes / f"{stem}.csv", "--audio-root", takes)
        expected += [(row["audio_path"], row["onset_sec"], row["offset_sec"], row["label_category"]) for row in rows]
    call("import", "audacity", takes, "--output", tmp_path / "back.csv")
    back = rows_of(tmp_path / "back.csv")
    found = [(row["audio_path"], row["onset_sec"], row["offset_sec"], row["label_category"]) for row in back]
    assert sorted(found) == sorted(expected)


def test_clips_that_are_there_are_refused_before_a_recording_is_heard(takes, tmp_path):
    (tmp_path / "clips/sub").mkdir(parents=True)
    clip = tmp_path / "clips/sub/take.1_00000.250_harmonic.wav"
    clip.write_text("mine")
    refused = call("annotate", takes, "--output-dir", tmp_path / "out", "--clips", tmp_path / "clips", code=1)
    assert "must not have clips of take.1 yet" in refused.output
    assert clip.read_text() == "mine"
    assert not list((tmp_path / "out").glob("*.csv"))


def test_without_mido_other_formats_are_written_and_mid_is_refused_at_once(takes, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mido", None)
    call("annotate", takes / "a.wav", "--output-dir", tmp_path / "out", "--format", "csv,jams")
    refused = call("annotate", takes, "--output-dir", tmp_path / "mid", "--format", "csv,mid", code=1)
    assert "Install guitarclf[midi]" in refused.output
    assert not (tmp_path / "mid").exists()
