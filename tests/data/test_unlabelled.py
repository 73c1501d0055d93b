"""Tables that a model wrote and a person corrected: what is read of them, what is left out, and what is told."""

import logging
import math

import pandas as pd
import pytest
from click.testing import CliRunner
from small import config_for

from guitarclf.cli import main
from guitarclf.data.events import check_events, is_in_our_terms, read_events
from guitarclf.errors import EventTableError
from guitarclf.experiment.tables import config_events
from guitarclf.experiment.validate import validate
from guitarclf.timeline.events import COLUMNS, Event, Timeline, rows


def write(path, *labels, named="label_category", **columns):
    """Write a table of one recording with a label a row, half a second apart, and further columns."""
    n_rows = len(labels)
    frame = pd.DataFrame({"note_id": [f"n{n}" for n in range(n_rows)], "audio_path": "a.wav"})
    frame["onset_sec"] = [n / 2 for n in range(n_rows)]
    frame = frame.assign(**{named: labels}, **columns)
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("empty", ["", " ", None, "NaN", "N/A", "unknown", " Unknown ", "UNKNOWN\u00a0", "\ufeff"])
def test_a_row_without_a_label_is_left_out_and_counted(tmp_path, suffix, empty):
    path = write(tmp_path / f"t.{suffix}", "harmonic", empty, " Dead_Note", "no_note")
    events = read_events(path)
    assert events["label_category"].tolist() == ["harmonic", "dead_note", "no_note"]
    assert events.index.tolist() == [0, 1, 2]
    why = "`unknown`" if empty and "unknown" in empty.lower() else "without a label"
    assert f"left out 1 of 4 rows: 1 {why}" in events.attrs["told"]


def test_where_labels_are_not_needed_every_row_is_kept(tmp_path):
    events = read_events(write(tmp_path / "t.csv", "harmonic", "", "unknown"), require_labels=False)
    assert events["label_category"].tolist() == ["harmonic", "", "unknown"]
    assert not any("left out" in line for line in events.attrs["told"])


@pytest.mark.parametrize(("error", "is_kept"), [("cannot be read", False), ("", True), ("nan", True), ("0.012", True)])
def test_a_row_with_an_error_is_left_out_and_a_number_is_none(tmp_path, error, is_kept):
    path = write(tmp_path / "t.csv", "harmonic", "dead_note", error=[error, ""])
    assert len(read_events(path)) == 1 + is_kept


def test_what_is_left_out_still_ends_the_note_before_it_and_counts_as_an_event_of_its_file(tmp_path):
    events = read_events(write(tmp_path / "t.csv", "harmonic", "unknown", "", "dead_note"))
    assert events["next_onset_sec"].tolist() == [0.5, math.inf]
    assert events["events_in_file"].tolist() == [4, 4]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_problems_name_the_rows_of_the_file(tmp_path, suffix):
    path = write(tmp_path / f"t.{suffix}", "", "unknown", "slap", "harmonic")
    with pytest.raises(EventTableError, match=r"(line 4|row 3): `label_category` must be one of .* Got 'slap'"):
        read_events(path)


def test_a_row_that_is_left_out_breaks_no_rule_but_that_of_its_cells(tmp_path):
    path = tmp_path / "t.csv"
    header = "note_id,audio_path,onset_sec,pitch_midi,label_category"
    path.write_text(f"{header}\n,,soon,H5,unknown\nn1,a.wav,0,60,harmonic\nn2,a.wav,1\n")
    _, problems = check_events(path)
    assert [problem.column for problem in problems] == ["row"]
    path.write_text(f"{header}\n,,soon,H5,unknown\nn1,a.wav,0,60,harmonic\n")
    events = read_events(path)
    assert events["note_id"].tolist() == ["n1"]
    assert events["pitch_midi"].tolist() == [60]


@pytest.mark.parametrize("command", ["train", "validate", "eval", "crossval", "search"])
def test_a_table_where_nothing_is_left_is_one_error(tmp_path, command):
    path = write(tmp_path / "t.csv", "unknown", "", "harmonic", error=["", "", "it has no sound"])
    model = ["pretrained"] if command == "eval" else []
    output = [] if command in ("validate", "eval") else ["--output-dir", str(tmp_path / "run")]
    output += ["--set", "search.params={net.lr: [1e-3]}"] if command == "search" else []
    done = CliRunner().invoke(main, ["-q", command, *model, "--metadata-path", str(path), *output])
    assert done.exit_code == 1
    told = "1 `unknown`, 1 with an `error`, 1 without a label"
    assert f"{path} must hold rows with a label. It has none (left out 3 of 3 rows: {told})" in done.stderr
    assert [item.name for item in tmp_path.iterdir()] == ["t.csv"]


