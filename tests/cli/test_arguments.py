"""What commands are about: a model, a table, a configuration; named in the place or by the flag that people try."""

import io
import json
import shutil

import onnxruntime
import pandas as pd
import pytest
from click.testing import CliRunner
from small import SMALL_NET

from guitarclf.cli import main
from guitarclf.config import Config
from guitarclf.config.files import load_config


def call(*args, code=0):
    """Run a command and return click's result, having checked its exit code."""
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def beside(small_table, tmp_path_factory):
    """The small table in the folder of its audio."""
    folder = tmp_path_factory.mktemp("beside") / "notes"
    shutil.copytree(small_table.audio_root, folder)
    shutil.copy(small_table.path, folder / "table.csv")
    return folder / "table.csv"


@pytest.mark.parametrize("named", [["{}"], ["--model", "{}"], ["--run-dir", "{}"]], ids=" ".join)
def test_a_command_about_a_model_takes_it_in_each_way(run, named, tmp_path):
    for model in (run.folder.root, run.folder.bundle):
        name = [part.format(model) for part in named]
        output = tmp_path / f"{model.name}.onnx"
        assert str(output) in call("export", *name, "--output", output).stdout
        assert output.is_file()
    scores = call("eval", *[part.format(run.folder.root) for part in named], "--split", "test").stdout
    assert scores.startswith("test: 5 events")


@pytest.mark.parametrize("flag", ["--model", "--run-dir"])
def test_a_command_about_files_takes_the_model_by_flag(run, small_table, tmp_path, flag):
    path = small_table.events["audio_path"].iloc[0]
    predicted = pd.read_csv(io.StringIO(call("predict", path, flag, run.folder.root).stdout))
    drawn = call("inspect", path, flag, run.folder.root, "--output", tmp_path / "n.png").stdout
    assert f"harmonic      {predicted['p_harmonic'][0]:.4f}" in drawn


def test_inspect_asks_the_model_that_predict_asks(small_table, tmp_path):
    for path in small_table.events["audio_path"].iloc[:2]:
        predicted = pd.read_csv(io.StringIO(call("predict", path).stdout)).iloc[0]
        drawn = call("inspect", path, "--output", tmp_path / "n.png").stdout
        for label in ("harmonic", "dead_note", "general_note"):
            assert f"{label:14}{predicted[f'p_{label}']:.4f}\n" in drawn


@pytest.mark.parametrize("command", ["eval", "export", "validate"])
def test_what_a_command_is_about_is_given_once(command):
    what, flag = ("TABLE", "--metadata-path") if command == "validate" else ("MODEL", "--model")
    assert f"Missing argument '{what}'." in call(command, code=2).stderr
    assert f"Give {what} or {flag}, not both." in call(command, "a", flag, "b", code=2).stderr


@pytest.mark.parametrize("named", [["{}"], ["--metadata-path", "{}"]], ids=" ".join)
def test_validate_takes_a_table_whose_audio_is_beside_it(beside, named):
    result = call("validate", *[part.format(beside) for part in named])
    assert "30 events in 30 files, 6 tracks" in result.stdout
    assert "No problems." in result.stdout


def test_a_configuration_names_table_and_folder(beside, small_table, run, tmp_path):
    (tmp_path / "c.yaml").write_text(f"data: {{metadata_path: {small_table.path}, audio_root: {beside.parent}}}\n")
    config = ["--config", tmp_path / "c.yaml"]
    expected = call("predict", "--metadata-path", beside).stdout
    assert call("predict", *config).stdout == expected
    assert "30 events in 30 files" in call("validate", *config).stdout
    assert "events: 30 events" in call("eval", run.folder.root, *config, "--metadata-path", small_table.path).stdout
    assert "--config goes with --metadata-path" in call("eval", run.folder.root, *config, code=2).stderr
    wrong = call("validate", *config, "--audio-root", tmp_path / "x", code=1)
    assert "30 problems" in wrong.stderr
    (tmp_path / "empty.yaml").write_text("")
    assert "Give either PATHs or --metadata-path" in call("predict", "--config", tmp_path / "empty.yaml", code=2).stderr


