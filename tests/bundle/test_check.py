"""A bundle that is not what it must be is refused in a sentence, before it takes memory."""

import json
import pickle
import struct

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from guitarclf.bundle.folder import Bundle, seal
from guitarclf.bundle.pipelines import load_pipeline
from guitarclf.errors import RunError


def change_weights(bundle, change):
    """Change the weights as name -> array, and seal the bundle, so that the change gets past the checksums."""
    weights = load_file(bundle / "weights.safetensors")
    change(weights)
    save_file(weights, bundle / "weights.safetensors")
    seal(bundle, Bundle.open(bundle).description)


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


def safetensors_file(dtype, shape, content):
    """Return the bytes of a file of one tensor, as its header describes it."""
    header = json.dumps({"a": {"dtype": dtype, "shape": shape, "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + content


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
        (safetensors_file("F32", [99999999999], bytes(4)), "Its header is none"),
        (safetensors_file("F32", [1], bytes(8)), "Its header is none"),
        (safetensors_file("F99", [1], bytes(4)), "Its header is none"),
        (safetensors_file("F8_E4M3", [4], bytes(4)), "Its header is none"),
        (pickle.dumps({"weights": 1}), "must hold weights"),
    ],
)
def test_weights_that_are_none_are_refused(bundle, content, message):
    (bundle / "weights.safetensors").write_bytes(content)
    seal(bundle, Bundle.open(bundle).description)
    with pytest.raises(RunError, match=message):
        load_pipeline(bundle)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 4}, r"format must be version 1 to 3\. Got 4\. Install the guitarclf version named"),
        ({"format_version": True}, r"format must be version 1 to 3\. Got True"),
        ({"format_version": 1}, r"must have checksums\. It has some in format 1"),
        ({"files": None}, r"a bundle from format 2 on must have checksums\. It has none"),
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
    seal(bundle, Bundle.open(bundle).description)
    with pytest.raises(RunError, match=r"must hold the weights that config\.yaml describes\. Missing: "):
        load_pipeline(bundle)
