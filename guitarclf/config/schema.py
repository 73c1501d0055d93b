"""The configuration: one frozen dataclass per section of the YAML file.

A leaf's path in a file or in ``--set`` is its name in the pipeline with dots for
double underscores: ``net.module.rnn_hidden_size`` is the scikit-learn parameter
``net__module__rnn_hidden_size``. Each leaf carries its explanation, its unit and
its rule; ``configs/default.yaml`` and the README's table are written from them.
Reading and writing files is in ``config_io``.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from guitarclf.config.rules import check_leaf, knob
from guitarclf.config.sections import check_sections


@dataclass(frozen=True)
class DataConfig:
    """Where the notes are and how their table is read."""

    metadata_path: str = knob("data/idmt_guitar_events.csv", "table of note events, CSV or Parquet")
    audio_root: str = knob("data/audio", "folder that `audio_path` is relative to")
    columns: dict[str, Any] = knob({}, "our column name -> theirs, or a list of theirs to join")
    labels: dict[str, str] = knob({}, 'their label -> ours; "*" stands for every other')
    num_workers: int = knob(4, "threads that read audio, at most the cores there are", low=1, high=256)
    on_bad_audio: str = knob(
        "error",
        "what to do about events whose audio cannot be used: stop, or leave them out",
        choices=("error", "skip"),
    )
    max_bad_fraction: float = knob(
        0.05, "share of the events that on_bad_audio: skip may leave out; above it, stop", low=0, high=0.9
    )
    allow_outside_root: bool = knob(False, "read files outside audio_root, by absolute paths or ..")
    cache: str | None = knob(
        "auto", "folder of the feature cache; auto: $GUITARCLF_CACHE, or the user's cache folder; null: none"
    )
    cache_gb: float = knob(10.0, "size the feature cache is kept below", unit="GB", above=0, high=1e6)


@dataclass(frozen=True)
class WindowConfig:
    """The stretch of sound around an onset that the model hears."""

    sample_rate: int = knob(22050, "rate the audio is resampled to", unit="Hz", low=4000, high=192000)
    target_duration: float = knob(1.0, "length of the window", unit="s", above=0, high=600)
    max_duration: float = knob(60.0, "longest window that may be asked for", unit="s", above=0, high=600)
    snippet_crop: str = knob("center", "part kept of a snippet that is too long", choices=("center", "start"))
    normalize: str = knob("peak", "level of each window: peak or RMS to 1", choices=("peak", "rms", "none"))
    zero_after_offset: bool = knob(
        False,
        "silence after a table's offset_sec, before the level is set; the last 5 ms before it fade out. "
        "Files without a table stay whole",
    )


@dataclass(frozen=True)
class LogMelConfig:
    """The picture of the sound that the net eats."""

    n_fft: int = knob(1024, "length of an STFT frame", unit="samples", low=16, high=65536)
    hop_length: int = knob(256, "step between STFT frames", unit="samples", low=1, high=65536)
    n_mels: int = knob(64, "mel bands", low=1, high=1024)
    fmin: float = knob(0.0, "lowest mel band edge", unit="Hz", low=0)
    fmax: float | None = knob(None, "highest mel band edge; null: half the sample rate", unit="Hz", above=0)
    compression: str = knob(
        "db", "10 log10(power), log(1 + alpha power), or PCEN", choices=("db", "log1p", "pcen"), unit="dB or none"
    )
    log1p_alpha: float = knob(1000.0, "alpha of compression log1p", above=0)
    top_db: float | None = knob(
        None, "floor below each note's own loudest cell; null: none", unit="dB", above=0, high=1000
    )
    extra_channels: list[str] = knob(
        [],
        "channels beside the log-mel: rms, delta, sounding (1 before offset_sec, 0 after it)",
        choices=("rms", "delta", "sounding"),
    )


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW."""

    weight_decay: float = knob(1e-4, "AdamW's weight decay", low=0, high=10)


