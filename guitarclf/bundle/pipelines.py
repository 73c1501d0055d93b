"""A fitted Pipeline into a bundle or a pickle, and back."""

import io
import logging
from dataclasses import replace
from pathlib import Path

import joblib
import safetensors.torch
import torch
from sklearn.pipeline import Pipeline

from guitarclf.bundle.folder import CONFIG, ONNX_FILE, WEIGHTS, Bundle, is_pickle, license_of, seal
from guitarclf.config import Config
from guitarclf.config.files import write_config
from guitarclf.errors import RunError
from guitarclf.files.whole import whole_folder, write_bytes
from guitarclf.labels import LABELS
from guitarclf.onnx.write import NO_LICENSE, write_net
from guitarclf.pipeline import build_pipeline, without_cache
from guitarclf.runs.environment import versions
from guitarclf.training.device import is_available
from guitarclf.training.net import NoteEventClassifier

logger = logging.getLogger(__name__)


def save_bundle(pipeline: Pipeline, config: Config, folder: str | Path) -> None:
    """Write a fitted pipeline as a bundle, which replaces the one that is there."""
    net = pipeline.named_steps["net"]
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in net.module_.state_dict().items()}
    description = {"labels": list(LABELS), "input_shape": list(net.input_shape_), "versions": versions()}
    with whole_folder(folder) as unfinished:
        write_bytes(unfinished / WEIGHTS, safetensors.torch.save(weights))
        write_config(config, unfinished / CONFIG)
        if config.training.export_onnx:
            try:
                write_net(pipeline, unfinished / ONNX_FILE, license=license_of(config) or NO_LICENSE)
            except RunError as error:  # the model itself is fine
                logger.warning("%s `predict` will use torch.", error)
        seal(unfinished, description)


def add_onnx(bundle: Bundle, pipeline: Pipeline, *, license: str | None = None) -> Path:
    """Write the ``model.onnx`` of a bundle, whose pipeline is given, and return where it lies."""
    write_net(pipeline, bundle.path / ONNX_FILE, license=license or bundle.license or NO_LICENSE)
    seal(bundle.path, bundle.description)
    return bundle.path / ONNX_FILE


def load_pipeline(path: str | Path, *, allow_pickle: bool = False) -> Pipeline:
    """Return the fitted Pipeline of a run folder or a bundle, on whatever device this machine has.

    Parameters
    ----------
    path : str or Path
    allow_pickle : bool
        Whether ``path`` may be a ``pipeline.joblib``, which runs whatever code is in it.

    Raises
    ------
    RunError
        If the folder holds no bundle, or one that is incomplete, damaged or of a foreign format.
    """
    return unpickle(path) if allow_pickle and is_pickle(path) else pipeline_of(Bundle.open(path))


def pipeline_of(bundle: Bundle) -> Pipeline:
    """Return the fitted Pipeline of a bundle; see :func:`load_pipeline`."""
    pipeline = without_cache(build_pipeline(_for_this_machine(bundle.config)))
    net = pipeline.named_steps["net"]
    weights = bundle.weights(expected=_expected_tensors(net, bundle.input_shape))
    net.initialize_for(bundle.input_shape).module_.load_state_dict(weights)
    return pipeline


def unpickle(path: str | Path) -> Pipeline:
    """Return the Pipeline of a ``pipeline.joblib``; this runs whatever code is in it."""
    try:
        pipeline = joblib.load(path)
    except Exception as error:  # whatever the code in it raises
        raise RunError(f"{path} must be a pipeline.joblib. {type(error).__name__}: {error}.") from error
    if not isinstance(pipeline, Pipeline):
        raise RunError(f"{path} must hold a Pipeline. It holds {type(pipeline).__name__}.")
    return pipeline


def save_joblib(pipeline: Pipeline, path: str | Path) -> None:
    """Write a fitted pipeline as a pickle for Python users; loading a pickle runs code."""
    pickled = io.BytesIO()
    joblib.dump(without_cache(pipeline), pickled)
    write_bytes(path, pickled.getvalue())


def _expected_tensors(net: NoteEventClassifier, input_shape: tuple[int, int, int]) -> dict[str, torch.Tensor]:
    """Return the tensors of the module that a net would build, without taking memory for them."""
    net.input_shape_ = input_shape
    try:
        with torch.device("meta"):
            return net.module(**net.get_params_for("module")).state_dict()
    finally:
        del net.input_shape_


def _for_this_machine(config: Config) -> Config:
    """Return a config whose device exists here; a model trained on a GPU runs without one."""
    if is_available(config.net.device):
        return config
    logger.warning("The model was made for %s, which this machine lacks: using what it has.", config.net.device)
    return replace(config, net=replace(config.net, device="auto"))
