"""Importers: a downloaded data set, a folder per class, Audacity's label tracks, and other parsers' tables."""

import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner

from guitarclf.cli.importing import command
from guitarclf.data.audacity import parse_labels, read_audacity
from guitarclf.data.events import read_events
from guitarclf.data.folders import label_of, read_folders
from guitarclf.data.idmt import MAX_XML_BYTES, read_idmt
from guitarclf.errors import EventTableError, ParameterError
from guitarclf.experiment.importing import import_table

FENDER = "dataset1/Fender Strat Clean Neck SC"
IBANEZ = "dataset1/Ibanez Power Strat Clean {}"
NOTE = "G53-45201-1111-00001"


def call(*args, code=0):
    """Run an import command and return click's result, having checked its exit code."""
    result = CliRunner().invoke(command, [str(arg) for arg in args])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def event_xml(onset=0.1, offset=0.6, style="NO", *, pitch=45, **more) -> str:
    """Return one event as the data set writes it; None leaves an element out."""
    cells = {"onsetSec": onset, "pitch": pitch, "offsetSec": offset, "excitationStyle": "PK", "expressionStyle": style}
    cells |= {"fretNumber": 3, "stringNumber": 2, "modulationFrequency": 0} | more
    inner = "".join(f"<{tag}>{value}</{tag}>" for tag, value in cells.items() if value is not None)
    return f"<event>{inner}</event>"


def annotation_xml(*events: str, names="x.wav") -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<instrumentRecording><globalParameter>'
        f"<audioFileName>\\{names}</audioFileName><instrument>EGUI</instrument></globalParameter>"
        f"<transcription>{''.join(events)}</transcription></instrumentRecording> "
    )


@pytest.fixture
def sound(rng, tmp_path):
    """`sound(path, duration=2.0)` writes noise below tmp_path, each time another."""

    def write(path, duration=2.0):
        path = tmp_path / path
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, rng.uniform(-0.5, 0.5, round(duration * 8000)), 8000)
        return path

    return write


@pytest.fixture
def recorded(tmp_path, sound):
    """`recorded(folder, stem, *events, audio=stem)` writes an annotation and, unless audio is None, its recording."""

    def write(folder, stem, *events, audio="", text=None):
        xml = tmp_path / folder / "annotation" / f"{stem}.xml"
        xml.parent.mkdir(parents=True, exist_ok=True)
        xml.write_text(text or annotation_xml(*events, names=f"{audio or stem}.wav"), encoding="utf-8")
        if audio is not None:
            sound(f"{folder}/audio/{audio or stem}.wav")
        return xml

    return write


@pytest.fixture
def idmt_tree(recorded, tmp_path):
    """Three subsets with the names of the original; the same stem in several guitar folders and subsets."""
    folders = [FENDER, *(IBANEZ.format(pickup) for pickup in ("Bridge HU", "Bridge+Neck SC", "Neck HU"))]
    for folder in folders:
        recorded(folder, NOTE, event_xml())
    recorded(IBANEZ.format("Bridge HU Chords"), "1-E1-Major 00", event_xml(), event_xml(0.11, 0.7, pitch=52))
    recorded("dataset2", "AR_NH_XII", event_xml(0.1, 1.5, "HA"), event_xml(1.0, 1.9, "HA"))
    recorded("dataset2", "FS_DN_III_VIII_XIV", event_xml(0.2, 0.35, "DN"))
    recorded("dataset2", "LP_Lick3_FBSDN", event_xml(0.0, 0.4, "BE"), event_xml(0.5, 0.6, "DN"), event_xml(0.7, 1.1))
    recorded("dataset3", "pathetique_poly", event_xml())
    recorded("dataset3", NOTE, event_xml())
    return tmp_path


# IDMT-SMT-GUITAR


def test_idmt_reads_all_subsets_and_guitar_folders(idmt_tree):
    events, problems = read_idmt(idmt_tree)
    assert problems == []
    assert len(events) == 14
    assert events["note_id"].is_unique
    assert set(events["audio_path"]) == {
        path.relative_to(idmt_tree).as_posix() for path in idmt_tree.rglob("*.wav")
    }  # forward slashes, below root
    first = events[events["note_id"] == "dataset2/LP_Lick3_FBSDN#2"].iloc[0]
    assert first["audio_path"] == "dataset2/audio/LP_Lick3_FBSDN.wav"
    assert first[["string_number", "fret_number", "excitation_style"]].tolist() == ["2", "3", "PK"]
    assert (first["onset_sec"], first["offset_sec"], first["pitch_midi"]) == (0.5, 0.6, 45)


