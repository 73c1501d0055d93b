"""Names of files as text: escaped where no text can hold them, found again, and never doubled."""

import json
import re
import sys

import pytest

from guitarclf.files.names import as_path, as_text, portable, unique_names
from guitarclf.files.whole import write_text
from guitarclf.runs.folder import write_json

ODD = ["n\udcf6te", "\udcff\udcfe", "höhe/弦\udc80", "a\nb \udce9.wav"]


@pytest.mark.parametrize("name", [*ODD, "plain.wav", "höhe 弦", "back\\slash", "\\udc", "C:\\users"])
def test_a_name_comes_back_from_its_text(name):
    text = as_text(name)
    assert text.encode("utf-8").decode("utf-8") == text
    assert as_path(text) == name
    assert (text == name) == (name not in ODD)


def test_bytes_that_are_utf_8_after_all_are_read_as_such():
    assert as_text("n\udcc3\udcb6te") == "nöte"  # what a locale of ASCII makes of them


def test_a_file_that_has_an_escape_in_its_name_is_that_file(tmp_path):
    path = tmp_path / "n\\udcf6te.wav"
    if sys.platform == "win32":
        pytest.skip("a backslash parts folders there")
    assert as_path(str(path)) == str(tmp_path / "n\udcf6te.wav")
    path.touch()
    assert as_path(str(path)) == str(path)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["x/a.wav", "x/b.wav"], ["a", "b"]),
        (["x/a.wav", "y/a.wav"], ["x/a", "y/a"]),
        (["a.wav", "a.flac", "b.wav"], ["a.wav", "a.flac", "b"]),
        (["a.wav", "a.flac", "a.wav.mp3"], ["a.wav", "a.flac", "a.wav#2"]),
        (["a.wav", "a.wav", "a.wav"], ["a.wav", "a.wav#2", "a.wav#3"]),
        (["x/\udcf6.wav", "y/\\udcf6.wav"], ["x/\\udcf6", "y/\\udcf6"]),
    ],
)
def test_names_are_short_and_all_different(paths, names):
    assert unique_names(paths) == names


@pytest.mark.parametrize("name", ODD)
def test_text_and_json_take_any_name(tmp_path, name):
    write_text(tmp_path / "t.txt", name)
    assert (tmp_path / "t.txt").read_text(encoding="utf-8") == as_text(name)
    write_json({"path": name}, tmp_path / "t.json")
    assert json.loads((tmp_path / "t.json").read_bytes()) == {"path": name}


@pytest.mark.parametrize("text", ["take.1", "höhe 弦", "console", "-", ".hidden", "ö" * 75])
def test_a_portable_name_stays(text):
    assert portable(text) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('a<b>c:d"e/f\\g|h?i*j', "a_b_c_d_e_f_g_h_i_j"),
        ("a\nb\tc\u2028d\x00", "a_b_c_d_"),
        ("n\udcf6te", "n_udcf6te"),
        ("ends in. .", "ends in. ."),
        ("", ""),
        ("con", "_con"),
        ("Lpt1.take", "_Lpt1.take"),
        ("ö" * 76, "ö" * 71),
    ],
)
def test_a_name_that_is_none_everywhere_is_changed_and_ends_in_a_digest(text, name):
    start, _, digest = portable(text).rpartition("_")
    assert start == name
    assert re.fullmatch("[0-9a-f]{6}", digest)
    assert len(portable(text).encode()) <= 150


def test_two_texts_become_two_portable_names():
    assert len({portable(text) for text in ("a?b", "a:b", "a_b", "ö" * 200, "ö" * 201, "", ".")}) == 7
