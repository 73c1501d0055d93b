"""Columns of text in Arrow: stripped, compared, replaced, and asked once for each distinct text."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from guitarclf.data.texts import (
    as_texts,
    distinct,
    is_empty,
    is_one_of,
    joined_texts,
    mapped,
    no_texts,
    one_column,
    other_prefix,
    same_texts,
    stripped_texts,
    where,
)
from guitarclf.files.spelling import BLANK, stripped

ODD = ["", " ", "a", " a b\t", "\ufeffx", "\u3000y\u00a0", "\0z", "a\nb", "'\"", "\N{GUITAR}", "e\u0301 ", "  "]


def test_texts_come_back_as_they_were():
    assert as_texts(ODD).to_pylist() == ODD
    assert as_texts([]).type == as_texts(ODD).type == pa.string()


def test_texts_of_tables_that_were_joined_are_one_column():
    joined = pd.concat([pd.Series(["a"]), pd.Series(["b", "c"])], ignore_index=True)
    assert isinstance(as_texts(joined), pa.Array)
    assert as_texts(joined).to_pylist() == ["a", "b", "c"]
    assert as_texts(joined[:0]).to_pylist() == []


def test_columns_one_after_the_other_are_one_and_none_is_an_empty_one():
    assert one_column(as_texts(part) for part in (["a"], [], ["b", "c"])).to_pylist() == ["a", "b", "c"]
    assert one_column([]).to_pylist() == []


@pytest.mark.parametrize("n_rows", [0, 1, 3])
def test_equal_cells_are_as_many_as_rows(n_rows):
    assert no_texts(n_rows).to_pylist() == [""] * n_rows
    assert same_texts("0", n_rows).to_pylist() == ["0"] * n_rows


def test_cells_are_stripped_as_texts_are():
    texts = [*ODD, *(f"{blank}a{blank}" for blank in BLANK)]
    assert stripped_texts(as_texts(texts)).to_pylist() == list(map(stripped, texts))


def test_a_column_without_blanks_is_not_copied():
    texts = as_texts(["a", "b c"])
    assert stripped_texts(texts) is texts


def test_which_cells_are_empty_or_known():
    assert is_empty(as_texts(["", "a", " "])).tolist() == [True, False, False]
    assert is_one_of(as_texts(["a", "A", "b"]), {"a", "b"}).tolist() == [True, False, True]
    assert is_one_of(as_texts(["a"]), []).tolist() == [False]


def test_some_cells_are_taken_from_a_text_or_another_column():
    is_other = np.array([True, False])
    assert where(is_other, "x", as_texts(["a", "b"])).to_pylist() == ["x", "b"]
    assert where(is_other, as_texts(["c", "d"]), as_texts(["a", "b"])).to_pylist() == ["c", "b"]


def test_distinct_texts_keep_their_order_and_number_the_rows():
    texts, number_of_row = distinct(as_texts(["b", "", "b", "a"]))
    assert texts == ["b", "", "a"]
    assert number_of_row.tolist() == [0, 1, 0, 2]


def test_each_distinct_text_is_asked_once():
    asked = []
    turned = mapped(as_texts(["b", "a", "b", "b"]), lambda text: asked.append(text) or text.upper())
    assert turned.to_pylist() == ["B", "A", "B", "B"]
    assert asked == ["b", "a"]


def test_a_prefix_is_replaced_at_the_start_alone():
    texts = as_texts(["\0x/a", "b\0c", "\0\0", "", "d"])
    assert other_prefix(texts, "\0", r"t\1$0/").to_pylist() == [r"t\1$0/x/a", "b\0c", "t\\1$0/\0", "", "d"]


def test_a_column_without_the_prefix_is_not_copied():
    texts = as_texts(["a", "b"])
    assert other_prefix(texts, "\0", "") is texts


def test_cells_of_a_row_are_joined_and_one_column_stays_itself():
    assert joined_texts([as_texts(["a", "b"]), as_texts(["", "c"])], "_").to_pylist() == ["a_", "b_c"]
    assert joined_texts([as_texts(["a"])], "_").to_pylist() == ["a"]
