from .audio.recordings import load_segment
from .bundle.engines import OnnxModel
from .bundle.pipelines import load_pipeline
from .config import Config
from .config.files import load_config
from .data.events import read_events
from .data.splits import assign_splits
from .dataset import NoteEventDataset
from .evaluation.metrics import evaluate
from .evaluation.scorers import scorer
from .experiment.annotate import annotate, iter_events
from .experiment.inspect import inspect
from .features.logmel import LogMelSpectrogram
from .features.window import EventWindow
from .labels import LABELS
from .models.crnn import CRNN
from .pipeline import build_pipeline, predict_by_label
from .training.net import NoteEventClassifier

__version__: str
__all__ = [
    "CRNN",
    "LABELS",
    "Config",
    "EventWindow",
    "LogMelSpectrogram",
    "NoteEventClassifier",
    "NoteEventDataset",
    "OnnxModel",
    "__version__",
    "annotate",
    "assign_splits",
    "build_pipeline",
    "evaluate",
    "inspect",
    "iter_events",
    "load_config",
    "load_pipeline",
    "load_segment",
    "predict_by_label",
    "read_events",
    "scorer",
]
