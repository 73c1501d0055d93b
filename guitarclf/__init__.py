"""Classify single guitar note events as harmonic, dead note or general note.

The public names are resolved on first use (PEP 562), so that importing the
package costs milliseconds.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "LABELS": "guitarclf.labels",
    "Config": "guitarclf.config",
    "load_config": "guitarclf.config.files",
    "read_events": "guitarclf.data.events",
    "load_segment": "guitarclf.audio.recordings",
    "assign_splits": "guitarclf.data.splits",
    "EventWindow": "guitarclf.features.window",
    "LogMelSpectrogram": "guitarclf.features.logmel",
    "CRNN": "guitarclf.models.crnn",
    "NoteEventClassifier": "guitarclf.training.net",
    "NoteEventDataset": "guitarclf.dataset",
    "build_pipeline": "guitarclf.pipeline",
    "load_pipeline": "guitarclf.bundle.pipelines",
    "OnnxModel": "guitarclf.bundle.engines",
    "evaluate": "guitarclf.evaluation.metrics",
    "predict_by_label": "guitarclf.pipeline",
    "scorer": "guitarclf.evaluation.scorers",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str):
    """Return a public name from the module it lives in."""
    if name not in _HOMES:
        raise AttributeError(f"module 'guitarclf' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
