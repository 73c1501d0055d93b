"""The configuration: one frozen dataclass per section of the YAML file.

A key is a scikit-learn name with dots for double underscores: ``net.module.rnn_hidden_size`` in a file or in ``--set``
is ``net__module__rnn_hidden_size`` in the pipeline. Each key has its explanation, its unit and its rule. The sections
window, logmel and net are in ``guitarclf.parameters``, because the classes take their defaults from there too.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Literal

from guitarclf.errors import ConfigError, ParameterError
from guitarclf.files.urls import is_url, parent, problem_of
from guitarclf.files.wording import shown
from guitarclf.parameters.label_map import LabelMap
from guitarclf.parameters.rules import Parameters, knob
from guitarclf.parameters.sections import CACHE_GB, DECIBEL_CHANGES, SEED, THREADS, SplitParameters, WatchParameters
from guitarclf.parameters.sections import LogMelParameters as LogMelConfig
from guitarclf.parameters.sections import NetParameters as NetConfig
from guitarclf.parameters.sections import OnsetParameters as OnsetConfig
from guitarclf.parameters.sections import WindowParameters as WindowConfig

Scoring = Literal["f1_macro", "accuracy", "balanced_accuracy", "neg_log_loss", "roc_auc_ovr"]


@dataclass(frozen=True)
class DataConfig(Parameters):
    """Where the notes are and how their table is read."""

    metadata_path: str = knob("data/idmt_guitar_events.csv", "table of note events, CSV or Parquet; a path or URL")
    audio_root: str | None = knob(None, "folder, or URL, that `audio_path` is relative to; null: the table's")
    columns: dict[str, Any] = knob({}, "our column name -> theirs, or a list of theirs to join")
    labels: dict[str, str] = knob({}, 'their label -> ours; "*" stands for every other')
    num_workers: int = knob(4, "threads that read audio, at most the cores there are", low=1, high=256)
    on_bad_audio: Literal["error", "skip"] = knob(
        "error", "what to do about events whose audio cannot be used: stop, or leave them out"
    )
    max_bad_fraction: float = knob(
        0.05, "share of the events that on_bad_audio: skip may leave out; above it, stop", low=0, high=0.9
    )
    allow_outside_root: bool = knob(False, "read files outside audio_root, by absolute paths or ..")
    cache: str | None = knob(
        "auto", "folder of the feature cache; auto: $GUITARCLF_CACHE, or the user's cache folder; null: none"
    )
    cache_gb: float = knob(
        CACHE_GB,
        "size the feature cache is kept below, and that of fetched files too",
        unit="GB",
        above=0,
        high=1e6,
    )

    @property
    def audio_folder(self) -> str:
        """The folder that ``audio_path`` is relative to: ``audio_root``, or the table's."""
        return parent(self.metadata_path) if self.audio_root is None else self.audio_root

    def check(self, prefix: str = "") -> None:
        """Also refuse URLs that are none, or have a password in them, before they are written anywhere."""
        super().check(prefix)
        for name in ("metadata_path", "audio_root"):
            check_url(getattr(self, name), f"{prefix}{name}")


@dataclass(frozen=True)
class TrainingConfig(WatchParameters, SplitParameters):
    """One run: its split, when it stops, what it writes."""

    repeat_table: int = knob(1, "times each training row of the table is seen an epoch", low=1, high=10000)
    without_offsets: float = knob(
        0.0,
        "share of the rows that `train` and `crossval` train on, modelled ones too, that are heard as if nothing told "
        "where they end, so that a model that uses offsets does well without them",
        low=0,
        high=1,
    )
    add_modelled: int = knob(0, "modelled notes added to the training rows", unit="notes", low=0, high=10000000)
    modelled_in_phrases: float = knob(
        0.0,
        "share of the modelled notes that have another note after them, some the tail of one before them; 0: all alone",
        low=0,
        high=1,
    )
    modelled_valid_size: float = knob(0.1, "share of the modelled guitars held out for validation", low=0, high=0.9)
    add_clutter: int = knob(
        0,
        "clips that are no note (noise, voices, handling) added to the training rows, to be unsure of",
        unit="clips",
        low=0,
        high=10_000_000,
    )
    background_path: str | None = knob(
        None,
        "table of recorded clips that are no note: `audio_path`, optionally `family` and `onset_sec`; null: none",
    )
    repeat_background: int = knob(
        2,
        "times each recorded clip or row of the table that is no note is seen an epoch; 0: crossval only scores them",
        low=0,
        high=10000,
    )
    fewest_tracks: int = knob(
        2, "tracks that a table must have for any to be held out; with fewer all rows are trained on", low=2, high=10000
    )
    init_from: str | None = knob(
        None,
        "run or bundle whose weights training starts from; null: fresh weights. With it `train` has other defaults: "
        "settings of that model, and a recipe for few notes (docs/correct.md)",
    )
    freeze_epochs: int = knob(
        0, "first epochs in which, started from a model, only the head is trained", unit="epochs", low=0
    )
    export_onnx: bool = knob(
        True, "also write model/model.onnx, with which `predict` needs no torch; a fraction of a second"
    )
    threads: int = knob(
        THREADS, "threads of torch a fit; 0: torch's own number in train, 1 in search and crossval", low=0, high=1024
    )
    tensorboard: bool = knob(False, "also write TensorBoard events (extra `tensorboard`)")


