"""What a run depends on besides its config: versions, the machine, the data."""

import os
import platform
from dataclasses import replace
from importlib import metadata

import torch

import guitarclf
from guitarclf.config import Config

PACKAGES = ("torch", "skorch", "scikit-learn", "librosa", "numpy", "pandas", "soundfile", "soxr", "onnxruntime")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages a model depends on."""
    ours = {"python": platform.python_version(), "guitarclf": guitarclf.__version__}
    return ours | {name: metadata.version(name) for name in PACKAGES}


def threads_of(config: Config, *, otherwise: int | None = None) -> int:
    """Return the threads of torch in which each fit of a run computes: those of the config, or ``otherwise``.

    None stands for torch's own number.
    """
    return config.training.threads or otherwise or torch.get_num_threads()


def with_threads(config: Config, threads: int) -> Config:
    """Return a config whose fits compute in so many threads."""
    return replace(config, training=replace(config.training, threads=threads))


def describe_environment(seed: int, digest: dict[str, str | None], threads: int) -> dict:
    """Return versions, machine, threads of a fit, seed and the digest of the data, for environment.json."""
    return {
        "versions": versions(),
        "machine": {
            "platform": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "torch_threads": threads,
            "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
        "seed": seed,
        "data": digest,
    }
