"""eval A --against B: two models on the same rows of a table."""

import json

import pandas as pd
import pytest
from click.testing import CliRunner
from small import config_for

from guitarclf.cli import main
from guitarclf.data.events import read_events
from guitarclf.errors import AudioReadError, EventTableError, RunError
from guitarclf.experiment.compare import compare_runs
from guitarclf.experiment.evaluate import evaluate_run
from guitarclf.experiment.train import train


@pytest.fixture(scope="module")
def other_run(small_table, tmp_path_factory):
    """A run of another rate, of the right channel, trained for an epoch."""
    settings = {"window__sample_rate": 16000, "logmel__n_mels": 24, "seed": 7, "net__max_epochs": 1}
    return train(config_for(small_table, tmp_path_factory.mktemp("other") / "run", **settings)).folder.root


def test_models_of_two_sample_rates_score_as_eval_scores_each(other_run, note_table, tmp_path):
    table = note_table("others", n_notes=18, seed=5)
    rows = {"metadata_path": table.path, "audio_root": table.audio_root}
    result = compare_runs(other_run, "pretrained", **rows, output_dir=tmp_path / "kept")
    assert result.comparison.first == evaluate_run(other_run, **rows).report
    assert result.comparison.second == evaluate_run("pretrained", **rows).report
    written = json.loads((tmp_path / "kept" / "comparison_events.json").read_text())
    assert (written["model_a"], written["model_b"]) == (str(other_run), "pretrained")
    assert written["b"]["macro_f1"] == result.comparison.second.macro_f1
    changed = read_events(tmp_path / "kept" / "changed_events.csv", audio_root=table.audio_root)
    assert changed["note_id"].tolist() == result.comparison.changed["note_id"].tolist()
    assert (changed["label_a"] != changed["label_b"]).sum() == sum(row["notes"] for row in written["changed"]) > 0
    assert set(changed["audio_path"]) <= set(table.events["audio_path"])
    assert changed["events_in_file"].eq(1).all()


def test_a_split_of_the_first_run_is_scored_and_a_reference_that_heard_it_is_told(run, other_run, caplog, tmp_path):
    result = compare_runs(run.folder.root, "pretrained", split="test")
    assert result.comparison.first == evaluate_run(run.folder.root, split="test").report
    assert result.name == "test"
    assert not caplog.records
    compare_runs(run.folder.root, other_run, split="train")
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "A (" in told[0]
    assert "was trained on the recordings of" in told[1]
    assert str(other_run) in told[1]


def test_a_model_against_itself_changes_nothing(run, note_table, tmp_path):
    table = note_table("others", n_notes=6)
    rows = {"metadata_path": table.path, "audio_root": table.audio_root}
    result = compare_runs(run.folder.root, run.folder.root, **rows, output_dir=tmp_path)
    assert result.comparison.test == (0, 0, 1.0)
    assert result.changed.read_text().startswith("note_id,audio_path,")
    assert len(pd.read_csv(result.changed)) == 0


def test_rows_that_one_model_cannot_read_are_left_out_for_both(run, small_table, note_table, tmp_path, caplog):
    table = note_table("others", n_notes=12)
    settings = {"window__channel": "right", "net__max_epochs": 1}
    stereo_only = train(config_for(small_table, tmp_path / "run", **settings)).folder.root
    (table.audio_root / "note003.wav").write_bytes(b"no sound")
    rows = {"metadata_path": table.path, "audio_root": table.audio_root}
    result = compare_runs(run.folder.root, stereo_only, **rows, output_dir=tmp_path / "kept")
    left_out = json.loads(result.scores.read_text())["left_out"]
    assert [row["note_id"] for row in left_out] == ["n003", "n003"]
    assert [row["model"] for row in left_out] == ["a", "b"]
    assert (result.n_left_out, result.comparison.first.n_events) == (1, 11)
    assert "1 notes are left out, as not both models can read them. A cannot read n003: " in caplog.text


def test_without_a_row_that_both_can_read_there_is_one_line(run, note_table):
    table = note_table("others", n_notes=3)
    for path in table.audio_root.iterdir():
        path.write_bytes(b"no sound")
    with pytest.raises(AudioReadError, match=r"None of 3 is\. A cannot read n000: .*note000\.wav"):
        compare_runs(run.folder.root, "pretrained", metadata_path=table.path, audio_root=table.audio_root)


def test_no_comparison_is_lost(run, note_table, tmp_path):
    table = note_table("others", n_notes=6)
    rows = {"metadata_path": table.path, "audio_root": table.audio_root, "output_dir": tmp_path}
    (tmp_path / "changed_events.csv").write_text("corrected by ear")
    with pytest.raises(RunError, match=r"It holds changed_events\.csv\. Choose another --output-dir"):
        compare_runs(run.folder.root, "pretrained", **rows)
    assert (tmp_path / "changed_events.csv").read_text() == "corrected by ear"


@pytest.mark.parametrize(("against", "error"), [("nothing.here", RunError), ("pretrained", EventTableError)])
def test_what_is_missing_is_told_before_the_work(run, tmp_path, against, error):
    (tmp_path / "table.csv").write_text("note_id,audio_path\nn,n.wav\n")
    with pytest.raises(error, match=r"nothing\.here|onset_sec"):
        compare_runs(run.folder.root, against, metadata_path=tmp_path / "table.csv")


def test_the_command_prints_both_and_writes_only_where_it_is_told(run, note_table, tmp_path):
    table = note_table("others", n_notes=6)
    args = ["eval", run.folder.root, "--against", "pretrained", "--metadata-path", table.path]
    args += ["--audio-root", table.audio_root]
    before = sorted(run.folder.root.rglob("*"))
    done = CliRunner().invoke(main, list(map(str, args)))
    assert done.exit_code == 0, done.output
    assert "B: pretrained, the reference" in done.output
    assert "exact McNemar test" in done.output
    assert "Not written: --output-dir FOLDER keeps" in done.output
    assert sorted(run.folder.root.rglob("*")) == before
    done = CliRunner().invoke(main, [*map(str, args), "--output-dir", str(tmp_path / "kept")])
    assert f"Written: {tmp_path / 'kept' / 'comparison_events.json'}\n" in done.output
    done = CliRunner().invoke(main, [*map(str, args), "--in-context"])
    assert done.exit_code == 2
    assert "--in-context goes without --against." in done.output