@dataclass(frozen=True)
class SearchConfig(Parameters):
    """A search over the pipeline's parameters."""

    method: Literal["grid", "random"] = knob("grid", "all combinations, or n_iter random ones")
    n_iter: int = knob(10, "combinations of a random search", low=1, high=1000000)
    n_splits: int = knob(3, "folds by track", low=2, high=1000)
    scoring: Scoring = knob("f1_macro", "what ranks the combinations")
    params: dict[str, list] = knob({}, "config key under window, logmel or net -> list of values")


@dataclass(frozen=True)
class CrossvalConfig(Parameters):
    """Scores on tracks left out in turn."""

    n_splits: int = knob(5, "folds by track, where none are given", low=2)


@dataclass(frozen=True)
class Config(Parameters):
    """Everything a run depends on; a value that breaks its rule is a ConfigError."""

    data: DataConfig = field(default_factory=DataConfig)
    window: WindowConfig = field(default_factory=WindowConfig)
    logmel: LogMelConfig = field(default_factory=LogMelConfig)
    onsets: OnsetConfig = field(default_factory=OnsetConfig)
    net: NetConfig = field(default_factory=NetConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    crossval: CrossvalConfig = field(default_factory=CrossvalConfig)
    output_dir: str = knob("runs/crnn_v1", "folder of the run")
    seed: int = knob(SEED, "seed of the split, the weights and the augmentation", low=0, high=2**31 - 1)

    def __post_init__(self) -> None:
        try:
            self.check()
        except ParameterError as error:
            raise ConfigError(str(error)) from None

    def check(self, prefix: str = "") -> None:
        """Also check values that must fit together."""
        super().check(prefix)
        check_url(self.training.background_path, "training.background_path")
        self.logmel.check_bands(self.window.sample_rate, prefix="logmel.", rate_name="window.sample_rate")
        training, logmel, module = self.training, self.logmel, self.net.module
        if training.valid_size + training.test_size >= 1:
            raise ParameterError(
                "`training.valid_size` + `training.test_size` must be below 1, or nothing is left to train on. "
                f"Got {training.valid_size} + {training.test_size}."
            )
        in_decibels = {f"`net.module.{name}`": getattr(module, name) for name in DECIBEL_CHANGES}
        active = {name: value for name, value in in_decibels.items() if value}
        if logmel.compression != "db" and active:
            raise ParameterError(
                f"{', '.join(active)} must be 0 with `logmel.compression: {logmel.compression}`: "
                f"right on decibels only. Got {', '.join(map(str, active.values()))}."
            )
        if module.mask_after_offset and logmel.extra_channels[-1:] != ["sounding"]:
            raise ParameterError(
                "`logmel.extra_channels` must end in sounding with `net.module.mask_after_offset`: "
                f"it tells what to mask. Got {logmel.extra_channels}."
            )
        LabelMap(self.data.labels, name="data.labels")  # refuses what is none


def check_url(path: str | None, name: str) -> None:
    """Raise ParameterError if a path is a URL that is not read here."""
    problem = problem_of(path) if path is not None and is_url(path) else None
    if problem:
        raise ParameterError(f"`{name}`: {shown(path)} {problem}")


def feature_shape(config: Config) -> tuple[int, int, int]:
    """Return the shape of one event's features: (n_channels, n_mels, n_frames)."""
    window, logmel = config.window, config.logmel
    n_frames = 1 + round(window.target_duration * window.sample_rate) // logmel.hop_length
    return 1 + len(logmel.extra_channels), logmel.n_mels, n_frames


def leaves(section: Any = Config, prefix: str = "") -> Iterator[tuple[str, dataclasses.Field]]:
    """Yield each key of a section's class as (dotted path, dataclass field), in order of definition."""
    for item in dataclasses.fields(section):
        if dataclasses.is_dataclass(item.type):
            yield from leaves(item.type, f"{prefix}{item.name}.")
        else:
            yield prefix + item.name, item


def get_value(config: Config, path: str) -> Any:
    """Return the value at a dotted path."""
    return attrgetter(path)(config)


def to_dict(config: Parameters) -> dict[str, Any]:
    """Return a config or a section of it as plain nested dicts and lists."""
    return dataclasses.asdict(config)
