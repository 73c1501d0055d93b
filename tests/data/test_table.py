"""What spreadsheets, R, pandas and data sets write is read, or the cure is named."""

import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet as pq

from guitarclf.cli import main
from guitarclf.data.events import EVENT_COLUMNS, read_events
from guitarclf.data.table import read_table
from guitarclf.errors import EventTableError

CELLS = ["n1", "a.wav", "0.25", "1.5", "60", "NO", "general_note"]
ROWS = [CELLS, ["n2", "b, c.wav", "0.5", "0.75", "", "HA", "harmonic"]]


def csv_text(rows, separator=",", decimal=".", end="\r\n", header=EVENT_COLUMNS):
    quoted = [[f'"{cell}"' if separator in cell else cell for cell in row] for row in [header, *rows]]
    if decimal == ",":
        quoted[1:] = [
            [cell.replace(".", ",") if n in (2, 3) else cell for n, cell in enumerate(row)] for row in quoted[1:]
        ]
    return "".join(separator.join(row) + end for row in quoted)


def assert_is_read(path, **settings):
    events = read_events(path, **settings)
    assert events["note_id"].tolist() == ["n1", "n2"]
    assert events["audio_path"].tolist() == ["a.wav", "b, c.wav"]
    assert events["onset_sec"].tolist() == [0.25, 0.5]
    assert events["offset_sec"].tolist() == [1.5, 0.75]
    assert events["pitch_midi"].tolist() == [60, -1]
    assert events["label_category"].tolist() == ["general_note", "harmonic"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("first", ["sep={}", '"sep={}"', "SEP={}", "\ufeffsep={}", "sep={},,,"])
def test_a_first_line_names_the_separator(tmp_path, separator, first):
    (tmp_path / "t.csv").write_text(first.format(separator) + "\n" + csv_text(ROWS, separator), encoding="utf-8")
    assert_is_read(tmp_path / "t.csv")
    broken = csv_text([CELLS, [*CELLS[:2], "x", *CELLS[3:]]], separator)
    (tmp_path / "t.csv").write_text(first.format(separator) + "\n" + broken, encoding="utf-8")
    with pytest.raises(EventTableError, match="line 4: `onset_sec`"):
        read_events(tmp_path / "t.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", ","), ("\t", ",")])
def test_a_table_in_utf_16_is_read(tmp_path, encoding, separator, decimal):
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    (tmp_path / "t.csv").write_bytes((mark + csv_text(ROWS, separator, decimal)).encode(encoding))
    assert_is_read(tmp_path / "t.csv")


@pytest.mark.parametrize("place", [0, 3, 7])
@pytest.mark.parametrize("n_empty", [1, 3])
@pytest.mark.parametrize("is_short", [False, True])
def test_columns_without_name_and_cells_are_left_out(tmp_path, place, n_empty, is_short):
    header, *rows = [[*row[:place], *[""] * n_empty, *row[place:]] for row in [list(EVENT_COLUMNS), *ROWS]]
    if is_short and place == 7:  # Excel ends some rows early
        rows[1] = rows[1][:7]
    (tmp_path / "t.csv").write_text(csv_text(rows, ";", header=header))
    assert_is_read(tmp_path / "t.csv")
    assert "" not in read_events(tmp_path / "t.csv")


def test_empty_cells_past_the_header_are_no_cells(tmp_path):
    (tmp_path / "t.csv").write_text(csv_text([[*row, "", " "] for row in ROWS]))
    assert_is_read(tmp_path / "t.csv")


@pytest.mark.parametrize("blank", ["", " ", "\t ", "\u00a0", "\u2003", "\ufeff", "\x85"])
@pytest.mark.parametrize("first", ["n1", "\u00a0n1", "é1", "日1", "~1"])
def test_a_row_of_blanks_is_no_row_whatever_others_begin_with(tmp_path, blank, first):
    rows = [[first, *CELLS[1:]], [blank] * len(CELLS), ROWS[1]]
    (tmp_path / "t.csv").write_text(csv_text(rows), encoding="utf-8")
    raw = read_table(tmp_path / "t.csv")
    assert raw.columns["note_id"].to_pylist() == [first, "n2"]
    assert raw.lines.tolist() == [2, 4]


def test_columns_with_cells_and_no_name_are_named_by_number(tmp_path):
    (tmp_path / "t.csv").write_text(csv_text([[*row, "x", "y"] for row in ROWS], header=[*EVENT_COLUMNS, "", ""]))
    with pytest.raises(EventTableError, match=r"a column with cells must have a name\. The columns 8, 9 have none"):
        read_events(tmp_path / "t.csv")


@pytest.mark.parametrize("unknown", ["NA", "nan", "N/A", "NULL", "None", "-", "#N/A", "na"])
def test_a_pitch_that_other_programs_do_not_know_is_unknown(tmp_path, unknown):
    rows = [CELLS, [*ROWS[1][:4], unknown, *ROWS[1][5:]]]
    (tmp_path / "t.csv").write_text(csv_text(rows))
    assert_is_read(tmp_path / "t.csv")


@pytest.mark.parametrize("comma", ["Beginn, s", "Ende, in Sekunden", "a, b, c, d, e, f, g, h, i"])
def test_names_of_columns_may_have_commas(tmp_path, comma):
    header = [
        comma if name == "onset_sec" else f"{name}, x" if name == "offset_sec" else name for name in EVENT_COLUMNS
    ]
    (tmp_path / "t.csv").write_text(csv_text(ROWS, ";", ",", header=header))
    assert_is_read(tmp_path / "t.csv", columns={"onset_sec": comma, "offset_sec": "offset_sec, x"})


