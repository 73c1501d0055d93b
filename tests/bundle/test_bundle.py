"""Bundles of every format load, and one that is not as it was written is refused in a sentence; no file runs code."""

import json
import pickle
import shutil
import struct
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file

from guitarclf.bundle.check import FORMAT_VERSION, FORMAT_VERSIONS, read_description, seal
from guitarclf.bundle.pipelines import load_pipeline
from guitarclf.cli import main
from guitarclf.config.files import load_config
from guitarclf.errors import ConfigError, RunError
from guitarclf.pipeline import predict_by_label
from guitarclf.training.checkpoint import read_state

BUNDLES = Path(__file__).parent.parent / "fixtures" / "bundles"
sys.path.append(str(BUNDLES))
from make import tone  # noqa: E402


@pytest.fixture
def bundle(tmp_path):
    """A copy of the committed bundle of the newest format."""
    shutil.copytree(BUNDLES / f"v{FORMAT_VERSION}" / "model", tmp_path / "model")
    return tmp_path / "model"


def change_weights(bundle, change):
    """Change the weights as name -> array, and seal the bundle, so that the change gets past the checksums."""
    weights = load_file(bundle / "weights.safetensors")
    change(weights)
    save_file(weights, bundle / "weights.safetensors")
    seal(bundle, read_description(bundle))


@pytest.mark.parametrize("version", FORMAT_VERSIONS)
def test_a_committed_bundle_of_every_format_says_what_it_said(version):
    folder = BUNDLES / f"v{version}"
    assert read_description(folder / "model")["format_version"] == version
    expected = json.loads((folder / "expected.json").read_text())["probabilities"]
    for path in (folder, folder / "model"):
        proba = predict_by_label(load_pipeline(path), [tone()])[0]
        np.testing.assert_allclose(proba, expected, atol=1e-5)


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("standardize.mean"), r"Missing: standardize\.mean\."),
        (lambda w: w.update(extra=np.zeros(3)), r"Not expected: extra\."),
        (
            lambda w: w.update({"head.1.bias": np.zeros(7, np.float32)}),
            r"head\.1\.bias is F32 \[7\], expected F32 \[2\]",
        ),
        (
            lambda w: w.update({"head.1.bias": np.zeros(2, np.float64)}),
            r"head\.1\.bias is F64 \[2\], expected F32 \[2\]",
        ),
        (lambda w: w["head.1.bias"].fill(np.nan), r"must hold finite weights\. head\.1\.bias has NaN or infinity"),
        (lambda w: w["standardize.scale"].fill(np.inf), r"must hold finite weights\. standardize\.scale has NaN"),
        (lambda w: [w.pop(name) for name in list(w)[1:]], r"Missing: .* and \d+ more\."),
    ],
)
def test_tensors_that_are_not_the_models_are_refused(bundle, change, message):
    change_weights(bundle, change)
    with pytest.raises(RunError, match=message) as caught:
        load_pipeline(bundle)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "It has 0 bytes and a header of 0"),
        (struct.pack("<Q", 2**62) + b"{}", f"It has 10 bytes and a header of {2**62}"),
        (struct.pack("<Q", 2**21) + bytes(2**21), f"a header of at most 1 MB.* a header of {2**21}"),
        (struct.pack("<Q", 8) + b"no json!", "Its header is none"),
        (struct.pack("<Q", 10000) + b"[" * 10000, "Its header is none"),
        (struct.pack("<Q", 9) + b'{"a": 17}', "Its header is none"),
        (
            struct.pack("<Q", 67) + b'{"a": {"dtype": "F32", "shape": [99999999999], "data_offsets": [0]}}'[:67],
            "must hold weights",
        ),
        (pickle.dumps({"weights": 1}), "must hold weights"),
    ],
)
def test_weights_that_are_none_are_refused(bundle, content, message):
    (bundle / "weights.safetensors").write_bytes(content)
    seal(bundle, read_description(bundle))
    with pytest.raises(RunError, match=message):
        load_pipeline(bundle)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 3}, r"format must be version 1 or 2\. Got 3\. Install the guitarclf version named"),
        ({"format_version": True}, r"format must be version 1 or 2\. Got True"),
        ({"format_version": 1}, r"must have checksums\. It has some in format 1"),
        ({"files": None}, r"a bundle of format 2 must have checksums\. It has none"),
        ({"files": {}}, r"config\.yaml must have a checksum in model\.json"),
        ({"labels": ["harmonic", "dead_note", "slide"]}, r"the labels must be harmonic, dead_note, general_note"),
        (
            {"labels": ["dead_note", "harmonic", "general_note"]},
            r"the labels must be harmonic, dead_note, general_note",
        ),
        ({"labels": "x" * 5000}, r"Got x{100}\.\.\.\. It is another's model"),
        ({"input_shape": [1, 8]}, r"`input_shape` must be three whole numbers\. Got \[1, 8\]"),
        ({"input_shape": [1, 8, 10**9]}, r"`input_shape` must be three whole numbers"),
        (
            {"input_shape": [1, 9, 16]},
            r"`input_shape` must be what config\.yaml gives, \[1, 8, 16\]\. Got \[1, 9, 16\]",
        ),
    ],
)
def test_a_foreign_description_is_refused(bundle, change, message):
    path = bundle / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RunError, match=message) as caught:
        load_pipeline(bundle)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"format_version": 2}', "[" * 100_000, "{" + " " * 2**20 + "}"])
def test_a_description_that_is_none_is_refused(bundle, text):
    (bundle / "model.json").write_text(text)
    with pytest.raises(RunError, match=r"model\.json must (describe a model|have at most 1024 KB)"):
        load_pipeline(bundle)


def test_a_config_that_asks_for_a_huge_net_takes_no_memory(bundle):
    text = (bundle / "config.yaml").read_text()
    huge = text.replace("rnn_hidden_size: 2", "rnn_hidden_size: 4096").replace(
        "rnn_num_layers: 1", "rnn_num_layers: 16"
    )
    assert huge != text
    (bundle / "config.yaml").write_text(huge)
    seal(bundle, read_description(bundle))
    with pytest.raises(RunError, match=r"must hold the weights that config\.yaml describes\. Missing: "):
        load_pipeline(bundle)


class Payload:
    """Pickled, it writes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "code has run"


def test_a_payload_in_any_file_of_a_bundle_does_not_run(bundle, marker):
    yaml_payload = f"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{marker}']]"
    payloads = [pickle.dumps(Payload(marker)), yaml_payload.encode(), f"seed: {yaml_payload}".encode()]
    for name in ("model.json", "config.yaml", "weights.safetensors"):
        good, description = (bundle / name).read_bytes(), read_description(bundle)
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


def call(*args, code):
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == code, result.output
    return result


def test_a_pickle_is_loaded_only_when_asked_for(tmp_path, bundle, marker, write_wav):
    note = write_wav(tone(), sample_rate=8000)
    path = tmp_path / "pipeline.joblib"
    joblib.dump(Payload(marker), path)
    refused = call("predict", "--model", path, note, code=1)
    assert f"{path} is a pickle, which runs code when it is loaded" in refused.stderr
    call("inspect", note, "--model", path, "--output", tmp_path / "note.png", code=1)
    call("eval", "--run-dir", path, code=1)
    assert not marker.exists()
    joblib.dump(load_pipeline(bundle), path)
    answer = call("predict", "--model", path, "--allow-pickle", note, code=0)
    assert answer.stdout == call("predict", "--model", bundle, note, code=0).stdout
    joblib.dump({"no": "pipeline"}, path)
    assert "It holds dict" in call("predict", "--model", path, "--allow-pickle", note, code=1).stderr
