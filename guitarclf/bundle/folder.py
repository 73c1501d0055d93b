"""Where a model's bundle lies and what is in it; read without torch."""

from pathlib import Path

import guitarclf
from guitarclf.errors import RunError

BUNDLE_FILES = ("config.yaml", "model.json", "weights.safetensors")
ONNX_FILE = "model.onnx"  # beside them: the net from log-mel to probabilities; older bundles lack it
PRETRAINED = Path(guitarclf.__file__).parent / "pretrained"  # the model that ships; its name is "pretrained"
PICKLES = (".joblib", ".pkl", ".pickle")


def bundle_folder(path) -> Path:
    """Return the bundle of a run folder, the bundle itself, or the one that ships for "pretrained"."""
    shipped = (PRETRAINED,) if str(path) == PRETRAINED.name else ()
    beside = (Path(path).parent / "model",) if Path(path).is_file() else ()  # of a pipeline.joblib
    for folder in (Path(path) / "model", Path(path), *beside, *shipped):
        if (folder / "model.json").is_file():
            return folder
    raise RunError(
        f"{path} must be a run folder or a model bundle. It holds no model.json. "
        "Train one with `guitarclf train`, or check --model or --run-dir."
    )


def model_files(path) -> list[Path]:
    """Return the files that a model is: those of its bundle, or the pickle; texts for people (.md) are not."""
    if Path(path).suffix.lower() in PICKLES:
        return [Path(path)]
    return parts_of(bundle_folder(path))


def parts_of(folder) -> list[Path]:
    """Return the files of a bundle, by name, without hidden ones and texts for people (.md)."""
    files = (item for item in Path(folder).iterdir() if item.is_file())
    return sorted(item for item in files if item.name[0] != "." and item.suffix != ".md")
