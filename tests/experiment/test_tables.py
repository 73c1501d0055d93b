"""Where a table's audio is looked for, and what a table may leave out."""

import math
import shutil

import pandas as pd
import pytest
from small import small_config

from guitarclf.config import Config, DataConfig
from guitarclf.config.files import load_config, with_values, write_config
from guitarclf.errors import EventTableError
from guitarclf.experiment.tables import config_events, missing_audio, other_events, with_absolute_paths
from guitarclf.experiment.train import train


@pytest.fixture
def beside(note_table):
    """`beside(columns)`: a table in the folder of its audio, without some columns; its path."""

    def write(*without):
        table = note_table()
        path = table.audio_root / "notes.csv"
        pd.read_csv(table.path, dtype=str).drop(columns=list(without)).to_csv(path, index=False)
        return path

    return write


@pytest.mark.parametrize("there", ["absolute", "relative"])
def test_audio_is_beside_the_table_unless_a_folder_is_named(beside, there, monkeypatch):
    path = beside()
    monkeypatch.chdir(path.parent)
    named = str(path) if there == "absolute" else path.name
    config = small_config(data__metadata_path=named)
    assert len(config_events(config)) == 30
    assert with_absolute_paths(config).data.audio_root == str(path.parent)
    elsewhere = with_values(config, {"data.audio_root": "elsewhere"}, source="test")
    assert with_absolute_paths(elsewhere).data.audio_root == str(path.parent / "elsewhere")


def test_a_configuration_of_0_1_0_names_the_folder_it_named(tmp_path):
    (tmp_path / "old.yaml").write_text("data: {metadata_path: /notes/t.csv, audio_root: data/audio}\n")
    old = load_config(tmp_path / "old.yaml")
    assert old.data.audio_root == old.data.audio_folder == "data/audio"
    write_config(Config(), tmp_path / "new.yaml")
    assert load_config(tmp_path / "new.yaml").data == DataConfig()
    assert DataConfig(metadata_path="a/t.csv").audio_folder == "a"


@pytest.mark.parametrize(
    ("change", "offsets"),
    [
        (lambda rows: rows.drop(columns="offset_sec"), {math.nan}),
        (lambda rows: rows.assign(offset_sec=""), {math.nan}),
        (lambda rows: rows.drop(columns="offset_sec").assign(duration_sec="0.5"), {0.5}),
        (lambda rows: rows.drop(columns=["offset_sec", "label_category"]).assign(end="0.75"), {0.75}),
    ],
    ids=["no column", "empty cells", "durations", "under another name"],
)
def test_an_offset_need_not_be_known_and_is_used_where_it_is(small_table, tmp_path, change, offsets):
    rows = pd.read_csv(small_table.path, dtype=str).assign(onset_sec="0")
    change(rows).to_csv(tmp_path / "t.csv", index=False)
    data = DataConfig(columns={"offset_sec": "end"})
    found = other_events(data, tmp_path / "t.csv", small_table.audio_root, require_labels=False)["offset_sec"]
    assert {str(value) for value in found} == {str(float(value)) for value in offsets}


@pytest.mark.parametrize(
    ("offset", "rule"), [("x", "must be a number of seconds"), ("-1", "must be after `onset_sec`")]
)
def test_an_offset_that_is_there_keeps_its_rule(small_table, tmp_path, offset, rule):
    rows = pd.read_csv(small_table.path, dtype=str).assign(offset_sec=offset)
    rows.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(EventTableError, match=f"line 2: `offset_sec` {rule}"):
        other_events(DataConfig(), tmp_path / "t.csv", small_table.audio_root, require_labels=False)


def test_missing_recordings_are_counted_with_what_may_be_wrong(beside, tmp_path):
    path = beside()
    there = other_events(DataConfig(), path, require_labels=True)
    assert missing_audio(path, there) is None
    elsewhere = other_events(DataConfig(), path, tmp_path / "x", require_labels=True)
    said = missing_audio(path, elsewhere)
    assert "(30 missing)" in said
    assert f"It lies beside the table: pass --audio-root {path.parent}." in said


def test_a_run_whose_folder_and_data_were_moved_goes_on(beside, tmp_path, monkeypatch):
    path = beside()
    config = small_config(data__metadata_path=str(path), output_dir=str(tmp_path / "run"), net__max_epochs=1)
    whole = train(config)
    shutil.move(path.parent, tmp_path / "moved")
    shutil.move(whole.folder.root, tmp_path / "moved run")
    shutil.rmtree(tmp_path / "moved run" / "model")  # as if it had been killed before its end
    moved = {"data.metadata_path": str(tmp_path / "moved" / path.name), "output_dir": str(tmp_path / "moved run")}
    again = train(with_values(config, moved, source="test"), resume=True)
    assert again.report == whole.report
    assert load_config(again.folder.config).data.audio_root == str(tmp_path / "moved")