@dataclass(frozen=True)
class CriterionConfig:
    """Cross-entropy, and the heads that only training has."""

    label_smoothing: float = knob(0.0, "share of each target spread over all classes; 0: off", low=0, high=0.9)
    focal_gamma: float = knob(0.0, "how much notes that are already right count less; 0: off", low=0, high=10)
    aux_harmonic: float = knob(
        0.0,
        "weight in the loss of a second head, of training only, that tells harmonics from all other notes; 0: off",
        low=0,
        high=100,
    )
    aux_pitch: float = knob(
        0.0,
        "weight in the loss of a third head, of training only, that names the `pitch_midi` of notes that have one; "
        "0: off",
        low=0,
        high=100,
    )


@dataclass(frozen=True)
class ModuleConfig:
    """The CRNN, and the augmentation it applies while training."""

    conv_channels: list[int] = knob([32, 64, 128], "feature maps of each convolution block", low=1, high=4096)
    pools: list[list[int]] = knob(
        [[2, 2], [2, 2], [2, 1]], "max-pooling of each block", unit="bands, frames", low=1, high=1024
    )
    kernel_size: int = knob(3, "side of the square convolution kernels, odd", unit="cells", low=1, high=31)
    rnn_hidden_size: int = knob(128, "GRU units per direction", low=1, high=4096)
    rnn_num_layers: int = knob(1, "stacked GRU layers", low=1, high=16)
    rnn_bidirectional: bool = knob(True, "read the frames in both directions")
    pooling: str = knob("attention", "GRU frames -> one vector", choices=("final", "mean", "attention"))
    head_hidden_size: int = knob(64, "units of the head's hidden layer", low=1, high=65536)
    dropout: float = knob(0.3, "dropout before both layers of the head", low=0, high=0.99)
    mask_after_offset: bool = knob(
        False, "frames after a table's offset_sec do not count; `logmel.extra_channels` must then end in sounding"
    )
    gain_db: float = knob(6.0, "random level, plus or minus; 0: off", unit="dB", low=0, high=120)
    time_shift: float = knob(
        0.05, "random shift, plus or minus; 0: off", unit="share of the window: 0.05 is 50 ms of 1 s", low=0, high=0.5
    )
    eq_db: float = knob(
        6.0, "random equaliser curve, its widest swing plus or minus; 0: off", unit="dB", low=0, high=120
    )
    band_limit: float = knob(0.0, "share of notes given a band limit; 0: off", low=0, high=1)
    noise_floor: float = knob(0.0, "share of notes given a noise floor; 0: off", low=0, high=1)
    swap_start: float = knob(0.0, "share of notes that get the first frames of another note; 0: off", low=0, high=1)
    swap_frames: int = knob(5, "most frames of a start that is swapped", unit="frames", low=1, high=65536)
    mask_bands: int = knob(0, "widest SpecAugment stripe of mel bands; 0: off", unit="bands", low=0, high=1024)
    mask_frames: int = knob(0, "widest SpecAugment stripe of frames; 0: off", unit="frames", low=0, high=65536)


@dataclass(frozen=True)
class NetConfig:
    """How the net is trained."""

    batch_size: int = knob(32, "notes per step", low=1, high=1048576)
    max_epochs: int = knob(50, "passes over the training rows", low=1, high=1000000)
    lr: float = knob(1e-3, "AdamW's learning rate", above=0, high=100)
    device: str = knob("auto", "where the net runs", choices=("auto", "cpu", "cuda", "mps"))
    precision: str = knob(
        "auto", "of training steps; auto: bf16 where the machine has it", choices=("auto", "fp32", "bf16")
    )
    class_weight: str | list[float] = knob(
        "balanced", "weights in the loss: balanced, none, or three numbers in the order of LABELS"
    )
    priors: dict[str, float] | None = knob(
        None, "shares expected where the model is used, by label; null: those of the loss, equal if balanced"
    )
    mixup: float = knob(
        0.0, "alpha of the Beta distribution that training notes are mixed in pairs by; 0: off", low=0, high=10
    )
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    criterion: CriterionConfig = field(default_factory=CriterionConfig)
    module: ModuleConfig = field(default_factory=ModuleConfig)