def test_idmt_styles_become_the_three_labels(idmt_tree):
    events, _ = read_idmt(idmt_tree)
    found = dict(zip(events["expression_style"], events["label_category"], strict=True))
    assert found == {"HA": "harmonic", "DN": "dead_note", "NO": "general_note", "BE": "general_note"}


def test_idmt_track_is_the_recording(idmt_tree):
    events, _ = read_idmt(idmt_tree)
    assert (events.groupby("audio_path")["track"].nunique() == 1).all()
    assert events["track"].nunique() == events["audio_path"].nunique() == 10


def test_idmt_track_by_guitar_is_one_for_all_its_pickups(idmt_tree):
    events, _ = read_idmt(idmt_tree, track_by="guitar")
    assert sorted(set(events["track"])) == [
        "dataset1/Fender Strat",
        "dataset1/Ibanez Power Strat",
        "dataset2/AR",
        "dataset2/FS",
        "dataset2/LP",
        "dataset3",
    ]


def test_idmt_root_may_be_one_subset_and_names_stay(idmt_tree):
    events, problems = read_idmt(idmt_tree / "dataset2", track_by="guitar")
    assert problems == []
    assert events["note_id"].iloc[0] == "dataset2/AR_NH_XII#1"
    assert events["audio_path"].iloc[0] == "audio/AR_NH_XII.wav"
    assert set(events["track"]) == {"dataset2/AR", "dataset2/FS", "dataset2/LP"}


def test_idmt_audio_of_another_folder_is_never_taken(recorded, tmp_path):
    recorded("dataset1/One", NOTE, event_xml())
    recorded("dataset1/Two", NOTE, event_xml(), audio=None)
    events, problems = read_idmt(tmp_path)
    assert events["audio_path"].tolist() == [f"dataset1/One/audio/{NOTE}.wav"]
    assert problems == [
        f"dataset1/Two/annotation/{NOTE}.xml: no recording {NOTE}.wav in Two/audio (it names '\\\\{NOTE}.wav')"
    ]


def test_idmt_falls_back_on_audio_file_name(recorded, tmp_path):
    recorded("dataset2", "AR_Lick1", event_xml(), audio="AR_Lick1_KN")
    events, problems = read_idmt(tmp_path)
    assert events["audio_path"].tolist() == ["dataset2/audio/AR_Lick1_KN.wav"]
    assert problems == []


def test_idmt_audio_file_name_does_not_beat_the_xmls_own_name(recorded, tmp_path):
    recorded("dataset2", "AR_A", text=annotation_xml(event_xml(), names="AR_B.wav"))
    recorded("dataset2", "AR_B", event_xml(style="DN"))
    events, _ = read_idmt(tmp_path)
    assert events["audio_path"].tolist() == ["dataset2/audio/AR_A.wav", "dataset2/audio/AR_B.wav"]


def test_idmt_audio_file_name_cannot_take_what_another_describes(recorded, tmp_path, sound):
    recorded("dataset2", "AR_A", text=annotation_xml(event_xml(style="HA"), names="AR_B.wav"), audio=None)
    recorded("dataset2", "AR_B", event_xml(style="DN"))
    recorded("dataset2", "FS_1", text=annotation_xml(event_xml(), names="FS.wav"), audio=None)
    recorded("dataset2", "FS_2", text=annotation_xml(event_xml(), names="FS.wav"), audio=None)
    sound("dataset2/audio/FS.wav")
    events, problems = read_idmt(tmp_path)
    assert events["note_id"].tolist() == ["dataset2/AR_B#1", "dataset2/FS_1#1"]
    assert "AR_A.xml: no recording of its own; AR_B.wav, which it names, has another annotation" in problems[0]
    assert "FS_2.xml: FS_1.xml describes FS.wav already" in problems[1]