def test_a_configuration_maps_a_table_that_is_not_the_models(beside, tmp_path):
    theirs = {"note_id": "name", "audio_path": "file", "onset_sec": "start", "offset_sec": "end"}
    rows = pd.read_csv(beside, dtype=str)[list(theirs)].rename(columns=theirs)
    rows.to_csv(beside.parent / "theirs.csv", index=False)
    (tmp_path / "map.json").write_text(json.dumps({"data": {"columns": theirs}}))
    arguments = ["--metadata-path", beside.parent / "theirs.csv", "--config", tmp_path / "map.json"]
    table = pd.read_csv(io.StringIO(call("predict", *arguments).stdout))
    expected = pd.read_csv(io.StringIO(call("predict", "--metadata-path", beside).stdout))
    pd.testing.assert_frame_equal(table, expected)
    png = tmp_path / "n.png"
    drawn = call("inspect", *arguments, "--note-id", "n003", "--output", png).stdout
    assert f"harmonic      {expected['p_harmonic'][3]:.4f}" in drawn
    assert "Missing: note_id" in call("predict", *arguments[:2], code=1).stderr


@pytest.mark.parametrize("n_absent", [0, 2, 3])
def test_predict_says_what_it_wrote(small_table, tmp_path, n_absent):
    paths = [*small_table.events["audio_path"].iloc[: 3 - n_absent], *(f"absent{n}.wav" for n in range(n_absent))]
    output = tmp_path / "x.csv"
    told = call("predict", *paths, "--output", output, "--min-confidence", 0, code=int(n_absent > 0)).stderr
    labels = pd.read_csv(output)["label"].value_counts()
    parts = [f"{labels[label]} {label}" for label in ("harmonic", "dead_note", "general_note") if label in labels]
    parts += [f"{n_absent} unreadable"] if n_absent else []
    assert f"{output}: 3 rows: {', '.join(parts)}\n" in told
    unsure = call("predict", *paths, "--output", tmp_path / "y.csv", "--min-confidence", 1, code=int(n_absent > 0))
    assert (n_absent == 3) or f"{3 - n_absent} unknown" in unsure.stderr


@pytest.mark.parametrize("command", ["predict", "inspect"])
def test_a_path_that_is_not_there_is_not_blamed_on_a_table(command, tmp_path):
    result = call(command, tmp_path / "nope.wav", code=1)
    assert "nope.wav must be an audio file. There is no such file. Check the path." in result.output
    assert "audio_path`" not in result.output


def test_recordings_that_a_table_misses_are_blamed_on_its_folder(beside, tmp_path):
    for command in (["predict", "--metadata-path"], ["validate"]):
        result = call(*command, beside, "--audio-root", tmp_path, code=1)
        assert f"(30 missing). It lies beside the table: pass --audio-root {beside.parent}." in result.output


@pytest.mark.parametrize("source", ["pretrained", "run"])
@pytest.mark.parametrize("given", [None, "CC0-1.0"])
def test_an_exported_file_has_a_version_and_a_licence(run, tmp_path, source, given):
    model = source if source == "pretrained" else run.folder.root
    call("export", model, "--output", tmp_path / "m.onnx", *(["--license", given] if given else []))
    facts = onnxruntime.InferenceSession(tmp_path / "m.onnx").get_modelmeta()
    inherited = "CC-BY-SA-3.0" if source == "pretrained" else "NOASSERTION"
    assert json.loads(facts.custom_metadata_map["license"]) == (given or inherited)
    assert facts.version == 2


def test_train_finds_audio_beside_the_table_and_says_at_once_what_it_does(beside, tmp_path):
    changes = {**SMALL_NET, "net.max_epochs": 1}
    settings = [part for key, value in changes.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    result = call("train", "--metadata-path", beside, "--output-dir", tmp_path / "run", *settings)
    first, *rest = result.stderr.splitlines()
    assert first == f"training on {beside}: loading torch and scikit-learn, which takes seconds"
    assert any("30 notes are few to train fresh weights on. --init-from pretrained is likely" in line for line in rest)
    kept = load_config(tmp_path / "run" / "config.yaml").data
    assert (kept.metadata_path, kept.audio_root) == (str(beside), str(beside.parent))
    assert Config().data.audio_root is None
