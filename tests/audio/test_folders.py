"""Recordings below folders: every suffix that is decoded, and one line about what is left out."""

import os
import sys

import pytest

from guitarclf.audio.folders import AUDIO_SUFFIXES, OTHER_SUFFIXES, find_audio_files, left_out, recordings
from guitarclf.audio.header import SUFFIXES
from guitarclf.audio.recordings import load_segment, open_recording
from guitarclf.errors import AudioReadError
from guitarclf.files.walk import Walk


@pytest.mark.parametrize("suffix", [suffix for suffixes in SUFFIXES.values() for suffix in suffixes])
@pytest.mark.parametrize("change", [str, str.upper])
def test_every_suffix_that_is_decoded_is_found(tmp_path, suffix, change):
    path = tmp_path / change(f"note{suffix}")
    path.touch()
    assert find_audio_files(tmp_path) == [path]
    assert left_out([Walk(tmp_path)]) == ""


@pytest.mark.parametrize("suffix", [suffix for suffix in OTHER_SUFFIXES if suffix not in AUDIO_SUFFIXES])
def test_every_other_format_is_told(tmp_path, suffix):
    (tmp_path / f"note{suffix}").touch()
    assert find_audio_files(tmp_path) == []
    assert left_out([Walk(tmp_path)]) == f"1 of a format that is not read ({suffix})"


def test_reasons_are_counted_over_all_folders(tmp_path):
    for name in ("a/1.m4a", "a/2.M4A", "a/._3.wav", "b/4.wma", "b/__MACOSX/4.wav", "b/text.txt", "b/.DS_Store"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    walks = [Walk(tmp_path / name) for name in "ab"]
    walks[1].closed = [tmp_path, tmp_path]
    walks[0].loops = [tmp_path]
    assert left_out(walks) == (
        "3 of a format that is not read (.m4a, .wma), 2 of macOS (._*), 2 folders that may not be read, "
        "1 link to a folder around it"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and links are others there")
def test_a_link_to_nothing_is_a_recording_and_a_pipe_is_none(tmp_path):
    (tmp_path / "gone.wav").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.wav")
    found = Walk(tmp_path)
    assert recordings(found) == [tmp_path / "gone.wav"]
    assert left_out([found]) == "1 pipe or device"
    with pytest.raises(AudioReadError, match=r"gone\.wav must be an audio file\. There is no such file"):
        open_recording(tmp_path / "gone.wav")


def test_a_folder_without_recordings_is_told_from_one_that_may_not_be_read(tmp_path, monkeypatch):
    with pytest.raises(AudioReadError, match=r"It is a folder without recordings \(\.wav, "):
        open_recording(tmp_path)

    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(AudioReadError, match=r"It is a folder that may not be read"):
        open_recording(tmp_path)


@pytest.mark.parametrize("name", ["n\udcf6te.wav", "\udcff.flac", "-\udce9.wav", "弦.wav", "a\nb.wav"])
def test_any_name_is_opened(write_wav, tone, tmp_path, name):
    path = write_wav(tone, f"plain.{name[-4:].strip('.')}", subtype="PCM_16")
    expected = load_segment(path, 0.0, 0.5, sample_rate=22050)
    try:
        path = path.rename(tmp_path / name)
    except OSError:
        pytest.skip("this file system has no such names")
    assert find_audio_files(tmp_path) == [path]
    assert (load_segment(path, 0.0, 0.5, sample_rate=22050) == expected).all()