def test_idmt_pairs_names_that_differ_in_case(recorded, tmp_path, sound):
    recorded("dataset2", "AR_Lick1", event_xml(), audio=None)
    sound("dataset2/Audio/ar_lick1.WAV")
    events, problems = read_idmt(tmp_path)
    assert (events["audio_path"].tolist(), problems) == (["dataset2/Audio/ar_lick1.WAV"], [])


@pytest.mark.parametrize(
    ("event", "what"),
    [
        (event_xml(0.5, 0.5), "event 2: the offset (0.5 s) must be after the onset (0.5 s)"),
        (event_xml(0.5, 0.2), "event 2: the offset (0.2 s) must be after the onset (0.5 s)"),
        (event_xml(None, 0.2), "event 2: onsetSec and offsetSec must be numbers of seconds"),
        (event_xml("nan", 0.2), "event 2: onsetSec and offsetSec must be numbers of seconds"),
        (event_xml(-0.1, 0.2), "event 2: the onset (-0.1 s) must not be before the recording"),
        (event_xml(2.0, 2.2), "event 2: the onset (2 s) must be before the recording's end (2 s)"),
        (event_xml(style=None), "event 2: it has no expressionStyle"),
    ],
)
def test_idmt_lists_an_event_that_is_none_and_keeps_the_others(recorded, tmp_path, event, what):
    recorded("dataset2", "AR", event_xml(), event, event_xml(0.7, 0.9))
    events, problems = read_idmt(tmp_path)
    assert events["note_id"].tolist() == ["dataset2/AR#1", "dataset2/AR#3"]
    assert problems == [f"dataset2/annotation/AR.xml: {what}"]


@pytest.mark.parametrize(("pitch", "known"), [("45.0", 45), ("45.5", 45.5), ("", -1), ("-1", -1), ("200", -1)])
def test_idmt_a_pitch_that_is_none_is_unknown(recorded, tmp_path, pitch, known):
    recorded("dataset2", "AR", event_xml(pitch=pitch))
    assert read_idmt(tmp_path)[0]["pitch_midi"].tolist() == [known]


BOMB = '<?xml version="1.0"{}?><!DOCTYPE x [<!ENTITY a "{}"><!ENTITY b "{}">]><x><event>&b;</event></x>'


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"<a><event></a>", "it must be XML; mismatched tag"),
        (b"", "it must be XML; no element found"),
        (b"\x00\x05\x16\x07", "it must be XML; "),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "it must be XML"),
        (annotation_xml().encode(), "it has no events"),
        (BOMB.format("", "ha" * 99, "&a;" * 99).encode(), "must have no DOCTYPE"),
        (BOMB.format(' encoding="UTF-16"', "ha" * 99, "&a;" * 99).encode("utf-16"), "must have no DOCTYPE"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "must have no DOCTYPE"),
        (b"<a>" + b" " * MAX_XML_BYTES, "must have at most 4 MB"),
        (b"<a>" * 200_000, "it must be XML; no element found"),
    ],
)
def test_idmt_lists_an_annotation_that_is_broken(recorded, tmp_path, data, what):
    recorded("dataset2", "AR_good", event_xml())
    recorded("dataset2", "AR_bad").write_bytes(data)
    events, problems = read_idmt(tmp_path)
    assert len(events) == 1
    assert len(problems) == 1
    assert problems[0].startswith("dataset2/annotation/AR_bad.xml: ")
    assert what in problems[0]


def test_idmt_lists_what_lies_elsewhere_or_is_not_whole(recorded, tmp_path, sound):
    recorded("dataset2", "AR_good", event_xml())
    recorded("dataset2", "AR_cut", event_xml())
    whole = (tmp_path / "dataset2/audio/AR_cut.wav").read_bytes()
    (tmp_path / "dataset2/audio/AR_cut.wav").write_bytes(whole[:200])
    (tmp_path / "AR_other.xml").write_text(annotation_xml(event_xml()))
    sound("dataset4/Ibanez 2820/fast/audio/rock_1_120BPM.wav")
    (tmp_path / "dataset2/annotation/._AR_good.xml").write_bytes(b"\x00\x05\x16\x07")  # macOS leaves them in archives
    events, problems = read_idmt(tmp_path)
    assert events["note_id"].tolist() == ["dataset2/AR_good#1"]
    assert [problem.split(": ")[0] for problem in problems] == [
        "AR_other.xml",
        "dataset2/annotation/AR_cut.xml",
        "dataset4",
    ]
    assert "must lie in a folder `annotation`" in problems[0]
    assert "must be a whole recording" in problems[1]
    assert "1 recordings without an XML annotation: dataset4/Ibanez 2820" in problems[2]


