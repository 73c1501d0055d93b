"""The commands as a user types them: what they print, write and exit with."""

import io
import json
import subprocess
import sys

import pandas as pd
import pytest
from click.testing import CliRunner
from small import SMALL_NET

from guitarclf import __version__
from guitarclf.cli import COMMANDS, main
from guitarclf.experiment.demo import demo_config

SETTINGS = [part for path, value in SMALL_NET.items() for part in ("--set", f"{path}={json.dumps(value)}")]


def call(*args, code=0):
    """Run a command and return click's result, having checked its exit code."""
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


@pytest.fixture(scope="module")
def run_dir(small_table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "run"
    data = ["--metadata-path", small_table.path, "--audio-root", small_table.audio_root]
    result = call("train", *data, "--output-dir", folder, *SETTINGS)
    assert f"guitarclf eval {folder} --split test" in result.stdout
    assert "epoch   3/3" in result.stderr
    return folder


def test_help_lists_every_command():
    output = call("--help").output
    assert all(name in output for name in COMMANDS)
    assert __version__ in call("--version").output


@pytest.mark.parametrize("name", list(COMMANDS))
def test_each_command_has_help(name):
    assert call(name, "--help").output.startswith("Usage:")


def test_unknown_command_is_a_usage_error():
    assert "No such command 'tarin'" in call("tarin", code=2).output


def test_unknown_key_is_one_line(tmp_path):
    result = call("train", "--set", "net.learning_rate=1", code=1)
    assert result.stderr == "Error: the configuration: unknown key `net.learning_rate`. Here it is `net.lr`.\n"


def test_bad_table_names_line_column_and_value(note_table, tmp_path):
    table = note_table()
    rows = pd.read_csv(table.path, dtype=str)
    rows.loc[3, "label_category"] = "slap"
    rows.to_csv(table.path, index=False)
    result = call("train", "--metadata-path", table.path, "--output-dir", tmp_path / "run", code=1)
    assert f"{table.path}, line 5: `label_category` must be one of" in result.stderr
    assert "Got 'slap'" in result.stderr
    assert not (tmp_path / "run").exists()


def test_eval_prints_and_writes_the_scores(run_dir):
    result = call("eval", "--run-dir", run_dir)
    for part in ("val:", "macro-F1", "precision", "true / called", "By note length alone"):
        assert part in result.stdout
    assert json.loads((run_dir / "metrics_val.json").read_text())["n_events"] > 0


def test_eval_of_a_folder_that_is_no_run(tmp_path):
    assert "must be a run folder or a model bundle" in call("eval", "--run-dir", tmp_path, code=1).stderr


def test_predict_writes_csv_in_the_order_given(run_dir, small_table):
    paths = small_table.events["audio_path"].tolist()[4:1:-1]
    table = pd.read_csv(io.StringIO(call("predict", "--model", run_dir, *paths).stdout))
    assert list(table.columns)[:4] == ["note_id", "audio_path", "onset_sec", "label"]
    assert table["audio_path"].tolist() == paths


def test_predict_a_table_as_json_into_a_file(run_dir, small_table, tmp_path):
    output = tmp_path / "predictions.json"
    data = ["--metadata-path", small_table.path, "--audio-root", small_table.audio_root]
    call("predict", "--model", run_dir / "model", *data, "--format", "json", "--output", output)
    rows = json.loads(output.read_text())
    assert [row["note_id"] for row in rows] == small_table.events["note_id"].tolist()
    assert rows[0]["audio_path"] == "note000.wav"
    assert sum(rows[0][f"p_{label}"] for label in ("harmonic", "dead_note", "general_note")) == pytest.approx(
        1, abs=1e-5
    )


def test_predict_keeps_the_row_of_an_unreadable_file_and_exits_with_1(run_dir, small_table, tmp_path):
    good, absent = small_table.events["audio_path"].iloc[0], tmp_path / "absent.wav"
    result = call("predict", "--model", run_dir, good, absent, code=1)
    table = pd.read_csv(io.StringIO(result.stdout))
    assert table["error"].notna().tolist() == [False, True]
    assert "1 of 2 events could not be read" in result.stderr


def test_predict_says_that_a_long_file_is_heard_in_part(run_dir, write_wav, make_tone):
    path = write_wav(make_tone(440.0, 3.0))
    assert "is 3.00 s long: its first 1.00 s are classified" in call("predict", "--model", run_dir, path).stderr


def test_predict_needs_one_kind_of_input(run_dir):
    assert "Give either PATHs or --metadata-path" in call("predict", "--model", run_dir, code=2).stderr


def test_search_prints_the_candidates(small_table, tmp_path):
    data = ["--metadata-path", small_table.path, "--audio-root", small_table.audio_root]
    params = ["--set", "search.params={net.lr: [1e-3, 1e-2]}", "--set", "net.max_epochs=1"]
    result = call("search", *data, "--output-dir", tmp_path / "s", *SETTINGS, *params, "--n-jobs", 1)
    assert "mean_f1_macro" in result.stdout
    assert f"Best run: {tmp_path / 's' / 'best'}" in result.stdout


def test_inspect_draws_and_prints(run_dir, small_table, tmp_path):
    path = small_table.events["audio_path"].iloc[0]
    result = call("inspect", path, "--model", run_dir, "--output", tmp_path / "note.png")
    assert "general_note" in result.stdout
    assert (tmp_path / "note.png").stat().st_size > 5000


def test_inspect_needs_a_path_or_a_note(small_table):
    result = call("inspect", "--metadata-path", small_table.path, code=2)
    assert "Give either a PATH, or --metadata-path and --note-id" in result.stderr


def test_validate_exits_with_1_on_problems(note_table):
    table = note_table()
    good = call("validate", "--metadata-path", table.path, "--audio-root", table.audio_root)
    assert "No problems." in good.stdout
    (table.audio_root / "note000.wav").unlink()
    bad = call("validate", "--metadata-path", table.path, "--audio-root", table.audio_root, code=1)
    assert "problem:" in bad.stdout
    assert "1 problems" in bad.stderr


def test_quiet_shows_only_results(small_table, tmp_path):
    data = ["--metadata-path", small_table.path, "--audio-root", small_table.audio_root]
    result = call("--quiet", "train", *data, "--output-dir", tmp_path / "run", *SETTINGS)
    assert "epoch" not in result.stderr


def test_module_is_the_command_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "guitarclf", "--version"], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout == f"guitarclf, version {__version__}\n"


