"""CSV, Audacity and Raven: what is written, that other programs read it, and that it comes back in."""

import csv as csv_module
import io

import crowsetta
import pytest
import soundfile as sf
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from notes import RATE, decaying_sine
from timelines import EVENTS, HEARD, HOSTILE, LABELLED, timeline, unread

from guitarclf.cli import main
from guitarclf.data.events import read_events
from guitarclf.data.importers.audacity import read_audacity
from guitarclf.files.cells import csv_lines
from guitarclf.files.whole import write_text
from guitarclf.timeline.events import COLUMNS, NAN, Event, rows
from guitarclf.timeline.formats.tables import audacity, csv, raven


def cells_of(text):
    """Return the rows of a CSV as dicts."""
    return list(csv_module.DictReader(io.StringIO(text, newline="")))


def test_csv_has_a_row_for_each_event_with_numbers_to_six_decimals():
    first, second, *_, last = cells_of(csv(timeline()))
    assert tuple(first) == COLUMNS
    assert list(first.values()) == (
        [
            "takes/lick_0001",
            "takes/lick.wav",
            "0.1",
            "0.5",
            "76",
            "harmonic",
            "0.9",
            "0.04",
            "0.06",
            "0.8",
            "7.123457",
            "",
        ]
    )
    assert second["offset_sec"] == "0.7"
    assert (last["label_category"], last["confidence"], last["p_harmonic"], last["error"]) == (
        ("", "", "", "It is silent.")
    )


def test_csv_says_why_a_recording_could_not_be_read():
    [row] = cells_of(csv(unread()))
    assert (row["audio_path"], row["onset_sec"], row["offset_sec"], row["error"]) == (
        ("gone.wav", "0.0", "", "There is no such file.")
    )


def test_csv_of_a_recording_without_events_is_a_header():
    assert csv(timeline([])) == ",".join(COLUMNS) + "\n"


def test_several_timelines_share_one_header():
    both = [timeline(LABELLED, name) for name in ("a.wav", "b.wav")]
    lines = list(csv_lines(COLUMNS, (row for one in both for row in rows(one))))
    assert lines == [*csv(both[0]).splitlines(True), *csv(both[1]).splitlines(True)[1:]]


@pytest.mark.parametrize("name", ["take.1.wav", "v1.2/take", "v1.2/.wav"])
def test_ids_keep_the_dots_of_folders_and_stems(name):
    stem = name.removesuffix(".wav") if name == "take.1.wav" else name
    assert cells_of(csv(timeline(audio_path=name)))[0]["note_id"] == f"{stem}_0001"


@pytest.mark.parametrize("name", HOSTILE)
def test_csv_is_a_table_whatever_the_name_of_the_recording(tmp_path, name):
    write_text(tmp_path / "t.csv", csv(timeline(LABELLED, f"sub/{name}")))
    events = read_events(tmp_path / "t.csv")
    assert events["audio_path"].tolist() == [f"sub/{name}"] * 3
    assert events["label_category"].tolist() == [event.label for event in LABELLED]
    assert events["onset_sec"].tolist() == [0.1, 0.5, 0.833333]
    assert events["pitch_midi"].tolist() == [76, -1, 52]


