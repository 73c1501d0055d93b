"""Sessions of ONNX Runtime: nothing is reported home, no rows are no reason to end the process."""

import os
import subprocess
import sys

import numpy as np
import pytest

from guitarclf import OnnxModel, load_pipeline
from guitarclf.onnx.session import open_session
from guitarclf.onnx.write import write_net, write_sound_to_probabilities

ASK = """
from guitarclf import OnnxModel
import numpy as np
OnnxModel().predict_proba([np.sin(np.arange(22050, dtype=np.float32))])
"""


def files_after(code, home) -> list:
    """Run Python in a home of its own and return the files that lie there afterwards."""
    names = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    subprocess.run([sys.executable, "-c", code], env=environment | {"HOME": str(home)}, check=True, timeout=120)
    return [path for path in home.rglob("*") if path.is_file()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="where ONNX Runtime keeps its files is known of Linux")
def test_a_model_that_is_asked_leaves_nothing_in_the_home_folder(tmp_path):
    assert files_after(ASK, tmp_path) == []


def test_a_model_of_no_rows_has_no_rows():
    assert OnnxModel().predict_proba([]).shape == (0, 3)


@pytest.mark.parametrize("write", [write_net, write_sound_to_probabilities])
def test_an_exported_file_takes_any_number_of_rows(write, tmp_path):
    write(load_pipeline("pretrained"), tmp_path / "model.onnx")
    session = open_session((tmp_path / "model.onnx").read_bytes())
    (value,) = session.get_inputs()
    inputs = np.random.default_rng(0).standard_normal((3, *value.shape[1:])).astype(np.float32)
    together = session.run(None, {value.name: inputs})
    for rows in (0, 1, 2, 3):
        proba, confidence = session.run(None, {value.name: inputs[:rows]})
        assert (proba.shape, confidence.shape) == ((rows, 3), (rows,))
        np.testing.assert_allclose(proba, together[0][:rows], atol=1e-6)
        np.testing.assert_allclose(confidence, together[1][:rows], atol=1e-6)