def test_demo_needs_enough_events(tmp_path):
    assert "at least 60 events" in call("demo", "--output-dir", tmp_path / "d", "--events", 5, code=1).stderr


def test_demo_does_not_replace_what_is_no_demo(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert "replaces an earlier demo and nothing else" in call("demo", "--output-dir", tmp_path, code=1).stderr
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.slow
def test_demo_learns_and_a_second_one_replaces_it(tmp_path, monkeypatch):
    def brief(output_dir, seed):
        from guitarclf.config.files import with_values

        return with_values(demo_config(output_dir, seed), SMALL_NET | {"net.max_epochs": 4}, source="test")

    monkeypatch.setattr("guitarclf.experiment.demo.demo_config", brief)
    for _ in range(2):
        result = call("demo", "--output-dir", tmp_path / "demo", "--events", 80)
    for part in (
        "Modelled guitars the model has not heard",
        "By note length alone",
        "truth",
        "learning_curves.png",
        "timeline.html",
    ):
        assert part in result.stdout
    assert 'id="recording"' in (tmp_path / "demo" / "timeline.html").read_text(encoding="utf-8")
    assert len(pd.read_csv(tmp_path / "demo" / "splits.csv")) == 80


def test_predict_a_foreign_table_through_the_models_mapping(note_table, tmp_path):
    table = note_table()
    rows = pd.read_csv(table.path, dtype=str).rename(columns={"audio_path": "source_audio", "note_id": "name"})
    rows.drop(columns="label_category").to_csv(table.path, index=False)
    data = ["--metadata-path", table.path, "--audio-root", table.audio_root]
    mapping = "data.columns={note_id: name, audio_path: source_audio, label_category: expression_style}"
    labels = 'data.labels={HA: harmonic, DN: dead_note, "*": general_note}'
    call("train", *data, "--output-dir", tmp_path / "run", *SETTINGS, "--set", mapping, "--set", labels)
    result = call("predict", "--model", tmp_path / "run", *data)
    assert pd.read_csv(io.StringIO(result.stdout))["note_id"].tolist() == rows["name"].tolist()


def test_predict_needs_no_labels_and_minds_no_foreign_ones(run_dir, note_table):
    table = note_table()
    rows = pd.read_csv(table.path, dtype=str).assign(label_category="slide")
    rows.to_csv(table.path, index=False)
    call("predict", "--model", run_dir, "--metadata-path", table.path, "--audio-root", table.audio_root)


@pytest.mark.parametrize("output", ["no_folder/x.png", "x.txt"])
def test_an_output_that_cannot_be_written_is_refused_first(small_table, output, tmp_path):
    path = small_table.events["audio_path"].iloc[0]
    assert "--output must" in call("inspect", path, "--output", tmp_path / output, code=1).stderr


def test_inspect_wants_a_file(small_table):
    assert "not a folder" in call("inspect", small_table.audio_root, code=2).stderr


def test_an_empty_folder_keeps_a_row_with_the_reason(run_dir, tmp_path):
    assert "folder without recordings (.wav, " in call("predict", "--model", run_dir, tmp_path, code=1).stdout


def test_a_demo_with_a_bad_seed_leaves_the_last_one_alone(tmp_path):
    (tmp_path / "demo.json").write_text(json.dumps({"made_by": "guitarclf demo"}))
    call("demo", "--output-dir", tmp_path, "--seed", 99999999999, code=2)
    assert (tmp_path / "demo.json").exists()


def test_crossval_prints_tracks_baselines_and_splits(small_table, tmp_path):
    data = [
        "--metadata-path",
        small_table.path,
        "--audio-root",
        small_table.audio_root,
        "--output-dir",
        tmp_path / "cv",
    ]
    fast = [*SETTINGS, "--set", "net.max_epochs=1", "--set", "crossval.n_splits=2"]
    result = call("crossval", *data, *fast, "--compare-splits")
    for part in ("track0", "SVM on MFCC", "false alarm", "random rows", "by track", "crossval.txt"):
        assert part in result.stdout
    assert "not both" in call("crossval", *data, "--folds", "a", "--leave-one-out", "b", code=2).stderr


def test_predict_under_other_shares_and_with_a_floor_of_confidence(run_dir, small_table):
    paths = small_table.events["audio_path"].tolist()
    columns = ["p_harmonic", "p_dead_note", "p_general_note"]
    plain = pd.read_csv(io.StringIO(call("predict", "--model", run_dir, *paths).stdout))
    rare = pd.read_csv(io.StringIO(call("predict", "--model", run_dir, *paths, "--priors", "harmonic=0.001").stdout))
    assert (rare["p_harmonic"] < plain["p_harmonic"]).all()
    auto = call("predict", "--model", run_dir, *paths, "--priors", "auto", "--min-confidence", "1")
    assert "Estimated priors: harmonic=" in auto.stderr
    table = pd.read_csv(io.StringIO(auto.stdout))
    assert set(table["label"]) == {"unknown"}
    assert table[columns].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)
    assert "--priors must look like" in call("predict", "--model", run_dir, paths[0], "--priors", "x", code=2).stderr
    wrong = call("predict", "--model", run_dir, paths[0], "--priors", "harmonic=2", code=1)
    assert "`priors` must give shares of harmonic" in wrong.stderr