def test_csv_passes_validate_as_it_is(tmp_path):
    (tmp_path / "takes").mkdir()
    sf.write(tmp_path / "takes/lick.wav", decaying_sine(220, 2.0, decay=2.0), RATE)
    (tmp_path / "out").mkdir()
    write_text(tmp_path / "out/lick.csv", csv(timeline(LABELLED)))
    result = CliRunner().invoke(main, ["validate", f"{tmp_path}/out/lick.csv", "--audio-root", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "3 events" in result.output
    assert "No problems." in result.output


def test_audacity_has_a_line_for_each_event_and_no_text_for_what_could_not_be_heard():
    assert audacity(timeline()).split("\n") == [
        "0.100000\t0.500000\tharmonic",
        "0.500000\t0.700000\tdead_note",
        "0.833333\t1.250000\tgeneral_note",
        "1.250000\t1.500000\tunknown",
        "1.500000\t1.750000\t",
        "",
    ]


def test_audacity_has_a_point_where_no_end_is_known():
    assert audacity(timeline([Event(0.25, NAN, "", error="x")])) == "0.250000\t0.250000\t\n"


def export(folder, name, events, seconds=2.0):
    """Write a recording and its label track beside it, named as ``name`` without its suffix."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, decaying_sine(220, seconds, decay=seconds), RATE)
    write_text(path.with_suffix(".txt"), audacity(timeline(events, name)))


@pytest.mark.parametrize("name", ["lick.wav", "take.1.wav", "deep/er/take.1.2.flac", "höhe 弦.wav", "a'b.wav"])
def test_what_audacity_gets_is_imported_with_every_event_at_its_place(tmp_path, name):
    export(tmp_path, name, LABELLED)
    imported, problems = read_audacity(tmp_path)
    assert problems == []
    (tmp_path / "table").mkdir()
    write_text(tmp_path / "table/t.csv", csv(timeline(LABELLED, name)))
    table = read_events(tmp_path / "table/t.csv")
    for column in ("audio_path", "onset_sec", "offset_sec", "label_category"):
        assert imported[column].tolist() == table[column].tolist()


def test_a_folder_of_label_tracks_and_other_formats_is_imported_as_it_was_written(tmp_path):
    names = ("a.wav", "sub/a.wav", "sub/take.1.wav", "sub/take.2.wav")
    for name in names:
        export(tmp_path, name, LABELLED)
        write_text((tmp_path / name).with_suffix(".selections.txt"), raven(timeline(LABELLED, name)))
    imported, problems = read_audacity(tmp_path)
    assert problems == []
    assert imported["audio_path"].value_counts().to_dict() == dict.fromkeys(names, 3)


@pytest.mark.parametrize("whole", ["a.flac", "a.wav"])
def test_of_two_recordings_with_one_stem_each_gets_its_own_label_track(tmp_path, whole):
    other = ({"a.flac", "a.wav"} - {whole}).pop()
    export(tmp_path, other, LABELLED[:2])
    sf.write(tmp_path / whole, decaying_sine(220, 2.0, decay=2.0), RATE)
    write_text(tmp_path / f"{whole}.txt", audacity(timeline(LABELLED[2:], whole)))
    imported, problems = read_audacity(tmp_path)
    assert problems == []
    assert sorted(zip(imported["audio_path"], imported["label_category"], strict=True)) == sorted(
        [(other, "harmonic"), (other, "dead_note"), (whole, "general_note")]
    )
    assert imported["note_id"].is_unique
    assert set(imported["track"]) == {"a", whole}


def test_a_stem_that_looks_like_another_recordings_name_is_a_stem(tmp_path):
    export(tmp_path, "a.wav", LABELLED[:1])
    export(tmp_path, "a.wav.flac", LABELLED[1:])
    imported, problems = read_audacity(tmp_path)
    assert problems == []
    assert imported["audio_path"].tolist() == ["a.wav", "a.wav.flac", "a.wav.flac"]


def test_what_has_no_class_is_not_imported_as_one(tmp_path):
    export(tmp_path, "lick.wav", EVENTS)
    imported, _ = read_audacity(tmp_path)
    assert imported["label_category"].tolist() == [event.label for event in LABELLED]


@settings(deadline=None)
@given(st.lists(st.floats(0, 7200), min_size=1, max_size=20))
def test_times_are_the_same_in_csv_and_audacity(onsets):
    one = timeline([Event(onset, onset + 0.1, "harmonic") for onset in onsets], duration=7201.0)
    in_table = [(float(row["onset_sec"]), float(row["offset_sec"])) for row in cells_of(csv(one))]
    in_track = [tuple(map(float, line.split("\t")[:2])) for line in audacity(one).splitlines()]
    assert in_track == in_table


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # of pandas, in crowsetta
@pytest.mark.filterwarnings("ignore:\\s*Dask dataframe query planning:FutureWarning")  # of an earlier Dask, in pandera
def test_raven_opens_unedited(tmp_path):
    write_text(tmp_path / "lick.selections.txt", raven(timeline()))
    boxes = crowsetta.formats.bbox.Raven.from_file(tmp_path / "lick.selections.txt").to_bbox()
    assert [(box.onset, box.offset, box.label) for box in boxes] == [
        (round(event.onset, 6), round(event.offset, 6), event.label) for event in HEARD
    ]
    assert {(box.low_freq, box.high_freq) for box in boxes} == {(0.0, 22050.0)}


@pytest.mark.parametrize("name", HOSTILE)
def test_raven_has_a_line_for_each_event_whatever_the_name_of_the_recording(name):
    header, *lines = raven(timeline(audio_path=f"takes/{name}")).splitlines()
    assert header.split("\t")[:8] == [
        *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)"),
        "Begin File",
    ]
    assert len(lines) == len(HEARD)
    assert {len(line.split("\t")) for line in [header, *lines]} == {13}


def test_raven_numbers_what_is_written_and_says_how_sure_it_is():
    last = raven(timeline([EVENTS[4], EVENTS[0]])).splitlines()[-1]
    assert last.replace("\t", "|") == (
        "1|Spectrogram 1|1|0.100000|0.500000|0.0|22050.0|lick.wav|harmonic|0.8|0.9|0.04|0.06"
    )


def test_raven_of_a_recording_without_events_is_a_header():
    assert len(raven(unread()).splitlines()) == len(raven(timeline([])).splitlines()) == 1
