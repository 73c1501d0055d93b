"""Tables and configurations that cannot be used: one message each, exit code 1, and nothing left behind."""

import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet as pq

from guitarclf.cli import main
from guitarclf.config.files import load_config
from guitarclf.data.events import read_events
from guitarclf.errors import ConfigError, EventTableError

HEADER = "note_id,audio_path,onset_sec,offset_sec,pitch_midi,expression_style,label_category"
GOOD = "n1,a.wav,0.0,0.5,60,NO,general_note"


def table(*rows, header=HEADER):
    return "\n".join((header, *rows)) + "\n"


def parquet(frame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


def one_text_many_times(n_characters, n_rows) -> bytes:
    """Return a small file whose column `expression_style` is one long text in every row."""
    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n_rows, np.int32)), pa.array(["x" * n_characters]))
    table = pa.table({"note_id": [f"n{n}" for n in range(n_rows)], "expression_style": texts})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", store_schema=False)
    assert len(buffer.getvalue()) < 100_000
    return buffer.getvalue()


def row(**changes):
    cells = dict(zip(HEADER.split(","), GOOD.split(","), strict=True)) | changes
    return ",".join(cells.values())


BAD_TABLES = {
    "empty.csv": ("", "must begin with a line of column names. The file is empty."),
    "blank.csv": ("\n\n", "must begin with a line of column names. Its first line is empty."),
    "header_only.csv": (table(), "must hold at least one event. It has no rows."),
    "missing.csv": (
        "note_id,audio_path\n1,a.wav\n",
        "Missing: onset_sec, label_category. Its columns are note_id, audio_path. Rename them, or map them",
    ),
    "doubled.csv": (table(header=HEADER + ",note_id"), "column names must be unique. Doubled: note_id. Rename one."),
    "nan.csv": (table(row(onset_sec="nan")), "line 2: `onset_sec` must be a number of seconds from 0 up. Got 'nan'."),
    "text.csv": (
        table(row(offset_sec="late")),
        "line 2: `offset_sec` must be a number of seconds, or empty. Got 'late'.",
    ),
    "negative.csv": (
        table(row(onset_sec="-1")),
        "line 2: `onset_sec` must be a number of seconds from 0 up. Got '-1'.",
    ),
    "underscore.csv": (
        table(row(offset_sec="1_0")),
        "line 2: `offset_sec` must be a number of seconds, or empty. Got '1_0'.",
    ),
    "backwards.csv": (table(row(onset_sec="1")), "line 2: `offset_sec` must be after `onset_sec` (1). Got '0.5'."),
    "label.csv": (
        table(row(label_category="slap")),
        "line 2: `label_category` must be one of harmonic, dead_note, general_note, no_note (map others with "
        "`data.labels`). Got 'slap'.",
    ),
    "ragged.csv": (
        table(GOOD, "n2,a.wav,0.0", row(note_id="n3", onset_sec="x")),
        "line 3: `row` must have 7 cells like the header (quote cells that contain the separator). Got '3 cells'.\n",
    ),
    "comma.csv": (table('n1,a.wav,"0,5","0,9",60,NO,general_note'), "`onset_sec` must be a number of seconds from 0"),
    "utf16.csv": (table(GOOD).encode("utf-16")[:-1], "must be a CSV file in UTF-8."),
    "null.csv": (table(row(note_id="n\0")).encode(), "must be an audio file. There is no such file"),
    "quote.csv": (table('"n1,a.wav'), "must be a CSV file in UTF-8. unexpected end of data. Save it again as such."),
    "empty.parquet": (b"", "must be a readable Parquet file. "),
    "broken.parquet": (b"PAR1" + bytes(100) + b"PAR1", "must be a readable Parquet file. "),
    "columns.parquet": (parquet(pd.DataFrame({"note_id": ["n1"]})), "Missing: audio_path, onset_sec, label_category"),
    "bomb.parquet": (
        parquet(pd.DataFrame({f"c{n}": np.zeros(1_000_000, dtype=bool) for n in range(60)})),
        "must have at most 50000000 cells. It has 1000000 rows of 60. Split the table.",
    ),
    "no_rows.parquet": (
        parquet(pd.DataFrame({"note_id": []}, dtype=str)),
        "must hold at least one event. It has no rows.",
    ),
    "texts.parquet": (
        one_text_many_times(1_000_000, 1000),
        "must have at most 512 MB of text. It has 1000003890 bytes. Split the table.",
    ),
    "unpacked.parquet": (
        one_text_many_times(2**29, 1),
        "must have at most 512 MB unpacked. It may have 536",
    ),
    "nested.parquet": (
        parquet(pd.DataFrame({"note_id": ["n1"], "audio_path": [["a.wav"]]})),
        "Its columns are note_id. audio_path is list<element: string>, which is not read: write it as text.",
    ),
    "table.xlsx": (b"PK", "must be a CSV or Parquet file. Export the spreadsheet as CSV."),
}


