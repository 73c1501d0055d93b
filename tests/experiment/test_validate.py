"""What validate and inspect find in a table."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from guitarclf.bundle.engines import load_model
from guitarclf.errors import EventTableError
from guitarclf.experiment.inspect import find_event, inspect_event
from guitarclf.experiment.notes import notes_of_events
from guitarclf.experiment.predict import joined, predict_notes
from guitarclf.experiment.validate import validate


def test_validate_finds_nothing_wrong_with_a_good_table(small_table):
    found = validate(small_table.path, small_table.audio_root)
    assert found.problems == []
    assert found.summary[0] == "30 events in 30 files, 6 tracks"


def test_validate_lists_every_problem(note_table, tmp_path):
    table = note_table()
    rows = pd.read_csv(table.path, dtype=str)
    (table.audio_root / "note001.wav").write_bytes(b"not audio")
    (table.audio_root / "note002.wav").unlink()
    first = (table.audio_root / "note003.wav").read_bytes()
    (table.audio_root / "note004.wav").write_bytes(first)
    rows.loc[5, "label_category"] = "slap"
    rows.loc[6, "onset_sec"] = "30"
    rows.loc[6, "offset_sec"] = "31"
    rows.to_csv(table.path, index=False)
    text = "\n".join(validate(table.path, table.audio_root).problems)
    for part in (
        "line 7: `label_category` must be one of",
        "note001.wav must be a WAV or FLAC file",
        "note002.wav must be an audio file. There is no such file",
        "event 'n006'",
        "identical audio under 2 tracks (track3, track4): n003, n004",
    ):
        assert part in text


@pytest.mark.parametrize("with_model", [False, True])
def test_inspection_draws_a_png_with_the_answer_of_predict(run, small_table, tmp_path, with_model):
    event = find_event(small_table.path, "n004", audio_root=small_table.audio_root)
    model = load_model(run.folder.root) if with_model else None
    scores = inspect_event(event, tmp_path / "event.png", model=model)
    assert (tmp_path / "event.png").read_bytes().startswith(b"\x89PNG")
    predicted = joined(list(predict_notes(model or load_model(), notes_of_events(event))))
    assert list(scores.values()) == pytest.approx([*predicted.proba[0].tolist(), predicted.confidence[0]])


def test_inspection_hears_a_note_of_a_phrase_until_the_next_one(write_wav, make_tone, write_csv):
    write_wav(make_tone(440, 3.0), "take.wav")
    table = write_csv([{"note_id": f"n{n}", "audio_path": "take.wav", "onset_sec": n * 0.4} for n in range(3)])
    event = find_event(table, "n1", audio_root=table.parent)
    assert notes_of_events(event)[0].request.next_onset == pytest.approx(0.8)


def test_inspecting_an_unknown_note_is_refused(small_table):
    with pytest.raises(EventTableError, match="There is no 'nobody'"):
        find_event(small_table.path, "nobody", audio_root=small_table.audio_root)


def test_validate_copes_with_a_table_of_which_nothing_can_be_read(small_table, tmp_path):
    found = validate(small_table.path, tmp_path)
    assert len(found.problems) == 30


def test_validate_finds_the_same_sound_in_another_format_and_a_file_under_two_tracks(note_table):
    table = note_table()
    audio, rate = soundfile.read(table.audio_root / "note003.wav")
    soundfile.write(table.audio_root / "note004.wav", audio, rate, subtype="PCM_24")
    rows = pd.read_csv(table.path, dtype=str)
    rows.loc[6, ["audio_path", "onset_sec"]] = ["note005.wav", "0.2"]
    rows.to_csv(table.path, index=False)
    text = "\n".join(validate(table.path, table.audio_root).problems)
    assert "identical audio under 2 tracks (track3, track4): n003, n004" in text
    assert "note005.wav is under 2 tracks" in text


def test_each_thing_that_is_wrong_is_told_on_one_line_whatever_names_hold(note_table):
    table = note_table()
    name = "no\nte\x1b.wav"
    (table.audio_root / name).write_bytes((table.audio_root / "note003.wav").read_bytes())
    rows = pd.read_csv(table.path, dtype=str)
    rows.loc[4, ["note_id", "audio_path", "track", "offset_sec"]] = ["n\n4", name, "tr\nack", "30"]
    rows.loc[5, ["audio_path", "offset_sec"]] = [name, "30"]
    rows.to_csv(table.path, index=False)
    found = validate(table.path, table.audio_root)
    for line in (*found.problems, *found.warnings):
        assert line.isprintable(), line
    text = "\n".join((*found.problems, *found.warnings))
    for part in ("n003", "no\\nte\\x1b.wav is under 2 tracks", "(tr\\nack, track3", "n\\n4", "is past the end of"):
        assert part in text


def test_validate_checks_a_given_split(note_table):
    table = note_table(extra={"split": lambda index, row: "train" if index else "val"})
    assert any("Track 'track0' is in" in problem for problem in validate(table.path, table.audio_root).problems)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda note: np.stack([note, -note], axis=1),
            "channels cancel, or one carries no note. Channels [1] are heard",
        ),
        (lambda note: np.stack([np.zeros_like(note), note], axis=1), "Channels [2] are heard"),
        (lambda note: note + 0.2, "it has DC"),
        (lambda note: np.stack([note, note], axis=1), None),
    ],
)
def test_a_file_whose_mono_is_not_the_mean_of_its_channels_is_named(small_table, tmp_path, change, told):
    shutil.copytree(small_table.audio_root, tmp_path / "audio")
    first = small_table.events["audio_path"].iloc[0]
    path = tmp_path / "audio" / Path(first).relative_to(small_table.audio_root)
    note, rate = soundfile.read(first)
    soundfile.write(path, change(note), rate, subtype="FLOAT")
    lines = [line for line in validate(small_table.path, tmp_path / "audio").warnings if path.name in line]
    assert len(lines) == (told is not None)
    assert told is None or told in lines[0]
