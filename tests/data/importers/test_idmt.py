"""Tables from IDMT-SMT-GUITAR: as downloaded, whole or in part, damaged, and through another parser."""

import pytest
from idmt_annotations import NOTE, annotation_xml, event_xml

from guitarclf.data.events import read_events
from guitarclf.data.importers.idmt import read_idmt
from guitarclf.data.importers.tree import MAX_TEXT_BYTES
from guitarclf.errors import ParameterError


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
        (b"<a>" + b" " * MAX_TEXT_BYTES, "must have at most 4 MB"),
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
