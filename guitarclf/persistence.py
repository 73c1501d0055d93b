"""The run folder, the safe model bundle inside it, and loading a Pipeline back.

A bundle is ``config.yaml``, ``model.json`` (format, labels, input shape, versions),
``weights.safetensors``, and ``model.onnx`` for predictions without torch. Nothing in it is
unpickled, so loading one runs no code. ``pipeline.joblib`` is a pickle, written for Python users beside it.
"""

import json
import logging
import os
import platform
import shutil
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import joblib
import safetensors.torch
from safetensors import SafetensorError
from sklearn.pipeline import Pipeline

import guitarclf
from guitarclf.bundle import FORMAT_VERSION, ONNX_FILE, bundle_folder, read_description
from guitarclf.config import Config
from guitarclf.config_io import load_config, write_config
from guitarclf.errors import RunError
from guitarclf.export.write import write_net
from guitarclf.labels import LABELS
from guitarclf.pipeline import build_pipeline, without_cache
from guitarclf.training.device import is_available

logger = logging.getLogger(__name__)

PACKAGES = ("guitarclf", "torch", "skorch", "scikit-learn", "librosa", "numpy", "pandas", "soundfile", "soxr")


@dataclass(frozen=True)
class RunFolder:
    """Where each artefact of a run lies."""

    root: Path

    def __post_init__(self):
        object.__setattr__(self, "root", Path(self.root))

    config = property(lambda self: self.root / "config.yaml")
    splits = property(lambda self: self.root / "splits.csv")
    history = property(lambda self: self.root / "history.csv")
    log = property(lambda self: self.root / "run.log")
    environment = property(lambda self: self.root / "environment.json")
    checkpoints = property(lambda self: self.root / "checkpoints")
    best_model = property(lambda self: self.root / "best_model.pt")
    bundle = property(lambda self: self.root / "model")
    joblib = property(lambda self: self.root / "pipeline.joblib")
    figures = property(lambda self: self.root / "figures")
    tensorboard = property(lambda self: self.root / "tensorboard")

    def metrics(self, name: str) -> Path:
        """Return the path of the scores of one split."""
        return self.root / f"metrics_{name}.json"

    def require_free(self, *, beside=()) -> "RunFolder":
        """Refuse a folder that holds anything but the names in ``beside``."""
        taken = self.root.exists() and (
            not self.root.is_dir() or any(item.name not in beside for item in self.root.iterdir())
        )
        if taken:
            raise RunError(
                f"The output folder {self.root} must be new or empty, so that no run destroys another. "
                "It already holds something. Choose another --output-dir, or remove it first."
            )
        return self

    def create(self) -> "RunFolder":
        """Make the folder and the one for figures in it."""
        make_folder(self.figures)
        return self


def make_folder(path: Path) -> None:
    """Make a folder and its parents; RunError if that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"The output folder {path} must be writable. {error.strerror}.") from error


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages a model depends on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = guitarclf.__version__ if name == "guitarclf" else "not installed"
    return found


def write_json(content: dict, path: Path) -> None:
    """Write a dict as indented JSON."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def save_bundle(pipeline: Pipeline, config: Config, folder) -> None:
    """Write a fitted pipeline as a safe bundle; a bundle that is there is replaced."""
    folder = Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    net = pipeline.named_steps["net"]
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in net.module_.state_dict().items()}
    safetensors.torch.save_file(weights, folder / "weights.safetensors")
    write_config(config, folder / "config.yaml")
    description = {
        "format_version": FORMAT_VERSION,
        "labels": list(LABELS),
        "input_shape": list(net.input_shape_),
        "versions": versions(),
    }
    write_json(description, folder / "model.json")
    if config.training.export_onnx:
        try:
            write_net(pipeline, folder / ONNX_FILE)
        except RunError as error:  # the model itself is fine
            logger.warning("%s `predict` will use torch.", error)


def load_pipeline(path) -> Pipeline:
    """Return the fitted Pipeline of a run folder or a bundle, on whatever device this machine has.

    Raises
    ------
    RunError
        If the folder holds no bundle, or one that is incomplete or of a foreign format.
    """
    folder = bundle_folder(path)
    description = read_description(folder / "model.json")
    pipeline = without_cache(build_pipeline(_for_this_machine(load_config(folder / "config.yaml"))))
    net = pipeline.named_steps["net"].initialize_for(description["input_shape"])
    try:
        net.module_.load_state_dict(load_weights(folder))
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise RunError(
            f"{folder / 'weights.safetensors'} must hold the weights that config.yaml describes. {reason}"
        ) from error
    return pipeline


def load_weights(path) -> dict:
    """Return the weights of a run's or bundle's model as name -> Tensor, on the CPU."""
    weights_path = bundle_folder(path) / "weights.safetensors"
    try:
        return safetensors.torch.load_file(weights_path)
    except (OSError, SafetensorError) as error:
        raise RunError(f"{weights_path} must hold weights. {str(error).splitlines()[0]}") from error


def _for_this_machine(config: Config) -> Config:
    """Return a config whose device exists here; a model trained on a GPU runs without one."""
    if is_available(config.net.device):
        return config
    logger.warning("The model was made for %s, which this machine lacks: using what it has.", config.net.device)
    return replace(config, net=replace(config.net, device="auto"))


def load_bundle_config(path) -> Config:
    """Return the Config stored with a run's or bundle's model."""
    return load_config(bundle_folder(path) / "config.yaml")


def discard(run: RunFolder, *, beside=()) -> None:
    """Remove what a run that failed has written, so that the corrected command finds its folder free."""
    for item in run.root.iterdir():
        if item.name not in beside:
            shutil.rmtree(item) if item.is_dir() else item.unlink()
    if not any(run.root.iterdir()):
        run.root.rmdir()


def save_joblib(pipeline: Pipeline, path) -> None:
    """Write a fitted pipeline as a pickle for Python users; loading a pickle runs code."""
    joblib.dump(without_cache(pipeline), path)


def describe_environment(seed: int, digest: dict[str, str]) -> dict:
    """Return versions, machine, seed and the digest of the data, for environment.json."""
    import torch

    return {
        "versions": versions(),
        "machine": {
            "platform": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "torch_threads": torch.get_num_threads(),
            "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
        "seed": seed,
        "data": digest,
    }