def test_idmt_wants_a_folder_and_a_kind_of_track(tmp_path):
    with pytest.raises(ParameterError, match=r"must be a folder of recordings\. There is no such folder"):
        read_idmt(tmp_path / "absent")
    with pytest.raises(ParameterError, match=r"`track_by` must be one of recording, guitar\. Got 'player'"):
        read_idmt(tmp_path, track_by="player")


def test_idmt_of_an_empty_folder_is_an_empty_table(tmp_path):
    events, problems = read_idmt(tmp_path)
    assert len(events) == 0
    assert "excitation_style" in events
    assert problems == []


# A folder per class


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("harmonic", "harmonic"),
        (" Harmonics ", "harmonic"),
        ("Dead Notes", "dead_note"),
        ("DEAD-NOTE", "dead_note"),
        ("deadnote", "dead_note"),
        ("dead", "dead_note"),
        ("general", "general_note"),
        ("General_Notes", "general_note"),
        ("slide", None),
        ("", None),
    ],
)
def test_a_text_stands_for_a_label(text, label):
    assert label_of(text) == label


def test_labels_of_ones_own_come_first_and_star_last():
    labels = {"X": "dead_note", "x": "harmonic", "general": "dead_note", "*": "general_note"}
    texts = ["X", "x", "GENERAL", "harmonics", "slide", " "]
    assert [label_of(text, labels) for text in texts] == [
        "dead_note",
        "harmonic",
        "dead_note",
        "harmonic",
        "general_note",
        None,
    ]


def test_folders_are_classes_and_subfolders_tracks(sound, tmp_path):
    sound("Dead Notes/strat/take 1/a.wav", 0.5)
    sound("harmonics/strat/a.flac", 0.75)
    sound("general/lespaul.wav", 1.0)
    events, problems = read_folders(tmp_path)
    assert problems == []
    assert events[["audio_path", "label_category", "track", "offset_sec"]].to_numpy().tolist() == [
        ["Dead Notes/strat/take 1/a.wav", "dead_note", "strat", 0.5],
        ["general/lespaul.wav", "general_note", "lespaul", 1.0],
        ["harmonics/strat/a.flac", "harmonic", "strat", 0.75],
    ]
    assert set(events["onset_sec"]) == {0.0}
    assert "1 recordings lie directly in a class folder" in events.attrs["warnings"][0]


def test_folders_lists_what_it_cannot_use(sound, tmp_path):
    sound("harmonic/g/a.wav")
    sound("slides/g/a.wav")
    sound("loose.wav")
    (tmp_path / "harmonic/g/broken.wav").write_bytes(b"RIFF")
    (tmp_path / "harmonic/g/b.mp3").write_bytes(b"ID3")
    (tmp_path / "dead_note").mkdir()
    events, problems = read_folders(tmp_path)
    assert events["audio_path"].tolist() == ["harmonic/g/a.wav"]
    assert [problem.split(": ")[0] for problem in problems] == [
        ".",
        "harmonic",
        "dead_note",
        "harmonic/g/broken.wav",
        "slides",
    ]
    assert "neither WAV nor FLAC: harmonic/g/b.mp3" in problems[1]
    assert "give --label 'slides=general_note'" in problems[-1]


def test_folders_says_that_a_long_file_is_heard_in_part(sound, tmp_path):
    sound("harmonic/g/long.wav", 11.0)
    assert "1 recordings are longer than 10 s" in read_folders(tmp_path)[0].attrs["warnings"][0]


def test_labels_must_map_to_ours(tmp_path):
    with pytest.raises(ParameterError, match=r"`labels` must map to one of harmonic.* Got 'slides': 'slide'"):
        read_folders(tmp_path, labels={"slides": "slide"})