@dataclass(frozen=True)
class TrainingConfig:
    """One run: its split, when it stops, what it writes."""

    valid_size: float = knob(0.1, "share of the tracks held out for validation", low=0, high=0.9)
    test_size: float = knob(0.1, "share of the tracks held out for testing", low=0, high=0.9)
    lr_schedule: str = knob(
        "plateau", "lr falls when macro-F1 stalls, or along a half cosine to 0", choices=("plateau", "cosine")
    )
    patience: int = knob(10, "epochs without a better macro-F1 before stopping; 0: never", unit="epochs", low=0)
    lr_patience: int = knob(3, "epochs without a better macro-F1 before lr falls", unit="epochs", low=0)
    lr_factor: float = knob(0.5, "what lr is then multiplied by", above=0, high=0.99)
    weight_average: float = knob(
        0.0, "decay per step of a running mean of the weights, which is what is kept; 0: off", low=0, high=0.9999
    )
    repeat_table: int = knob(1, "times each training row of the table is seen an epoch", low=1, high=10000)
    add_modelled: int = knob(0, "modelled notes added to the training rows", unit="notes", low=0, high=10000000)
    add_clutter: int = knob(
        0,
        "clips that are no note (noise, voices, handling) added to the training rows, to be unsure of",
        unit="clips",
        low=0,
        high=10_000_000,
    )
    init_from: str | None = knob(None, "run or bundle whose weights training starts from; null: fresh weights")
    freeze_epochs: int = knob(
        0, "first epochs in which, started from a model, only the head is trained", unit="epochs", low=0
    )
    export_onnx: bool = knob(
        True, "also write model/model.onnx, with which `predict` needs no torch; a fraction of a second"
    )
    tensorboard: bool = knob(False, "also write TensorBoard events (extra `tensorboard`)")


@dataclass(frozen=True)
class SearchConfig:
    """A search over the pipeline's parameters."""

    method: str = knob("grid", "all combinations, or n_iter random ones", choices=("grid", "random"))
    n_iter: int = knob(10, "combinations of a random search", low=1, high=1000000)
    n_splits: int = knob(3, "folds by track", low=2, high=1000)
    scoring: str = knob(
        "f1_macro",
        "what ranks the combinations",
        choices=("f1_macro", "accuracy", "balanced_accuracy", "neg_log_loss", "roc_auc_ovr"),
    )
    params: dict[str, list] = knob({}, "config key under window, logmel or net -> list of values")


@dataclass(frozen=True)
class CrossvalConfig:
    """Scores on tracks left out in turn."""

    n_splits: int = knob(5, "folds by track, where none are given", low=2)


@dataclass(frozen=True)
class Config:
    """Everything a run depends on."""

    data: DataConfig = field(default_factory=DataConfig)
    window: WindowConfig = field(default_factory=WindowConfig)
    logmel: LogMelConfig = field(default_factory=LogMelConfig)
    net: NetConfig = field(default_factory=NetConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    crossval: CrossvalConfig = field(default_factory=CrossvalConfig)
    output_dir: str = knob("runs/crnn_v1", "folder of the run")
    seed: int = knob(42, "seed of the split, the weights and the augmentation", low=0, high=2**31 - 1)

    def __post_init__(self):
        for path, leaf in leaves(type(self)):
            check_leaf(path, leaf, get_value(self, path))
        check_sections(self)


def leaves(section: type = Config, prefix: str = "") -> list[tuple[str, dataclasses.Field]]:
    """Return every leaf as (dotted path, dataclass field), in order of definition."""
    found = []
    for item in dataclasses.fields(section):
        if dataclasses.is_dataclass(item.type):
            found += leaves(item.type, f"{prefix}{item.name}.")
        else:
            found.append((prefix + item.name, item))
    return found


def get_value(config: Config, path: str):
    """Return the value at a dotted path."""
    for name in path.split("."):
        config = getattr(config, name)
    return config


def to_dict(config) -> dict:
    """Return a config or a section of it as plain nested dicts and lists."""
    return dataclasses.asdict(config)
