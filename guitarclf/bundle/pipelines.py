"""The safe model bundle, and loading a Pipeline back.

A bundle is ``config.yaml``, ``model.json`` (format, labels, input shape, versions, checksums),
``weights.safetensors``, and ``model.onnx`` for predictions without torch. Nothing in it is unpickled, so
loading one runs no code, and ``bundle_check`` checks it before memory is taken. ``pipeline.joblib`` is a
pickle, written for Python users beside it.
"""

import io
import logging
from dataclasses import replace
from pathlib import Path

import joblib
import safetensors.torch
import torch
from safetensors import SafetensorError
from sklearn.pipeline import Pipeline

from guitarclf.bundle.check import read_description, read_file, require_tensors, seal, tensor_table
from guitarclf.bundle.folder import ONNX_FILE, PICKLES, bundle_folder
from guitarclf.config import Config
from guitarclf.config.files import load_config, write_config
from guitarclf.errors import RunError
from guitarclf.files.whole import whole_folder, write_bytes
from guitarclf.labels import LABELS
from guitarclf.onnx.write import write_net
from guitarclf.pipeline import build_pipeline, without_cache
from guitarclf.runs.environment import versions
from guitarclf.training.device import is_available

logger = logging.getLogger(__name__)

SAFETENSORS_NAMES = {torch.float32: "F32", torch.int64: "I64", torch.bool: "BOOL", torch.float64: "F64"}


def save_bundle(pipeline: Pipeline, config: Config, folder) -> None:
    """Write a fitted pipeline as a safe bundle; a bundle that is there is replaced."""
    net = pipeline.named_steps["net"]
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in net.module_.state_dict().items()}
    description = {"labels": list(LABELS), "input_shape": list(net.input_shape_), "versions": versions()}
    with whole_folder(folder) as unfinished:
        write_bytes(unfinished / "weights.safetensors", safetensors.torch.save(weights))
        write_config(config, unfinished / "config.yaml")
        if config.training.export_onnx:
            try:
                write_net(pipeline, unfinished / ONNX_FILE)
            except RunError as error:  # the model itself is fine
                logger.warning("%s `predict` will use torch.", error)
        seal(unfinished, description)


def load_pipeline(path, *, allow_pickle=False) -> Pipeline:
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
    if Path(path).suffix.lower() in PICKLES:
        return _load_pickle(Path(path), allow_pickle)
    folder = bundle_folder(path)
    shape = tuple(read_description(folder)["input_shape"])
    config = load_bundle_config(folder)
    window, logmel = config.window, config.logmel
    n_frames = 1 + round(window.target_duration * window.sample_rate) // logmel.hop_length
    if shape != (1 + len(logmel.extra_channels), logmel.n_mels, n_frames):
        raise RunError(
            f"{folder / 'model.json'}: `input_shape` must be what config.yaml gives, "
            f"{[1 + len(logmel.extra_channels), logmel.n_mels, n_frames]}. Got {list(shape)}. Copy the bundle again."
        )
    pipeline = without_cache(build_pipeline(_for_this_machine(config)))
    net = pipeline.named_steps["net"]
    weights = load_weights(folder, expected=_expected_tensors(net, shape))
    net.initialize_for(shape).module_.load_state_dict(weights)
    return pipeline


def _load_pickle(path: Path, allowed: bool) -> Pipeline:
    if not allowed:
        raise RunError(
            f"A model must be a run folder or a bundle. {path} is a pickle, which runs code when it is loaded. "
            "Name its run folder, or, if you made the file yourself, add --allow-pickle."
        )
    try:
        pipeline = joblib.load(path)
    except Exception as error:  # whatever the code in it raises
        raise RunError(f"{path} must be a pipeline.joblib. {type(error).__name__}: {error}.") from error
    if not isinstance(pipeline, Pipeline):
        raise RunError(f"{path} must hold a Pipeline. It holds {type(pipeline).__name__}.")
    return pipeline


def _expected_tensors(net, input_shape) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return name -> (dtype, shape) of the module that a net would build, without taking memory for it."""
    net.input_shape_ = input_shape
    try:
        with torch.device("meta"):
            module = net.module(**net.get_params_for("module"))
    finally:
        del net.input_shape_
    return {
        name: (SAFETENSORS_NAMES.get(tensor.dtype, str(tensor.dtype)), tuple(tensor.shape))
        for name, tensor in module.state_dict().items()
    }


def load_weights(path, *, expected=None) -> dict:
    """Return the weights of a run's or bundle's model as name -> Tensor, on the CPU.

    ``expected``, name -> (dtype, shape), is compared with the file's header before memory is taken.
    """
    folder = bundle_folder(path)
    weights_path = folder / "weights.safetensors"
    content = read_file(folder, weights_path.name, read_description(folder))
    table = tensor_table(content, weights_path)
    if expected is not None:
        require_tensors(table, expected, weights_path)
    try:
        weights = safetensors.torch.load(content)
    except (SafetensorError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise RunError(f"{weights_path} must hold weights. {reason}. Copy the bundle again.") from error
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise RunError(
                f"{weights_path} must hold finite weights. {name} has NaN or infinity. "
                "Copy the bundle again, or train the model again."
            )
    return weights


def _for_this_machine(config: Config) -> Config:
    """Return a config whose device exists here; a model trained on a GPU runs without one."""
    if is_available(config.net.device):
        return config
    logger.warning("The model was made for %s, which this machine lacks: using what it has.", config.net.device)
    return replace(config, net=replace(config.net, device="auto"))


def load_bundle_config(path) -> Config:
    """Return the Config stored with a run's or bundle's model."""
    folder = bundle_folder(path)
    read_file(folder, "config.yaml", read_description(folder))
    return load_config(folder / "config.yaml")


def save_joblib(pipeline: Pipeline, path) -> None:
    """Write a fitted pipeline as a pickle for Python users; loading a pickle runs code."""
    pickled = io.BytesIO()
    joblib.dump(without_cache(pipeline), pickled)
    write_bytes(path, pickled.getvalue())
