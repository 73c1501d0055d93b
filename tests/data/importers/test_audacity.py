"""Tables from Audacity's label tracks beside their recordings."""

import numpy as np
import pytest
from click.testing import CliRunner

from guitarclf.cli import main
from guitarclf.data.importers.audacity import parse_labels, read_audacity
from guitarclf.labels import LABELS, UNKNOWN_LABEL
from guitarclf.timeline.events import Event, Timeline
from guitarclf.timeline.formats import FORMATS


def test_audacity_reads_labels_beside_recordings(sound, tmp_path):
    sound("takes/strat.wav", 5.0)
    (tmp_path / "takes/strat.txt").write_text(
        "\ufeff0.500000\t1.250000\tharmonic\r\n\\\t100.000000\t2000.000000\r\n2,5\t2,75\t Dead note \r\n", "utf-8"
    )
    events, problems = read_audacity(tmp_path)
    assert problems == []
    assert events[["note_id", "onset_sec", "offset_sec", "label_category", "track"]].to_numpy().tolist() == [
        ["takes/strat#1", 0.5, 1.25, "harmonic", "takes/strat"],
        ["takes/strat#2", 2.5, 2.75, "dead_note", "takes/strat"],
    ]
    assert set(events["audio_path"]) == {"takes/strat.wav"}
    assert events["expression_style"].tolist() == ["harmonic", "Dead note"]


def test_audacity_a_point_lasts_to_the_next_label_or_a_second_or_the_end(sound, tmp_path):
    sound("a.flac", 3.0)
    lines = ["2.6\t2.6\tdead", "0.1\t0.1\tdead", "0.4\t0.5\tbreath", "1.2\t1.2\tdead"]  # in no order
    (tmp_path / "a.txt").write_text("\n".join(lines))
    events, problems = read_audacity(tmp_path)
    assert events["offset_sec"].tolist() == [3.0, 0.4, 2.6]
    assert problems == [
        "a.txt: line 3: 'breath' is no label; name it harmonic, dead_note, general_note, no_note, "
        "or give --label 'breath=general_note'"
    ]
    (tmp_path / "a.txt").write_text(lines[1])
    assert read_audacity(tmp_path)[0]["offset_sec"].tolist() == [1.1]


def test_audacity_lists_lines_that_are_no_labels():
    labels, broken = parse_labels("1\t2\tx\ty\nhello\n\n3\tnan\tx\n4\t5\n")
    assert [(label.line, label.text) for label in labels] == [(1, "x\ty"), (5, "")]
    assert broken == [f"line {line}: it must be start<TAB>end<TAB>text in seconds" for line in (2, 4)]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("1\t0.5\tdead", "line 1: the start (1 s) must be from 0 up and not after the end (0.5 s)"),
        ("-1\t0.5\tdead", "line 1: the start (-1 s) must be from 0 up"),
        ("2\t2.5\tdead", "line 1: the start (2 s) must be before the recording's end (2 s)"),
        ("dead", "line 1: it must be start<TAB>end<TAB>text"),
        ("", "it has no labels"),
    ],
)
def test_audacity_lists_labels_that_are_no_events(sound, tmp_path, line, what):
    sound("a.wav")
    (tmp_path / "a.txt").write_text(line)
    events, problems = read_audacity(tmp_path, labels={"*": "general_note"})
    assert len(events) == 0
    assert problems[0].startswith(f"a.txt: {what}")


def test_audacity_lists_tracks_and_recordings_without_each_other(sound, tmp_path):
    sound("a.wav")
    sound("b.wav")
    (tmp_path / "b.txt").write_bytes(b"0\t1\tFlageolett-T\xf6ne\n")  # not UTF-8
    (tmp_path / "Label Track.txt").write_text("0\t1\tdead\n")
    (tmp_path / "README.txt").write_text("Recorded in May.\n")
    (tmp_path / "latin.txt").write_bytes(b"\xf6\n")
    events, problems = read_audacity(tmp_path)
    assert len(events) == 0
    assert problems[0].startswith("Label Track.txt: no Label Track.wav or Label Track.flac beside it")
    assert problems[1].startswith("b.txt: a label track must be text in UTF-8")
    assert problems[2:] == [".: 1 recordings without a label track: a.wav"]


def test_what_annotate_exports_comes_back_without_an_error_and_without_what_nobody_labelled(sound, tmp_path, rng):
    sound("takes/lesson.wav", 60.0)
    labels = [*LABELS, UNKNOWN_LABEL, ""] * 20
    onsets = np.sort(rng.uniform(0, 59, len(labels)))
    offsets = np.append(onsets[1:], 60.0)
    events = [Event(*times) for times in zip(onsets.tolist(), offsets.tolist(), labels, strict=True)]
    exported = FORMATS["audacity"].content(Timeline("x", "lesson.wav", 60.0, 8000, events))
    (tmp_path / "takes/lesson.txt").write_text(exported, "utf-8")
    found, problems = read_audacity(tmp_path / "takes")
    assert problems == []
    kept = [event for event in events if event.label in LABELS]
    assert found["label_category"].tolist() == [event.label for event in kept]
    np.testing.assert_allclose(found["onset_sec"], [event.onset for event in kept], atol=5.1e-7, rtol=0)
    np.testing.assert_allclose(found["offset_sec"], [event.offset for event in kept], atol=5.1e-7, rtol=0)
    assert found.attrs["told"] == ["left out 40 labels: 20 `unknown`, 20 without a text"]


def test_labels_that_nobody_corrected_are_no_problem_and_no_other_label(sound, tmp_path):
    sound("a.wav", 3.0)
    (tmp_path / "a.txt").write_text("0.1\t0.2\tUnknown \n0.5\t0.6\t\n1\t1\tslap\n9\t9.5\tunknown\n")
    arguments = ["import", "audacity", str(tmp_path), "--output", str(tmp_path / "n.csv"), "--label", "*=general_note"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "left out 3 labels: 2 `unknown`, 1 without a text" in done.output
    assert "n.csv: 1 events. Listed as not imported: 0." in done.output
    (tmp_path / "a.txt").write_text("0.1\t0.2\tunknown\n")
    done = CliRunner().invoke(main, [*arguments, "--overwrite"])
    assert done.exit_code == 1
    assert "left out 1 labels: 1 `unknown`" in done.output
