"""How figures become files, and that everybody can tell their colours apart."""

import io
import re
from itertools import combinations
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from guitarclf.errors import ParameterError
from guitarclf.evaluation.drawing import (
    CLASS_COLOURS,
    COLUMN,
    FORMATS,
    MARKS,
    PAGE,
    as_bytes,
    blank_figure,
    save_figure,
    short_text_of,
    styled,
    text_of,
)


@styled
def drawn(width=COLUMN, text="é"):
    figure = blank_figure(width, 30)
    axis = figure.subplots()
    axis.plot([0, 1])
    axis.set_title(text)
    return figure


def test_a_picture_is_as_wide_as_a_journals_column():
    svg = ElementTree.fromstring(as_bytes(drawn(COLUMN), "svg"))
    assert float(svg.get("width").removesuffix("pt")) / 72 * 25.4 == pytest.approx(88, abs=0.01)
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ", as_bytes(drawn(PAGE), "pdf"))
    assert float(box[1]) / 72 * 25.4 == pytest.approx(180, abs=0.01)


def test_a_pdf_has_its_letters_as_truetype():
    pdf = as_bytes(drawn(), "pdf")
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf


@pytest.mark.parametrize("format", FORMATS)
def test_a_figure_has_the_same_bytes_again_and_says_who_drew_it(format):
    first, second = as_bytes(drawn(), format), as_bytes(drawn(), format)
    assert first == second
    assert MARKS[format] in first


@pytest.mark.parametrize("suffix", ["png", "SVG", "pdf"])
def test_the_suffix_of_a_path_is_the_format(suffix, tmp_path):
    path = tmp_path / f"figure.{suffix}"
    save_figure(drawn(), path)
    starts = {"png": b"\x89PNG", "SVG": b"<?xml", "pdf": b"%PDF"}
    assert path.read_bytes().startswith(starts[suffix])


@pytest.mark.parametrize("name", ["figure.gif", "figure", ".png"])
def test_a_path_without_a_format_is_refused(name, tmp_path):
    with pytest.raises(ParameterError, match=r"must end in \.png, \.svg, \.pdf\. Got "):
        save_figure(drawn(), tmp_path / name)


def test_what_the_user_has_set_for_matplotlib_changes_nothing():
    expected = as_bytes(drawn(), "pdf")
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "pdf.fonttype": 3, "axes.facecolor": "red"}):
        figure = drawn()
        file = io.BytesIO()
        figure.savefig(file, format="pdf", metadata={"Creator": "guitarclf", "CreationDate": None})  # as a user saves
    assert file.getvalue() == expected


def test_drawing_changes_nothing_that_the_user_has_set():
    with matplotlib.rc_context({"font.size": 30}):
        as_bytes(drawn())
        assert matplotlib.rcParams["font.size"] == 30


def test_a_notebook_shows_a_figure():
    assert drawn()._repr_png_() == as_bytes(drawn())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a$b$c", r"a\$b\$c"),
        (r"\$", r"\\$"),
        ("two\nlines\t", r"two\nlines\t"),
        ("東京 é", r"\u6771\u4eac é"),
        ("\udcf6.wav", r"\udcf6.wav"),
        ("_hidden", "_hidden"),
    ],
)
def test_a_name_is_drawn_as_it_is_on_one_line(name, text):
    assert text_of(name) == text
    as_bytes(drawn(text=text))  # a letter that the font lacks, or mathematics that is none, would warn


def test_a_long_name_keeps_its_end():
    assert short_text_of("/some/where/very/far/take_17.wav", 14) == "...take_17.wav"


# What two kinds of colour-blind see (Machado, Oliveira and Fernandes 2009), on linear RGB.
SEEN = {
    "everybody": np.eye(3),
    "without red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "without green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def as_lab(colour, eye):
    """Return a colour as CIELAB, as an eye sees it."""
    rgb = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    x, y, z = np.cbrt(TO_XYZ @ np.clip(np.asarray(eye) @ linear, 1e-3, 1) / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eye", SEEN)
def test_the_colours_of_the_classes_are_told_apart(eye):
    for one, other in combinations(CLASS_COLOURS.values(), 2):
        assert np.linalg.norm(as_lab(one, SEEN[eye]) - as_lab(other, SEEN[eye])) > 25
