"""Tables of clips that are no note, and rows of a table of notes that are labelled so."""

import re

import pandas as pd
import pytest

from guitarclf.data.background import read_background
from guitarclf.data.events import check_events, notes_of, read_events
from guitarclf.data.splits import assign_splits
from guitarclf.errors import EventTableError, LabelError
from guitarclf.parameters.label_map import LabelMap
from guitarclf.training.targets import encode_labels

CLIPS = [
    {"clip": "a", "audio_path": "drum.wav", "family": "drums", "split": "anything", "pitch_midi": "loud"},
    {"clip": "b", "audio_path": "voice.wav", "family": "", "split": "", "pitch_midi": ""},
]


def with_no_note(table, **cells):
    """Return a NoteTable's rows as texts, the last two labelled no_note."""
    rows = pd.read_csv(table.path, dtype=str)
    rows.loc[rows.index[-2:], ["label_category", *cells]] = ["no_note", *cells.values()]
    rows.to_csv(table.path, index=False)
    return table


def test_clips_have_families_and_no_offset_and_other_columns_are_not_read(tmp_path, write_csv):
    clips = read_background(write_csv(CLIPS))
    assert clips["family"].tolist() == clips["track"].tolist() == ["drums", "voice.wav"]
    assert clips["audio_path"].tolist() == [str(tmp_path / "drum.wav"), str(tmp_path / "voice.wav")]
    assert clips["onset_sec"].tolist() == [0, 0]
    assert clips["offset_sec"].isna().all()
    assert clips["label_category"].isna().all()
    assert "split" not in clips


def test_parquet_reads_as_csv_and_absolute_paths_stay(tmp_path, write_csv):
    rows = [
        {"audio_path": "/elsewhere/drum.wav", "onset_sec": 1.5},
        {"audio_path": "/elsewhere/drum.wav", "onset_sec": 3},
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "clips.parquet")
    columns = ["audio_path", "onset_sec", "family", "events_in_file"]
    clips = read_background(tmp_path / "clips.parquet")[columns]
    assert clips.to_numpy().tolist() == [["/elsewhere/drum.wav", at, "/elsewhere/drum.wav", 2] for at in (1.5, 3.0)]
    pd.testing.assert_frame_equal(read_background(write_csv(rows))[columns], clips)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,family\na.wav,drums\n", r"clips\.csv must have the column audio_path, .* Its columns are file, family"),
        ("audio_path,family\n", r"clips\.csv must hold at least one event"),
        ("audio_path,family\n,drums\n", r"clips\.csv, line 2: `audio_path` must not be empty"),
        ("audio_path,onset_sec\na.wav,-1\n", r"line 2: `onset_sec` must be a number of seconds from 0 up. Got '-1'"),
        ("audio_path,family\na.wav,drums,3\n", r"line 2: `row` must have 2 cells like the header"),
    ],
)
def test_a_table_of_clips_that_breaks_a_rule_is_refused_in_a_line(tmp_path, text, message):
    (tmp_path / "clips.csv").write_text(text)
    with pytest.raises(EventTableError, match=message) as error:
        read_background(tmp_path / "clips.csv")
    assert "\n" not in str(error.value)


def test_a_table_of_clips_that_is_not_there_names_its_key(tmp_path):
    with pytest.raises(EventTableError, match=re.escape("There is no such file. Check training.background_path.")):
        read_background(tmp_path / "clips.csv")


def test_rows_of_no_note_need_no_offset_and_are_of_the_training_side(note_table):
    table = with_no_note(note_table(), offset_sec="")
    events = read_events(table.path, audio_root=table.audio_root)
    assert (events["label_category"] == "no_note").sum() == 2
    splits = assign_splits(events, valid_size=0.3, test_size=0.3)
    assert splits[events["label_category"] == "no_note"].tolist() == ["train", "train"]
    notes = notes_of(events)
    assert splits[:28].tolist() == assign_splits(notes, valid_size=0.3, test_size=0.3).tolist()


def test_a_row_of_no_note_in_another_split_is_refused(note_table):
    table = note_table(extra={"split": lambda index, row: "val" if row["track"] == "track5" else "train"})
    _, problems = check_events(with_no_note(table).path)
    assert [str(problem) for problem in problems] == [
        f"{table.path}, line 31: `split` must be train or empty where the label is no_note, which is to train on "
        "alone. Got 'val'."
    ]


def test_labels_may_be_mapped_to_no_note_and_star_does_not_take_it(note_table):
    table = note_table()
    labels = {"dead_note": "no_note", "*": "general_note"}
    events = read_events(
        table.path,
        labels={"HA": "harmonic", "DN": "no_note", "NO": "general_note"},
        columns={"label_category": "expression_style"},
    )
    assert set(events.loc[events["expression_style"] == "DN", "label_category"]) == {"no_note"}
    assert LabelMap(labels).label_of("No note") == "no_note"
    assert LabelMap().label_of("no-notes") == "no_note"


def test_an_estimator_refuses_the_label_and_says_how_to_pass_such_rows():
    with pytest.raises(LabelError, match=r"Got 'no_note'.* fit\(\.\.\., no_note=mask\)"):
        encode_labels(["harmonic", "no_note"])
