"""What is to be predicted: recordings of files and folders, each with a name of its own, and one line on the rest."""

import logging
import sys

import numpy as np
import pytest
import soundfile as sf
from click.testing import CliRunner

from guitarclf.audio.windows import WindowReader
from guitarclf.cli import main
from guitarclf.errors import ParameterError
from guitarclf.experiment.notes import notes_of_paths, place_notes


@pytest.fixture
def told(caplog):
    """The lines that the package logs."""
    logging.getLogger("guitarclf").propagate = True
    caplog.set_level(logging.INFO, logger="guitarclf")
    return lambda: [record.getMessage() for record in caplog.records]


def test_a_folder_stands_for_every_format_and_the_rest_is_one_line(sound, tmp_path, told):
    for name in ("b.ogg", "c.mp3", "a.wav", "d.flac", "sub/a.wav"):
        sound(name)
    for name in ("e.m4a", "f.m4a", "._a.wav", "readme.txt"):
        (tmp_path / name).touch()
    notes = notes_of_paths([tmp_path])
    assert [note.note_id for note in notes] == [f"{tmp_path}/a", "b", "c", "d", f"{tmp_path}/sub/a"]
    assert told() == [f"{tmp_path}: left out: 2 of a format that is not read (.m4a), 1 of macOS (._*)."]


@pytest.mark.parametrize("paths", [[""], ["a.wav", ""]])
def test_an_empty_path_is_refused(paths):
    with pytest.raises(ParameterError, match="A path must name a file or a folder"):
        notes_of_paths(paths)
    assert "A path must not be empty" in CliRunner().invoke(main, ["predict", *paths]).stderr


@pytest.mark.parametrize("n_files", [1, 2, 300])
def test_long_files_are_one_warning(tmp_path, told, n_files):
    for number in range(n_files):
        sf.write(tmp_path / f"{number:03d}.wav", np.zeros(12000 + number), 8000)
    place_notes(notes_of_paths([tmp_path]), WindowReader())
    (line,) = told()
    first = str(tmp_path / "000.wav")
    if n_files == 1:
        assert line.startswith(f"{first} is 1.50 s long: its first 1.00 s are classified.")
    else:
        longest = 1.5 + (n_files - 1) / 8000
        last = tmp_path / f"{n_files - 1:03d}.wav"
        assert line.startswith(f"{n_files} files are up to {longest:.2f} s long, such as {last}: the first 1.00 s")


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are others there")
def test_a_file_of_somebody_else_keeps_its_row(small_table, tmp_path, monkeypatch):
    good = small_table.events["audio_path"].iloc[0]
    (tmp_path / "mine.wav").write_bytes(b"RIFF")
    monkeypatch.setattr("os.access", lambda *asked, **options: False)  # what click would ask of a file
    monkeypatch.setattr("guitarclf.audio.header.os.open", refused(tmp_path / "mine.wav"))
    result = CliRunner().invoke(main, ["predict", str(tmp_path / "mine.wav"), good])
    assert result.exit_code == 1
    rows = result.stdout.splitlines()
    assert "mine.wav must be a readable file. Permission denied" in rows[1]
    assert rows[2].startswith("note000,")


def refused(path):
    """Return an ``os.open`` that refuses one path."""
    from os import open as original

    def open_others(name, *args, **options):
        if str(name) == str(path):
            raise PermissionError(13, "Permission denied", str(name))
        return original(name, *args, **options)

    return open_others
