"""A Bundle is found, reads each of its files once, and uses what it has checked; no file runs code."""

import ast
import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from make import tone
from payload import Payload

from guitarclf.bundle.check import FORMAT_VERSION, FORMAT_VERSIONS
from guitarclf.bundle.engines import OnnxModel
from guitarclf.bundle.folder import PRETRAINED, Bundle, find_bundle, seal
from guitarclf.bundle.pipelines import add_onnx, load_pipeline, pipeline_of
from guitarclf.config.files import load_config
from guitarclf.errors import ConfigError, RunError
from guitarclf.labels import LABELS
from guitarclf.pipeline import predict_by_label
from guitarclf.training.checkpoint import read_state

BUNDLES = Path(__file__).parent.parent / "fixtures" / "bundles"


@pytest.mark.parametrize("version", FORMAT_VERSIONS)
def test_a_committed_bundle_of_every_format_says_what_it_said(version):
    folder = BUNDLES / f"v{version}"
    assert Bundle.open(folder).description["format_version"] == version
    expected = json.loads((folder / "expected.json").read_text())
    for path in (folder, folder / "model"):
        pipeline = load_pipeline(path)
        np.testing.assert_allclose(predict_by_label(pipeline, [tone()])[0], expected["probabilities"], atol=1e-5)
        confidence = pipeline["net"].predict_confidence(pipeline[:-1].transform([tone()]))
        # Before format 3 it was the highest probability at equal shares, as these were trained.
        assert confidence == pytest.approx(expected.get("confidence", max(expected["probabilities"])), abs=1e-5)
        assert pipeline["net"].unknown_below == expected.get("unknown_below", 0)


@pytest.mark.parametrize("version", FORMAT_VERSIONS)
def test_a_bundle_of_every_format_is_given_a_model_for_onnx(version, tmp_path):
    shutil.copytree(BUNDLES / f"v{version}" / "model", tmp_path / "model")
    bundle = Bundle.open(tmp_path)
    add_onnx(bundle, pipeline_of(bundle))
    model, expected = OnnxModel(tmp_path), json.loads((BUNDLES / f"v{version}" / "expected.json").read_text())
    np.testing.assert_allclose(model.predict_proba([tone()])[0], expected["probabilities"], atol=1e-4)
    by_torch = predict_by_label(load_pipeline(tmp_path), [tone()])[0]
    np.testing.assert_allclose(by_torch, expected["probabilities"], atol=1e-5)
    assert model.unknown_below == expected.get("unknown_below", 0)


def test_what_is_written_today_is_the_newest_format(bundle):
    description = json.loads((bundle / "model.json").read_text())
    assert sorted(description["files"]) == ["config.yaml", "weights.safetensors"]
    assert description["format_version"] == FORMAT_VERSION == max(FORMAT_VERSIONS)


@pytest.mark.parametrize("name", ["config.yaml", "weights.safetensors"])
def test_one_tampered_byte_is_found(bundle, name):
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(RunError, match=rf"{name} must be as it was written: its SHA-256 must be [0-9a-f]{{64}}"):
        load_pipeline(bundle)


@pytest.mark.parametrize("name", ["config.yaml", "weights.safetensors"])
def test_a_missing_file_is_named(bundle, name):
    (bundle / name).unlink()
    with pytest.raises(RunError, match=rf"{name} must be a file of the bundle\. There is no such file"):
        load_pipeline(bundle)


def test_a_payload_in_any_file_of_a_bundle_does_not_run(bundle, marker):
    yaml_payload = f"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{marker}']]"
    payloads = [pickle.dumps(Payload(marker)), yaml_payload.encode(), f"seed: {yaml_payload}".encode()]
    for name in ("model.json", "config.yaml", "weights.safetensors"):
        good, description = (bundle / name).read_bytes(), Bundle.open(bundle).description
        for payload in payloads:
            (bundle / name).write_bytes(payload)
            if name != "model.json":
                seal(bundle, description)
            with pytest.raises((RunError, ConfigError), match="must"):
                load_pipeline(bundle)
        (bundle / name).write_bytes(good)
        seal(bundle, description)
    assert not marker.exists()