def test_a_name_that_no_table_can_hold_is_listed(sound, tmp_path):
    sound("harmonic/g/a.wav")
    try:
        sound("harmonic/g/b.wav").rename(tmp_path / "harmonic/g/\udcfc.wav")
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    events, problems = read_folders(tmp_path)
    assert len(events) == 1
    assert problems == [
        "harmonic/g/\\udcfc.wav: a table's path must be UTF-8 without spaces at its ends; rename the file or folder"
    ]


# Audacity


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
        "a.txt: line 3: 'breath' is no label; name it harmonic, dead_note, general_note, "
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


# The table and the commands


def test_import_table_writes_all_or_nothing(idmt_tree, tmp_path):
    events, problems = read_idmt(idmt_tree)
    output = tmp_path / "m.csv"
    found = import_table(events, problems, output, idmt_tree)
    assert (found.n_events, found.problems, found.not_imported) == (14, [], [])
    assert found.summary[0] == "14 events in 10 files, 10 tracks"
    written = output.read_bytes()
    with pytest.raises(EventTableError, match=r"m\.csv\. It exists; replace it with --overwrite"):
        import_table(events[:3], [], output, idmt_tree)
    assert import_table(events[:0], ["x: broken"], output, idmt_tree, overwrite=True).n_events == 0
    assert output.read_bytes() == written
    import_table(events[:3], [], output, idmt_tree, overwrite=True)
    assert len(read_events(output)) == 3
    assert [path.name for path in tmp_path.iterdir() if not path.is_dir()] == ["m.csv"]


@pytest.mark.parametrize("output", ["absent/m.csv", "m.parquet", "folder.csv"])
def test_import_table_wants_a_csv_in_a_folder_that_exists(tmp_path, output):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(EventTableError, match="--output must be a new CSV file in a folder that exists"):
        import_table(pd.DataFrame(), [], tmp_path / output, tmp_path, overwrite=True)


