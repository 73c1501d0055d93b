"""Tables from Audacity's label tracks beside their recordings."""

import pytest

from guitarclf.data.importers.audacity import parse_labels, read_audacity


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
        ("0\t1\t", "line 1: it has no text"),
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
