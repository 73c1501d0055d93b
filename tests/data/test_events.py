"""The events table: what loads, how it is read, and what a bad row is told."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from guitarclf.data.events import (
    EVENT_COLUMNS,
    check_events,
    is_in_our_terms,
    paths_below,
    read_events,
    typed,
    write_events,
)
from guitarclf.data.splits import assign_splits
from guitarclf.data.texts import as_texts, no_texts, same_texts
from guitarclf.errors import EventTableError
from guitarclf.files.names import as_text
from guitarclf.files.urls import joined, relative

ROW = {
    "note_id": "a1",
    "audio_path": "take.wav",
    "onset_sec": "0.5",
    "offset_sec": "1.25",
    "pitch_midi": "64",
    "expression_style": "NO",
    "label_category": "general_note",
}


def rows(*changes):
    """Return a good row per mapping of changes, ids counted on."""
    return [ROW | {"note_id": f"a{number}"} | change for number, change in enumerate(changes, start=1)]


def test_a_good_table_loads_with_its_types(write_csv):
    events = read_events(write_csv(rows({}, {"pitch_midi": ""}, {"pitch_midi": "-1"})))
    assert tuple(events.columns[: len(EVENT_COLUMNS)]) == EVENT_COLUMNS
    assert events["onset_sec"].dtype == events["offset_sec"].dtype == np.float64
    assert events["onset_sec"].tolist() == [0.5] * 3
    assert events["pitch_midi"].tolist() == [64, -1, -1]
    assert pd.api.types.is_integer_dtype(events["pitch_midi"])


def test_ids_tracks_and_styles_are_text(write_csv):
    row = {"note_id": "007", "track": "01", "expression_style": "NO", "audio_path": "001.wav"}
    events = read_events(write_csv(rows(row, {"note_id": "NA", "track": "1e3", "expression_style": "nan"})))
    assert events["note_id"].tolist() == ["007", "NA"]
    assert events["track"].tolist() == ["01", "1e3"]
    assert events["expression_style"].tolist() == ["NO", "nan"]


def test_track_is_the_stem_of_the_path_unless_given(write_csv):
    paths = [{"audio_path": "guitar1/take.2.wav"}, {"audio_path": "guitar1\\other.flac"}]
    assert read_events(write_csv(rows(*paths, {}, {})))["track"].tolist() == ["take.2", "other", "take", "take"]
    assert read_events(write_csv(rows({"track": "player1"})))["track"].tolist() == ["player1"]


def test_audio_root_is_put_before_relative_paths_only(write_csv, tmp_path):
    absolute = str(tmp_path / "there.wav")
    table = write_csv(rows({}, {"audio_path": absolute}))
    expected = [str(tmp_path / "sounds" / "take.wav"), absolute]
    assert read_events(table, audio_root=tmp_path / "sounds")["audio_path"].tolist() == expected
    assert read_events(table)["audio_path"].tolist() == ["take.wav", absolute]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_may_be_separated_by_commas_semicolons_or_tabs(tmp_path, separator):
    lines = [separator.join(ROW), separator.join(ROW.values()), ""]
    (tmp_path / "table.csv").write_bytes("\ufeff".encode() + "\r\n".join(lines).encode())
    events = read_events(tmp_path / "table.csv")
    assert events[list(EVENT_COLUMNS)].astype(str).to_dict("records") == [ROW]


def test_parquet_and_csv_are_read_alike(write_csv, tmp_path):
    table = write_csv(rows({"note_id": "007"}, {"pitch_midi": ""}))
    typed = pd.DataFrame(
        {
            "note_id": ["007", "a2"],
            "audio_path": "take.wav",
            "onset_sec": 0.5,
            "offset_sec": np.float32(1.25),
            "pitch_midi": [64.0, np.nan],
            "expression_style": "NO",
            "label_category": pd.Categorical(["general_note"] * 2),
        }
    )
    typed.to_parquet(tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(read_events(tmp_path / "table.parquet"), read_events(table))


def test_a_parquet_problem_names_the_row(tmp_path):
    pd.DataFrame(rows({}, {"onset_sec": "-1"})).to_parquet(tmp_path / "table.parquet")
    with pytest.raises(EventTableError, match=r"table\.parquet, row 2: `onset_sec` must be a number.*Got '-1'"):
        read_events(tmp_path / "table.parquet")


def test_a_table_with_other_names_loads_through_a_mapping(write_csv):
    columns = {
        "audio_path": "source_audio",
        "note_id": ["subset_id", "source_audio", "event_index"],
        "label_category": "expression_style",
    }
    labels = {"HA": "harmonic", "DN": "dead_note", "*": "general_note"}
    theirs = {"subset_id": "2", "source_audio": "x.wav", "onset_sec": 1.1, "duration_sec": 0.2, "pitch_midi": 50}
    table = write_csv([theirs | {"event_index": n, "expression_style": s} for n, s in enumerate(["HA", "DN", "NO"])])
    events = read_events(table, columns=columns, labels=labels)
    assert events["note_id"].tolist() == ["2_x.wav_0", "2_x.wav_1", "2_x.wav_2"]
    assert events["label_category"].tolist() == ["harmonic", "dead_note", "general_note"]
    assert events["expression_style"].tolist() == ["HA", "DN", "NO"]
    assert events["offset_sec"].tolist() == [1.3, 1.3, 1.3]
    assert events["subset_id"].tolist() == ["2"] * 3


def test_offset_may_be_mapped_from_duration(write_csv):
    table = write_csv([{name: ROW[name] for name in EVENT_COLUMNS if name != "offset_sec"} | {"duration_sec": "2"}])
    assert read_events(table, columns={"offset_sec": "duration_sec"})["offset_sec"].tolist() == [2.5]


def test_a_table_with_every_needed_column_is_in_our_terms(write_csv):
    full = rows({})
    assert is_in_our_terms(write_csv(full))
    unlabelled = [{name: cell for name, cell in full[0].items() if name != "label_category"}]
    assert not is_in_our_terms(write_csv(unlabelled))
    assert is_in_our_terms(write_csv(unlabelled), require_labels=False)


@pytest.mark.parametrize("columns", [{"trak": "guitar"}, {"track": None}, {"note_id": []}])
def test_a_mapping_that_is_none_is_refused(write_csv, columns):
    with pytest.raises(EventTableError, match=r"`data\.columns` must map note_id, audio_path"):
        read_events(write_csv(rows({})), columns=columns)


def test_labels_are_not_looked_at_where_none_are_needed(write_csv):
    path = write_csv(rows({"label_category": "slide"}))
    assert read_events(path, require_labels=False)["label_category"].tolist() == ["slide"]


def test_a_written_table_reads_back_equal_through_the_same_mapping(write_csv, tmp_path):
    theirs = {"file": "x.wav", "onset_sec": 1.1, "duration_sec": 0.2, "style": "HA"}
    table = write_csv([theirs | {"note_id": n} for n in "ab"])
    columns = {"audio_path": "file", "label_category": "style", "expression_style": "style"}
    settings = {"columns": columns, "labels": {"HA": "harmonic"}, "audio_root": tmp_path}
    events = read_events(table, **settings)
    write_events(events, tmp_path / "again.csv", audio_root=tmp_path)
    again = read_events(tmp_path / "again.csv", **settings)
    pd.testing.assert_frame_equal(again[list(events.columns)], events)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label_category": "harmonica"}, r"line 3: `label_category` must be one of harmonic, .* Got 'harmonica'"),
        ({"onset_sec": "-0.1"}, r"line 3: `onset_sec` must be a number of seconds from 0 up\. Got '-0\.1'"),
        ({"onset_sec": "nan"}, r"line 3: `onset_sec` must be a number .* Got 'nan'"),
        ({"onset_sec": "soon"}, r"line 3: `onset_sec` must be a number .* Got 'soon'"),
        ({"offset_sec": "inf"}, r"line 3: `offset_sec` must be a number .* Got 'inf'"),
        ({"offset_sec": "0.5"}, r"line 3: `offset_sec` must be after `onset_sec` \(0\.5\)\. Got '0\.5'"),
        ({"pitch_midi": "E4"}, r"line 3: `pitch_midi` must be empty, -1 .* Got 'E4'"),
        ({"pitch_midi": "128"}, r"line 3: `pitch_midi` must be empty, -1 .* Got '128'"),
        ({"pitch_midi": "-2"}, r"line 3: `pitch_midi` must be empty, -1 .* Got '-2'"),
        ({"audio_path": ""}, r"line 3: `audio_path` must not be empty"),
        ({"note_id": ""}, r"line 3: `note_id` must not be empty"),
        ({"note_id": "a1"}, r"line 3: `note_id` must be unique, and line 2 has it too\. Got 'a1'"),
        ({"split": "valid"}, r"line 3: `split` must be one of train, val, test\. Got 'valid'"),
        ({"track": ""}, r"line 3: `track` must not be empty"),
    ],
)
def test_a_bad_cell_names_file_line_column_value_and_rule(write_csv, change, message):
    table = write_csv(rows({"track": "t", "split": "train"}, {"track": "t", "split": "train"} | change, {"track": "t"}))
    with pytest.raises(EventTableError, match=r"table\.csv, " + message):
        read_events(table)


@pytest.mark.parametrize("onset", ["x", "nan", "1e400", "-1e400", "-1"])
def test_a_broken_onset_is_one_problem_whatever_is_measured_from_it(write_csv, onset):
    broken = {"onset_sec": onset, "offset_sec": "0.9", "next_onset_sec": "2.0"}
    _, problems = check_events(write_csv(rows({"next_onset_sec": "2.0"}, broken)))
    assert [problem.column for problem in problems] == ["onset_sec"]


def test_the_line_named_is_the_line_of_the_file(tmp_path):
    text = ",".join(ROW) + "\n\n" + ",".join(ROW.values()) + "\n\n" + ",".join((ROW | {"onset_sec": "x"}).values())
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(EventTableError, match="line 5: `onset_sec`"):
        read_events(tmp_path / "table.csv")


def test_every_row_is_checked_and_twenty_problems_are_shown(write_csv):
    table = write_csv(rows(*({"onset_sec": f"x{number}"} for number in range(23))))
    with pytest.raises(EventTableError, match=r"line 2: [^~]*line 21: [^~]*\.\.\. and 3 more problems") as caught:
        read_events(table)
    assert str(caught.value).count("`onset_sec`") == 20
    events, problems = check_events(table)
    assert (len(events), len(problems)) == (23, 23)


def test_a_missing_column_is_named_beside_those_there(write_csv):
    table = write_csv([{name: value for name, value in ROW.items() if name != "audio_path"} | {"file": "x"}])
    with pytest.raises(EventTableError, match=r"Missing: audio_path\. Its columns are note_id, .*file.*data\.columns"):
        read_events(table)


def test_a_mapping_from_a_column_that_is_not_there_is_refused(write_csv):
    with pytest.raises(EventTableError, match=r"maps track from a column 'guitar' that is not there"):
        read_events(write_csv(rows({})), columns={"track": "guitar"})


def test_labels_are_needed_only_for_training(write_csv):
    table = write_csv([{name: value for name, value in ROW.items() if name != "label_category"}])
    assert read_events(table, require_labels=False)["label_category"].tolist() == [""]
    with pytest.raises(EventTableError, match="Missing: label_category"):
        read_events(table)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"must begin with a line of column names"),
        ("note_id,audio_path\n", r"must hold at least one event"),
        ("note_id,note_id\n1,2\n", r"column names must be unique\. Doubled: note_id"),
        ('note_id,audio_path\n1,"2\n', r"must be a CSV file in UTF-8"),
        ("note_id,audio_path\n\xe9,2\n", r"must be a CSV file in UTF-8"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, text, message):
    (tmp_path / "table.csv").write_text(text, encoding="latin-1")
    with pytest.raises(EventTableError, match=message):
        read_events(tmp_path / "table.csv")


def test_a_missing_or_broken_file_is_refused(tmp_path):
    with pytest.raises(EventTableError, match=r"nowhere\.csv must be a CSV or Parquet file\. There is no such file"):
        read_events(tmp_path / "nowhere.csv")
    (tmp_path / "broken.parquet").write_text("not parquet")
    with pytest.raises(EventTableError, match=r"broken\.parquet must be a readable Parquet file"):
        read_events(tmp_path / "broken.parquet")


@pytest.mark.parametrize(
    ("changes", "warned"),
    [
        ([{"audio_path": "1.wav"}, {"audio_path": "2.wav"}], True),
        ([{"audio_path": "1.wav", "track": "g"}, {"audio_path": "2.wav", "track": "g"}], False),
        ([{"audio_path": "1.wav"}, {"audio_path": "1.wav"}], False),
    ],
)
def test_notes_that_are_their_own_groups_are_warned_of(write_csv, caplog, changes, warned):
    with caplog.at_level(logging.WARNING):
        assign_splits(read_events(write_csv(rows(*changes))))
    assert ("every note is its own group" in caplog.text) is warned


def test_a_file_that_lost_an_event_is_no_snippet_when_the_table_is_read_back(write_csv, tmp_path):
    events = read_events(write_csv(rows({}, {"onset_sec": "1"}, {"audio_path": "b.wav"})))
    write_events(events.drop(index=1), tmp_path / "kept.csv")
    assert read_events(tmp_path / "kept.csv")["events_in_file"].tolist() == [2, 1]
    write_events(events, tmp_path / "whole.csv")
    assert "events_in_file" not in (tmp_path / "whole.csv").read_text()


def test_an_empty_events_in_file_is_counted(write_csv):
    events = read_events(write_csv(rows({"events_in_file": ""}, {"events_in_file": "3"})))
    assert events["events_in_file"].tolist() == [2, 3]
    assert pd.api.types.is_integer_dtype(events["events_in_file"])


@pytest.mark.parametrize("told", ["1", "0", "-2", "2.5", "nan", "inf", "1e12", "two"])
def test_an_events_in_file_that_cannot_be_right_is_refused(write_csv, told):
    rule = r"line 2: `events_in_file` must be empty or a whole number from 2, the rows of this file, up\. Got "
    with pytest.raises(EventTableError, match=rule):
        read_events(write_csv(rows({"events_in_file": told}, {"events_in_file": "2"})))


def test_events_in_file_counts_the_whole_table(write_csv):
    events = read_events(write_csv(rows({}, {}, {"audio_path": "other.wav"})))
    assert events["events_in_file"].tolist() == [2, 2, 1]


ODD_PARTS = ["/", "\\", ".", "..", "a", "b.wav", ":", "://", "s3", "\n", " ", "e\u0301", "http://h/x", "C:", "\0", "$1"]


@pytest.mark.parametrize("root", ["", "/", "/a/b", "/a/b/", "rel", "C:", "s3://b/k", "http://h/x/", "a\udcf6"])
def test_a_column_of_paths_is_joined_and_parted_as_each_path_is(root):
    rng = np.random.default_rng(0)
    names = ["".join(rng.choice(ODD_PARTS, size=size)) for size in rng.integers(0, 6, size=500)]
    cells = {"note_id": as_texts(names), "audio_path": as_texts(names)}
    cells |= {"onset_sec": same_texts("0", len(names)), "offset_sec": no_texts(len(names))}
    events = typed(cells, root)
    assert events["track"].tolist() == [Path(name.replace("\\", "/")).stem for name in names]
    assert events["audio_path"].tolist() == [as_text(joined(root, name)) for name in names]
    own = [relative(as_text(root), path) for path in events["audio_path"]]
    assert paths_below(root, events["audio_path"]) == paths_below(root, events["audio_path"].tolist()) == own