def test_an_interrupted_write_leaves_nothing(idmt_tree, tmp_path, monkeypatch):
    def fail(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(EventTableError, match="No space left on device"):
        import_table(*read_idmt(idmt_tree), tmp_path / "m.csv", idmt_tree)
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_what_idmt_imports_reads_back_the_same(idmt_tree, tmp_path):
    events, problems = read_idmt(idmt_tree)
    import_table(events, problems, tmp_path / "m.csv", idmt_tree)
    back = read_events(tmp_path / "m.csv").drop(columns="events_in_file")
    pd.testing.assert_frame_equal(back, events, check_dtype=False)


def test_import_idmt_prints_summary_list_and_next_step(idmt_tree, recorded, tmp_path):
    recorded("dataset2", "FS_broken", text="<a>")
    output = tmp_path / "my notes.csv"
    result = call("idmt", idmt_tree, "--output", output, "--track-by", "guitar")
    assert "14 events in 10 files, 6 tracks" in result.stdout
    assert "warning: harmonic is in 1 track(s)" in result.stdout
    assert "not imported: dataset2/annotation/FS_broken.xml: it must be XML" in result.stdout
    assert "14 events. Listed as not imported: 1." in result.stdout
    assert result.stdout.splitlines()[-1] == (
        f"Next: guitarclf train --metadata-path '{output}' --audio-root {idmt_tree} --output-dir 'runs/my notes'"
    )
    assert len(read_events(output, audio_root=idmt_tree)) == 14


def test_import_that_finds_nothing_exits_with_1(tmp_path, recorded):
    recorded("dataset2", "AR", event_xml(), audio=None)
    result = call("idmt", tmp_path, "--output", tmp_path / "m.csv", code=1)
    assert "not imported: dataset2/annotation/AR.xml: no recording AR.wav in dataset2/audio" in result.stdout
    assert f"Error: Nothing below {tmp_path} could be imported" in result.stderr
    assert not (tmp_path / "m.csv").exists()


def test_import_with_a_contradiction_exits_with_1_and_keeps_the_table(recorded, tmp_path):
    recorded("dataset2", "AR", event_xml(style="HA"), event_xml(style="DN"))
    result = call("idmt", tmp_path, "--output", tmp_path / "m.csv", code=1)
    assert "problem: identical audio under 2 labels" in result.stdout
    assert "1 problems in" in result.stderr
    assert "guitarclf validate --metadata-path" in result.stderr
    assert (tmp_path / "m.csv").exists()


def test_import_folders_with_labels_of_ones_own(sound, tmp_path):
    for number, name in enumerate(("Flageolett", "ghost", "anything")):
        sound(f"{name}/g{number}/a.wav")
    labels = ["--label", "flageolett=harmonic", "--label", "ghost=dead_note", "--label", "*=general_note"]
    result = call("folders", tmp_path, "--output", tmp_path / "m.csv", *labels)
    assert read_events(tmp_path / "m.csv")["label_category"].tolist() == ["harmonic", "general_note", "dead_note"]
    assert "Listed as not imported: 0." in result.stdout


def test_import_audacity_from_labels_to_table(sound, tmp_path):
    sound("a.wav")
    (tmp_path / "a.txt").write_text("0.1\t0.5\tx\n0.6\t0.9\ty\n")
    result = call("audacity", tmp_path, "--output", tmp_path / "m.csv", "--label", "x=dead_note")
    assert read_events(tmp_path / "m.csv")["note_id"].tolist() == ["a#1"]
    assert "not imported: a.txt: line 2: 'y' is no label" in result.stdout


@pytest.mark.parametrize("label", ["x", "x=slide", "=harmonic"])
def test_import_refuses_a_label_that_is_none(tmp_path, label):
    result = call("folders", tmp_path, "--output", tmp_path / "m.csv", "--label", label, code=2)
    assert "must be TEXT=LABEL with a LABEL of harmonic, dead_note, general_note" in result.stderr


def test_import_refuses_an_output_that_exists_before_it_reads(tmp_path):
    (tmp_path / "m.csv").write_text("years of work")
    result = CliRunner().invoke(command, ["idmt", str(tmp_path / "absent"), "--output", str(tmp_path / "m.csv")])
    assert isinstance(result.exception, EventTableError)
    assert (tmp_path / "m.csv").read_text() == "years of work"


# Tables of other parsers


def test_the_table_of_an_idmt_parser_needs_no_conversion(write_csv, write_wav, tone):
    write_wav(tone, "dataset2/audio/AR_NH_XII.wav")
    styles = {"HA": "harmonic", "DN": "dead_note", "BE": "general_note"}
    rows = [
        {
            "subset_id": "dataset2",
            "source_audio": "dataset2/audio/AR_NH_XII.wav",
            "source_annotation": "dataset2/annotation/AR_NH_XII.xml",
            "event_index": index,
            "onset_sec": index / 4,
            "duration_sec": 0.25,
            "pitch_midi": 52,
            "string_number": 1,
            "fret_number": 12,
            "excitation_style": "PK",
            "expression_style": style,
        }
        for index, style in enumerate(styles)
    ]
    columns = {
        "note_id": ["subset_id", "source_audio", "event_index"],
        "audio_path": "source_audio",
        "offset_sec": "duration_sec",
        "label_category": "expression_style",
    }
    labels = {"HA": "harmonic", "DN": "dead_note", "*": "general_note"}
    events = read_events(write_csv(rows), columns=columns, labels=labels)
    assert events["note_id"].tolist() == [f"dataset2_dataset2/audio/AR_NH_XII.wav_{index}" for index in range(3)]
    assert events["offset_sec"].tolist() == [0.25, 0.5, 0.75]
    assert events["label_category"].tolist() == list(styles.values())
    assert events["expression_style"].tolist() == list(styles)
    assert set(events["track"]) == {"AR_NH_XII"}


# Real recordings


@pytest.mark.parametrize(("track_by", "n_tracks"), [("recording", 3), ("guitar", 2)])
def test_the_original_excerpt_imports_whole(real_data, tmp_path, track_by, n_tracks):
    root = real_data / "idmt_excerpt"
    output = tmp_path / "m.csv"
    result = call("idmt", root, "--output", output, "--track-by", track_by)
    assert f"36 events in 3 files, {n_tracks} tracks" in result.stdout
    assert "Listed as not imported: 0." in result.stdout
    events = read_events(output, audio_root=root)
    assert set(events["label_category"]) == {"general_note"}
    assert events["note_id"].iloc[0] == "dataset2/AR_Lick1_KN#1"
    assert events["excitation_style"].tolist() == ["PK"] * 36
