"""Scores and predictions of a trained run, on its own splits and on other tables."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from small import config_for

from guitarclf.bundle.engines import load_model
from guitarclf.bundle.folder import PRETRAINED
from guitarclf.bundle.pipelines import load_pipeline
from guitarclf.cli import main
from guitarclf.config.files import with_values
from guitarclf.errors import EventTableError, RunError, SplitError
from guitarclf.experiment.evaluate import evaluate_run
from guitarclf.experiment.inspect import find_event, inspect_event
from guitarclf.experiment.notes import events_of_paths
from guitarclf.experiment.predict import PREDICTION_COLUMNS, predict_events
from guitarclf.experiment.tables import run_events
from guitarclf.experiment.train import train
from guitarclf.experiment.validate import validate
from guitarclf.features.inputs import as_requests


def test_evaluation_writes_metrics_and_figure(run):
    result = evaluate_run(run.folder.root, split="test")
    written = json.loads(run.folder.metrics("test").read_text())
    assert written["macro_f1"] == result.report.macro_f1
    assert written["labels"] == ["harmonic", "dead_note", "general_note"]
    assert np.sum(written["confusion"]) == result.report.n_events
    assert (run.folder.figures / "confusion_test.png").stat().st_size > 5000


def test_evaluation_of_another_table(run, note_table):
    table = note_table("others", n_notes=12, seed=5)
    result = evaluate_run(run.folder.root, metadata_path=table.path, audio_root=table.audio_root)
    assert (result.name, result.report.n_events) == ("events", 12)
    assert run.folder.metrics("events").is_file()


def test_evaluation_without_labels_says_to_predict(run, note_table, tmp_path):
    table = note_table("others", n_notes=6)
    pd.read_csv(table.path).drop(columns="label_category").to_csv(tmp_path / "unlabelled.csv", index=False)
    with pytest.raises(EventTableError, match="use `guitarclf predict`"):
        evaluate_run(run.folder.root, metadata_path=tmp_path / "unlabelled.csv", audio_root=table.audio_root)


def test_empty_split_is_refused(note_table, tmp_path):
    table = note_table(extra={"split": lambda index, row: "val" if index % 6 == 0 else "train"})
    run = train(config_for(table, tmp_path / "run", net__max_epochs=1))
    with pytest.raises(SplitError, match="test has none"):
        evaluate_run(run.folder.root, split="test")


def test_predictions_keep_order_and_unreadable_rows(run, small_table, tmp_path):
    paths = [*small_table.events["audio_path"][:3], str(tmp_path / "absent.wav"), small_table.events["audio_path"][5]]
    table = pd.concat(predict_events(load_pipeline(run.folder.root), events_of_paths(paths)))
    assert list(table.columns) == list(PREDICTION_COLUMNS)
    assert table["audio_path"].tolist() == paths
    assert table["label"].eq("").tolist() == [False, False, False, True, False]
    assert "There is no such file" in table["error"].iloc[3]
    np.testing.assert_allclose(table[["p_harmonic", "p_dead_note", "p_general_note"]].sum(axis=1).iloc[0], 1, atol=1e-5)


def test_folder_stands_for_its_audio_files(small_table):
    events = events_of_paths([small_table.audio_root])
    assert events["note_id"].tolist() == [f"note{n:03d}" for n in range(30)]


@pytest.fixture
def foreign_table(note_table):
    """A table in IDMT's terms: other column names, styles for labels, durations for offsets."""
    table = note_table("foreign")
    rows = pd.read_csv(table.path, dtype=str)
    rows["duration_sec"] = rows["offset_sec"].astype(float) - rows["onset_sec"].astype(float)
    rows = rows.rename(columns={"audio_path": "source_audio"}).assign(subset_id="dataset9")
    rows["event_index"] = range(len(rows))
    path = table.path.with_name("parsed.csv")
    rows.drop(columns=["note_id", "offset_sec", "label_category"]).to_csv(path, index=False)
    mapping = {
        "data.metadata_path": str(path),
        "data.columns": {
            "note_id": ["subset_id", "source_audio", "event_index"],
            "audio_path": "source_audio",
            "offset_sec": "duration_sec",
            "label_category": "expression_style",
        },
        "data.labels": {"HA": "harmonic", "DN": "dead_note", "*": "general_note"},
    }
    return table, path, mapping


def test_a_foreign_table_trains_evaluates_and_is_inspected_through_its_mapping(foreign_table, tmp_path):
    table, path, mapping = foreign_table
    config = with_values(config_for(table, tmp_path / "run", net__max_epochs=1), mapping, source="test")
    root = train(config).folder.root
    assert evaluate_run(root, metadata_path=path, audio_root=table.audio_root).report.n_events == 30
    model = load_model(root)
    event = find_event(path, "dataset9_note004.wav_4", audio_root=table.audio_root, model=model)
    assert inspect_event(event, tmp_path / "event.png", model=model) is not None
    assert validate(path, table.audio_root, config=config).problems == []