def test_a_payload_in_a_checkpoint_a_config_or_a_state_does_not_run(tmp_path, marker):
    torch.save({"version": 1, "epoch": Payload(marker)}, tmp_path / "resume.pt")
    with pytest.raises(RunError, match=r"must hold the state of an unfinished run\. UnpicklingError"):
        read_state(tmp_path / "resume.pt")
    (tmp_path / "c.yaml").write_text(f"seed: !!python/object/apply:pathlib.Path.touch [{marker}]")
    with pytest.raises(ConfigError, match="tags such as"):
        load_config(tmp_path / "c.yaml")
    assert not marker.exists()


COUNT_OPENS = """
import sys
counts = {}
def count(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(FOLDER):
        name = arguments[0].removeprefix(FOLDER + "/")
        counts[name] = counts.get(name, 0) + 1
sys.addaudithook(count)
from guitarclf.cli import main
for arguments in COMMANDS:
    counts.clear()
    main(arguments, standalone_mode=False)
    print("opened", sorted(counts.items()), file=sys.stderr)
"""


def files_opened(folder, *commands) -> list[dict[str, int]]:
    """Return how often each file of a folder is opened by each of some commands, run in a process of their own."""
    commands = [list(map(str, command)) for command in commands]
    script = f"FOLDER = {str(folder)!r}\nCOMMANDS = {commands!r}\n{COUNT_OPENS}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("opened ")]
    return [dict(ast.literal_eval(line.removeprefix("opened "))) for line in lines]


@pytest.mark.slow
def test_a_command_opens_each_file_of_a_bundle_once_and_no_more_than_it_needs(small_bundle, small_table, tmp_path):
    folder = shutil.copytree(small_bundle, tmp_path / "run" / "model")
    table = ("--metadata-path", small_table.path, "--audio-root", small_table.audio_root)
    opened = files_opened(
        folder,
        ("inspect", *table, "--note-id", "n004", "--model", tmp_path / "run", "--output", tmp_path / "note.png"),
        ("predict", *table, "--model", tmp_path / "run"),
        ("predict", *table, "--model", tmp_path / "run", "--engine", "torch"),
        ("eval", *table, "--run-dir", tmp_path / "run"),
        ("export", tmp_path / "run", "--output", tmp_path / "run.onnx"),
    )
    on_onnx = {"config.yaml": 1, "model.json": 1, "model.onnx": 1}
    on_torch = {"config.yaml": 1, "model.json": 1, "weights.safetensors": 1}
    assert opened == [on_onnx, on_onnx, on_torch, on_torch, on_torch]


def test_what_was_checked_is_what_is_used(bundle):
    opened = Bundle.open(bundle)
    config, weights, shape = opened.config, opened.weights(), opened.input_shape
    for path in bundle.iterdir():
        path.write_bytes(b"something else")
    assert opened.config is config
    assert opened.input_shape == shape == (1, 8, 16)
    assert opened.labels == list(LABELS)
    again = opened.weights()
    assert again.keys() == weights.keys()
    assert all(torch.equal(again[name], weights[name]) for name in weights)


def test_a_file_that_changed_after_the_bundle_was_opened_is_refused(bundle):
    opened = Bundle.open(bundle)
    (bundle / "config.yaml").write_text((bundle / "config.yaml").read_text() + "\n")
    with pytest.raises(RunError, match=r"config\.yaml must be as it was written"):
        _ = opened.config


@pytest.mark.parametrize("given", ["run", "run/model", "run/best_model.pt"])
def test_a_bundle_is_found_in_its_run_by_itself_and_beside_a_file_of_the_run(bundle, tmp_path, given):
    shutil.copytree(bundle, tmp_path / "run" / "model")
    (tmp_path / "run" / "best_model.pt").touch()
    assert Bundle.open(tmp_path / given).path == tmp_path / "run" / "model"
    assert Bundle.open("pretrained").path == PRETRAINED


def test_a_pickle_is_no_bundle_even_with_one_beside_it(bundle):
    (bundle.parent / "pipeline.joblib").touch()
    with pytest.raises(RunError, match=r"pipeline\.joblib is a pickle.* Name its run folder"):
        Bundle.open(bundle.parent / "pipeline.joblib")
    assert find_bundle(bundle.parent / "pipeline.joblib") == bundle
    assert find_bundle(bundle.parent / "nothing") is None