def test_a_label_column_is_read_as_ours_where_none_is_called_so(tmp_path):
    path = write(tmp_path / "t.csv", "Harmonic", "dead_note", named="label")
    events = read_events(path)
    assert events["label_category"].tolist() == ["harmonic", "dead_note"]
    assert "the labels are those of the column `label`" in events.attrs["told"]
    events = read_events(write(tmp_path / "t.csv", "harmonic", "dead_note", label=["general_note", "x"]))
    assert events["label_category"].tolist() == ["harmonic", "dead_note"]
    assert "the column `label` is not read: the labels are those of `label_category`" in events.attrs["told"]


def test_a_label_column_that_a_configuration_maps_is_read_as_it_says(tmp_path):
    path = write(tmp_path / "t.csv", "HA", named="label")
    assert is_in_our_terms(path)
    assert not is_in_our_terms(path, columns={"label_category": "label"})
    both = write(tmp_path / "both.csv", "harmonic", label="x")
    assert is_in_our_terms(both, columns={"label_category": "label"})
    events = read_events(path, columns={"label_category": "label"}, labels={"HA": "harmonic"})
    assert events["label_category"].tolist() == ["harmonic"]


def test_every_other_label_is_not_what_a_model_did_not_know(tmp_path):
    path = write(tmp_path / "t.csv", "HA", "none", "Unknown", "BE", "", named="style")
    labels = {"HA": "harmonic", "*": "general_note"}
    events = read_events(path, columns={"label_category": "style"}, labels=labels)
    assert events["label_category"].tolist() == ["harmonic", "general_note", "general_note"]
    assert 'taken by "*" as general_note: none 1, BE 1' in events.attrs["told"]
    labels["unknown"] = "dead_note"
    assert len(read_events(path, columns={"label_category": "style"}, labels=labels)) == 4


def test_decimal_commas_that_are_not_read_are_one_line_a_column(tmp_path):
    frame = pd.DataFrame({"note_id": [f"n{n}" for n in range(30)], "audio_path": "a.wav", "label": "harmonic"})
    frame["onset_sec"] = [f"{n},5" for n in range(30)]
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(EventTableError) as caught:
        read_events(tmp_path / "t.csv")
    assert len(str(caught.value).splitlines()) == 1
    assert "with a decimal point where commas part the cells. Got '0,5' in 30 rows (2, 3, 4, ...)" in str(caught.value)
    frame.to_csv(tmp_path / "t.csv", index=False, sep=";", encoding="utf-16")
    assert read_events(tmp_path / "t.csv")["onset_sec"].tolist() == [n + 0.5 for n in range(30)]


@pytest.fixture
def annotated(sound, tmp_path):
    """Return the path of a table as `annotate` writes it: of one recording, one that is broken and one that is gone."""
    sound("takes/a.wav", 4.0)
    (tmp_path / "takes/broken.wav").write_bytes(b"no sound")
    labels = ("harmonic", "dead_note", "general_note", "unknown", "general_note")
    heard = [Event(n / 2 + 0.1, n / 2 + 0.4, label, (0.2, 0.2, 0.6), 0.7, 12.0) for n, label in enumerate(labels)]
    heard.append(Event(3.0, 3.5, "", error="it has no sound"))
    lines = [",".join(COLUMNS)]
    for name, events, error in (("a.wav", heard, ""), ("broken.wav", [], "cannot be read"), ("gone.wav", [], "gone")):
        for row in rows(Timeline(name, name, 4.0, 22050, events, error=error)):
            cells = ["" if isinstance(cell, float) and math.isnan(cell) else str(cell) for cell in row.values()]
            lines.append(",".join(cells))
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "a.csv"


def test_what_annotate_writes_is_a_table_as_it_is(annotated, tmp_path, caplog):
    told = "left out 4 of 8 rows: 1 `unknown`, 3 with an `error`"
    events = read_events(annotated, audio_root=tmp_path / "takes")
    assert events["label_category"].tolist() == ["harmonic", "dead_note", "general_note", "general_note"]
    assert events["offset_sec"].tolist() == [0.4, 0.9, 1.4, 2.4]
    assert events["events_in_file"].tolist() == [6] * 4
    found = validate(annotated, tmp_path / "takes")
    assert told in found.summary
    assert found.problems == []
    config = config_for(type("T", (), {"path": annotated, "audio_root": tmp_path / "takes"}), tmp_path / "run")
    with caplog.at_level(logging.INFO, logger="guitarclf"):
        assert len(config_events(config)) == 4
    assert told in caplog.messages


def test_eval_leaves_out_what_has_no_label_and_says_so(annotated, tmp_path, small_bundle):
    named = ["--metadata-path", str(annotated), "--audio-root", str(tmp_path / "takes")]
    done = CliRunner().invoke(main, ["eval", str(small_bundle), *named])
    assert done.exit_code == 0, done.stderr
    assert "a: 4 events" in done.stdout
    assert "left out 4 of 8 rows: 1 `unknown`, 3 with an `error`" in done.stderr
