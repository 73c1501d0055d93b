"""Tables from a folder per class, and texts that stand for a label."""

import logging

import pytest

from guitarclf.data.events import read_events, write_events
from guitarclf.data.importers.folders import read_folders
from guitarclf.errors import ParameterError
from guitarclf.features.inputs import as_requests


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


def test_folders_lists_what_it_cannot_use(sound, tmp_path, caplog):
    sound("harmonic/g/a.wav")
    sound("slides/g/a.wav")
    sound("loose.wav")
    (tmp_path / "harmonic/g/broken.wav").write_bytes(b"RIFF")
    (tmp_path / "harmonic/g/b.m4a").write_bytes(b"")
    (tmp_path / "harmonic/g/._a.wav").write_bytes(b"")
    (tmp_path / "dead_note").mkdir()
    logging.getLogger("guitarclf").propagate = True
    events, problems = read_folders(tmp_path)
    assert events["audio_path"].tolist() == ["harmonic/g/a.wav"]
    assert f"{tmp_path}: left out: 1 of a format that is not read (.m4a), 1 of macOS (._*)." in caplog.text
    assert [problem.split(": ")[0] for problem in problems] == [
        ".",
        "dead_note",
        "harmonic/g/broken.wav",
        "slides",
    ]
    assert "give --label 'slides=general_note'" in problems[-1]


def test_folders_says_that_a_long_file_is_heard_in_part(sound, tmp_path):
    sound("harmonic/g/long.wav", 11.0)
    assert "1 recordings are longer than 10 s" in read_folders(tmp_path)[0].attrs["warnings"][0]


def test_labels_must_map_to_ours(tmp_path):
    with pytest.raises(ParameterError, match=r"`labels` must map to one of harmonic.* Got 'slides': 'slide'"):
        read_folders(tmp_path, labels={"slides": "slide"})


def test_a_name_that_is_not_utf_8_comes_back_from_the_table(sound, tmp_path):
    sound("harmonic/g/a.wav")
    try:
        sound("harmonic/g/b.wav").rename(tmp_path / "harmonic/g/\udcfc.wav")
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    events, problems = read_folders(tmp_path)
    assert problems == []
    write_events(events, tmp_path / "t.csv")
    back = read_events(tmp_path / "t.csv", audio_root=tmp_path)
    assert back["note_id"].tolist() == ["harmonic/g/a.wav", "harmonic/g/\\udcfc.wav"]
    paths = [request.path for request in as_requests(back)]
    assert paths == [f"{tmp_path}/harmonic/g/a.wav", f"{tmp_path}/harmonic/g/\udcfc.wav"]


def test_a_name_with_a_space_at_its_end_is_listed(sound, tmp_path):
    sound("harmonic/g/a.wav")
    (tmp_path / "harmonic").rename(tmp_path / " harmonic")
    events, problems = read_folders(tmp_path)
    assert events.empty
    assert problems == [
        " harmonic/g/a.wav: a table's path must be without spaces at its ends; rename the file or folder"
    ]
