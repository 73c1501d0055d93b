"""What a run depends on besides its config: versions, the machine, the data."""

import os
import platform
from importlib import metadata

import torch

import guitarclf

PACKAGES = ("torch", "skorch", "scikit-learn", "librosa", "numpy", "pandas", "soundfile", "soxr")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages a model depends on."""
    ours = {"python": platform.python_version(), "guitarclf": guitarclf.__version__}
    return ours | {name: metadata.version(name) for name in PACKAGES}


def describe_environment(seed: int, digest: dict[str, str]) -> dict:
    """Return versions, machine, seed and the digest of the data, for environment.json."""
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