def test_a_table_in_our_terms_is_scored_against_its_own_labels(foreign_table, tmp_path):
    table, _, mapping = foreign_table
    config = with_values(config_for(table, tmp_path / "run", net__max_epochs=1), mapping, source="test")
    root = train(config).folder.root
    rows = pd.read_csv(table.path, dtype=str).assign(expression_style="flageolet")
    rows.to_csv(table.path.with_name("ours.csv"), index=False)
    report = evaluate_run(root, metadata_path=table.path.with_name("ours.csv"), audio_root=table.audio_root).report
    assert {label: score.support for label, score in report.per_class.items()} == dict(
        rows["label_category"].value_counts()
    )


def test_scores_of_a_table_named_like_a_split_overwrite_nothing(run, note_table):
    table = note_table("others", n_notes=6)
    other = table.path.rename(table.path.with_name("val.csv"))
    before = run.folder.metrics("val").read_bytes()
    result = evaluate_run(run.folder.root, metadata_path=other, audio_root=table.audio_root)
    assert result.name == "table_val"
    assert run.folder.metrics("val").read_bytes() == before
    assert result.duration_macro_f1 is not None


def test_files_of_one_name_keep_apart(tmp_path, small_table):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.wav").write_bytes((small_table.audio_root / "note000.wav").read_bytes())
    assert events_of_paths([tmp_path])["note_id"].tolist() == [str(tmp_path / "a" / "x"), str(tmp_path / "b" / "x")]


def test_a_file_that_lost_an_event_is_read_as_in_training_when_the_run_is_scored(note_table, tmp_path):
    table = note_table()
    rows = pd.read_csv(table.path, dtype=str)
    late = rows.iloc[[0]].assign(note_id="late", onset_sec="30", offset_sec="31")  # past the end of its file
    pd.concat([rows, late]).to_csv(table.path, index=False)
    config = config_for(table, tmp_path / "run", data__on_bad_audio="skip", data__max_bad_fraction=0.1)
    run = train(config).folder
    assert pd.read_csv(run.bad_audio)["note_id"].tolist() == ["late"]
    events = run_events(run, config.data)
    alone = [request.alone for request in as_requests(events)]
    assert [name for name, only in zip(events["note_id"], alone, strict=True) if not only] == ["n000"]


def contents(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.mark.parametrize("given", ["pretrained", "bundle", "read-only run"])
def test_a_model_that_is_no_run_to_write_into_is_scored_and_left_alone(run, note_table, tmp_path, monkeypatch, given):
    table = note_table("others", n_notes=6)
    shutil.copytree(run.folder.bundle, tmp_path / "bundle")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    if given == "read-only run":
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    model = {"pretrained": "pretrained", "bundle": tmp_path / "bundle", "read-only run": run.folder.root}[given]
    before = [contents(folder) for folder in (PRETRAINED, tmp_path, run.folder.root)]
    result = evaluate_run(model, metadata_path=table.path, audio_root=table.audio_root)
    assert (result.path, result.report.n_events) == (None, 6)
    assert [contents(folder) for folder in (PRETRAINED, tmp_path, run.folder.root)] == before


def test_scores_are_kept_where_one_says_and_never_replaced_there(run, note_table, tmp_path):
    table = note_table("others", n_notes=6)
    kept = {"metadata_path": table.path, "audio_root": table.audio_root, "output_dir": tmp_path / "kept"}
    result = evaluate_run("pretrained", **kept)
    assert result.path == tmp_path / "kept" / "metrics_events.json"
    written = json.loads(result.path.read_text())
    assert written["macro_f1"] == result.report.macro_f1
    assert (tmp_path / "kept" / "figures" / "confusion_events.png").is_file()
    with pytest.raises(RunError, match=r"It holds metrics_events\.json\. Choose another --output-dir"):
        evaluate_run(run.folder.root, **kept)
    assert json.loads(result.path.read_text()) == written


@pytest.mark.parametrize("part", ["", "model", "best_model.pt"])
def test_any_part_of_a_run_stands_for_it(run, part):
    result = evaluate_run(run.folder.root / part, split="train")
    assert result.path == run.folder.metrics("train")
    assert not list(run.folder.bundle.glob("metrics_*"))


def test_the_command_says_where_the_scores_are(run, note_table):
    table = note_table("others", n_notes=6)
    done = CliRunner().invoke(main, ["eval", "--run-dir", str(run.folder.root)])
    assert done.output.endswith(f"\nWritten: {run.folder.metrics('val')}\n")
    done = CliRunner().invoke(main, ["eval", "--run-dir", "pretrained", "--metadata-path", str(table.path)])
    assert done.exit_code == 1  # no audio there
    args = ["eval", "--run-dir", "pretrained", "--metadata-path", table.path, "--audio-root", table.audio_root]
    done = CliRunner().invoke(main, list(map(str, args)))
    assert done.exit_code == 0
    assert "accuracy" in done.output
    assert "Not written, as pretrained is no run folder that can be written: --output-dir FOLDER" in done.output