def call(*args, code=1):
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_told_what_is_wrong_and_leaves_nothing(tmp_path, name):
    content, message = BAD_TABLES[name]
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    result = call("train", "--metadata-path", tmp_path / name, "--output-dir", tmp_path / "run")
    assert message in result.stderr
    assert name in result.stderr or "There is no such file" in message
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_all_errors_of_a_table_are_listed(tmp_path):
    rows = ["n0,a.wav", *(row(note_id=f"n{n}", onset_sec=f"x{n}") for n in range(1, 12)), "n1,b.wav,,,,,,,,1"]
    (tmp_path / "t.csv").write_text(table(*rows, *(row(note_id=f"m{n}", label_category="?" * n) for n in range(1, 11))))
    result = call("train", "-q", "--metadata-path", tmp_path / "t.csv", "--output-dir", tmp_path / "run")
    lines = result.stderr.removeprefix("Error: ").splitlines()
    assert len(lines) == 21
    assert "line 2: `row` must have 7 cells" in lines[0]
    assert "line 14: `row` must have 7 cells" in lines[12]
    assert lines[-1] == "... and 3 more problems."


def test_a_long_cell_is_cut_in_the_message(tmp_path):
    (tmp_path / "t.csv").write_text(table(row(label_category="x" * 10_000)))
    with pytest.raises(EventTableError, match=r"Got 'x{80}\.\.\.'") as caught:
        read_events(tmp_path / "t.csv")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_spreadsheets_write_is_read(tmp_path, separator, bom, end):
    cells = ["n1", "a,b.wav", "0,25", "1,5", "60,5", "NO", "general_note"]
    text = bom + end.join((separator.join(HEADER.split(",")), separator.join(cells))) + end
    (tmp_path / "t.csv").write_bytes(text.encode())
    event = read_events(tmp_path / "t.csv").iloc[0]
    assert (event["onset_sec"], event["offset_sec"], event["pitch_midi"]) == (0.25, 1.5, 60.5)
    assert event["audio_path"] == "a,b.wav"


def test_a_table_that_is_no_file_is_refused(tmp_path):
    assert "It is no file" in call("validate", "--metadata-path", "/dev/zero").stderr
    assert "It is a folder" in call("validate", "--metadata-path", tmp_path).stderr


def test_notes_of_one_class_are_refused_before_anything_is_written(note_table, tmp_path):
    notes = note_table()
    for rows in (pd.read_csv(notes.path).query("label_category == 'harmonic'"), pd.read_csv(notes.path).iloc[:2]):
        rows.to_csv(notes.path, index=False)
        data = ("--metadata-path", notes.path, "--audio-root", notes.audio_root, "--output-dir", tmp_path / "run")
        result = call("train", *data)
        assert "The rows to train on must have at least two of harmonic, dead_note, general_note" in result.stderr
        assert not (tmp_path / "run").exists()


BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
BAD_CONFIGS = {
    "tag.yaml": ("net: !!python/object/apply:os.system ['touch pwned']", "tags such as tag:yaml.org,2002:python/obje"),
    "name.yaml": ("seed: !!python/name:os.system", "tags such as tag:yaml.org,2002:python/name:os.system are not read"),
    "local.yaml": ("seed: !mine 3", "tags such as !mine are not read"),
    "bool.yaml": ("seed: !!bool maybe", "tags such as tag:yaml.org,2002:bool are not read"),
    "bomb.yaml": (BOMB, "aliases such as *a are not read"),
    "cycle.yaml": ("net: &n {net: *n}", "aliases such as *n are not read"),
    "deep.yaml": ("[" * 20_000, "must be valid YAML or JSON. It is nested too deep"),
    "deep.json": ("[" * 100_000, "must be valid YAML or JSON"),
    "digits.yaml": (f"seed: {'1' * 5000}", "must be valid YAML or JSON. Exceeds the limit"),
    "huge.yaml": ("#" * (2**20 + 1), "must have at most 128 KB"),
    "list.yaml": ("- 1", "must hold sections such as `net:` at its top. Got list."),
    "twice.yaml": ("seed: 1\nseed: 2", "the key 'seed' stands twice in one section"),
    "bytes.yaml": (b"\xff\xfe\x00", "must be a readable YAML or JSON file."),
    "control.yaml": ("seed: \x01", "must be valid YAML or JSON."),
    "key.yaml": ("? [a, b]\n: 1", "must be valid YAML or JSON."),
    "type.yaml": ("net: {lr: [1, 2]}", "`net.lr` must be a number. Got [1, 2]."),
    "section.yaml": ("net: 3", "`net` must be a section of keys. Got 3."),
    "unknown.yaml": ("net: {learning_rate: 1}", "unknown key `net.learning_rate`. Here it is `net.lr`."),
    "long.yaml": (f"seed: {'x' * 5000}", "`seed` must be a whole number. Got 'xxxx"),
    "n_mels.yaml": ("logmel: {n_mels: 0}", "`logmel.n_mels` must be at least 1. Got 0."),
    "many_mels.yaml": ("logmel: {n_mels: 99999999}", "`logmel.n_mels` must be at most 1024. Got 99999999."),
    "hop.yaml": ("logmel: {hop_length: 0}", "`logmel.hop_length` must be at least 1. Got 0."),
    "duration.yaml": ("window: {target_duration: 1e9}", "`window.target_duration` must be at most 600."),
    "batch.yaml": ("net: {batch_size: -1}", "`net.batch_size` must be at least 1. Got -1."),
    "hidden.yaml": (
        "net: {module: {rnn_hidden_size: 1000000000}}",
        "`net.module.rnn_hidden_size` must be at most 4096",
    ),
    "nan.yaml": ("net: {lr: .nan}", "`net.lr` must be a finite number. Got nan."),
}


@pytest.mark.parametrize("name", BAD_CONFIGS)
def test_a_bad_config_is_told_what_is_wrong(tmp_path, monkeypatch, name):
    content, message = BAD_CONFIGS[name]
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    result = call("train", "--config", name)
    assert message in result.stderr
    assert len(result.stderr) < 1000
    assert len(result.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("value", ["!!python/name:os.system", "*a", "[" * 20_000, "1" * 5000, "!!timestamp x"])
def test_an_override_makes_no_objects(value):
    with pytest.raises(ConfigError, match=r"The value of 'seed' must be valid YAML") as caught:
        load_config(overrides=[f"seed={value}"])
    assert len(str(caught.value)) < 900


def test_wrong_usage_is_exit_code_2(tmp_path):
    for args in (("train", "--resume", "--overwrite"), ("predict",), ("train", "--no-such-flag"), ("eval",)):
        call(*args, code=2)


def test_a_config_as_json_is_read_like_one_in_yaml(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps({"net": {"lr": 0.5}}))
    assert load_config(tmp_path / "c.json").net.lr == 0.5
