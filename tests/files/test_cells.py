"""Rows as they are written."""

import csv
import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guitarclf.files.cells import as_cell, csv_lines


@pytest.mark.parametrize(
    ("value", "cell"),
    [("x", "x"), ("", ""), (1 / 3, 0.333333), (-1, -1), (0.0, 0.0), (math.nan, None), (np.float64(0.5), 0.5)],
)
def test_a_number_is_written_to_six_decimals_and_nan_not_at_all(value, cell):
    assert as_cell(value) == cell


@settings(deadline=None)
@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2)))
def test_any_text_is_read_back(rows):
    columns = ["a", "b"]
    text = "".join(csv_lines(columns, [dict(zip(columns, row, strict=True)) for row in rows]))
    assert list(csv.reader(io.StringIO(text, newline=""))) == [columns, *rows]


def test_the_header_comes_before_any_row_and_each_row_as_soon_as_it_is_there():
    taken = []

    def rows():
        for number in range(3):
            taken.append(number)
            yield {"n": number, "x": math.nan}

    lines = csv_lines(["n", "x"], rows())
    assert next(lines) == "n,x\n"
    assert taken == []
    assert next(lines) == "0,\n"
    assert taken == [0]