def test_a_decimal_comma_among_commas_is_told_the_cure(tmp_path):
    (tmp_path / "t.csv").write_text(csv_text([[*CELLS[:2], "0,5", *CELLS[3:]]]))
    with pytest.raises(EventTableError, match=r"0 up, with a decimal point where commas part the cells\. Got '0,5'"):
        read_events(tmp_path / "t.csv")


def frame():
    typed = pd.DataFrame(ROWS, columns=EVENT_COLUMNS)
    return typed.assign(onset_sec=typed["onset_sec"].astype(float), pitch_midi=[60, None], track=["t1", "t2"])


@pytest.mark.parametrize("index", [["note_id"], ["track"], ["note_id", "audio_path"], ["track", "label_category"]])
def test_a_named_index_is_a_column(tmp_path, index):
    frame().set_index(index).to_parquet(tmp_path / "t.parquet")
    assert_is_read(tmp_path / "t.parquet")
    assert read_events(tmp_path / "t.parquet")["track"].tolist() == ["t1", "t2"]


def test_an_index_of_numbers_is_a_column_if_it_has_a_name(tmp_path):
    counted = frame().drop(columns="note_id")
    counted.rename_axis("note_id").to_parquet(tmp_path / "t.parquet")
    assert read_events(tmp_path / "t.parquet")["note_id"].tolist() == ["0", "1"]
    counted.assign(note_id=["n1", "n2"]).set_axis([7, 9]).to_parquet(tmp_path / "t.parquet")
    assert_is_read(tmp_path / "t.parquet")


NESTED = {
    "list": pa.array([[1.0, 2.0], []]),
    "struct": pa.array([{"bytes": b"x", "path": "a"}, None]),
    "list of structs": pa.array([[{"a": 1, "b": [2]}], None]),
    "map": pa.array([[("a", 1)], []], type=pa.map_(pa.string(), pa.int64())),
    "empty lists": pa.array([[], []], type=pa.list_(pa.string())),
}


@pytest.mark.parametrize("kind", NESTED)
def test_a_column_of_lists_or_structs_is_left_out_with_a_word(tmp_path, kind):
    table = pa.Table.from_pandas(frame()).add_column(2, "bends", NESTED[kind])
    pq.write_table(table, tmp_path / "t.parquet")
    assert_is_read(tmp_path / "t.parquet")
    events = read_events(tmp_path / "t.parquet")
    assert "bends" not in events
    assert events.attrs["told"][0].startswith("the column bends is not read: ")
    with pytest.raises(EventTableError, match="maps track from a column 'bends' that is not read: "):
        read_events(tmp_path / "t.parquet", columns={"track": "bends"})


def test_predictions_are_a_table_to_train_on(small_bundle, small_table, tmp_path):
    output = tmp_path / "predictions.csv"
    files = [str(small_table.audio_root / name) for name in ("note000.wav", "note001.wav")]
    done = CliRunner().invoke(main, ["predict", *files, "--model", str(small_bundle), "--output", str(output)])
    assert done.exit_code == 0
    predicted = pd.read_csv(output)
    events = read_events(output)
    assert events["label_category"].tolist() == predicted["label"].tolist()
    assert events["offset_sec"].isna().all()
    assert any("`label`, which `predict` wrote" in line for line in events.attrs["told"])
    predicted.assign(label=["unknown", "harmonic"]).to_csv(output, index=False)
    assert read_events(output)["label_category"].tolist() == ["harmonic"]


@pytest.mark.parametrize("first", ["", "NA", "nan", "0.75"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_offset_may_be_missing_in_any_row(tmp_path, first, suffix):
    rows = [[*row[:3], value, *row[4:]] for row, value in zip(ROWS, (first, ""), strict=True)]
    if suffix == "csv":
        (tmp_path / "t.csv").write_text(csv_text(rows))
    else:
        pd.DataFrame(rows, columns=EVENT_COLUMNS).replace({"offset_sec": ""}, None).to_parquet(tmp_path / "t.parquet")
    events = read_events(tmp_path / f"t.{suffix}")
    assert events["offset_sec"].isna().tolist() == [first != "0.75", True]
    told = "1 of 2 notes have no `offset_sec`" if first == "0.75" else "there is no `offset_sec`"
    assert any(line.startswith(told) for line in events.attrs["told"])


@pytest.mark.parametrize(
    ("theirs", "guess"),
    [
        ({"label_category": "Label"}, "{label_category: Label}"),
        ({"onset_sec": "start", "audio_path": "File Name"}, "{audio_path: File Name, onset_sec: start}"),
        ({"note_id": "noteid"}, "{note_id: noteid}"),
        ({"onset_sec": "Onset_Sec"}, "{onset_sec: Onset_Sec}"),
    ],
)
def test_a_missing_column_is_guessed(tmp_path, theirs, guess):
    (tmp_path / "t.csv").write_text(csv_text(ROWS, header=[theirs.get(name, name) for name in EVENT_COLUMNS]))
    with pytest.raises(EventTableError) as caught:
        read_events(tmp_path / "t.csv")
    assert str(caught.value).endswith(f"map them with `data.columns`, such as {guess}.")
