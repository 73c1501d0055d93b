"""The parameters of window, logmel and net, and of the callbacks that watch a training: default, explanation, rule.

They are sections of the configuration, and the classes take their defaults from them
(``sample_rate=WindowParameters.sample_rate``). ``make docs-tables`` writes ``configs/default.yaml`` and the tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

from guitarclf.errors import ParameterError
from guitarclf.labels import LABELS
from guitarclf.parameters.rules import Parameters, knob, plain

CHANNELS = ("auto", "mean", "left", "right")
SnippetCrop = Literal["center", "start"]
Level = Literal["peak", "rms", "none"]
Compression = Literal["db", "log1p"]
ExtraChannel = Literal["rms", "delta", "sounding"]
Pooling = Literal["final", "mean", "attention"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16"]
Schedule = Literal["plateau", "cosine"]

CONV_CHANNELS, POOLS = (32, 64, 128), ((2, 2), (2, 2), (2, 1))  # one of each a block
CACHE_GB = 10.0
SEED = 42
THREADS = 0  # of torch: as many as it takes by itself
# Augmentation that is right on a log-mel in dB only.
DECIBEL_CHANGES = ("gain_db", "eq_db", "band_limit", "noise_floor", "next_note", "previous_note")


@dataclass(frozen=True)
class WindowParameters(Parameters):
    """The stretch of sound around an onset that the model hears."""

    sample_rate: int = knob(22050, "rate the audio is resampled to", unit="Hz", low=4000, high=192000)
    target_duration: float = knob(1.0, "length of the window", unit="s", above=0, high=600)
    max_duration: float = knob(60.0, "longest window that may be asked for", unit="s", above=0, high=600)
    snippet_crop: SnippetCrop = knob("center", "part kept of a snippet that is too long")
    normalize: Level = knob("peak", "level of each window: peak or RMS to 1")
    zero_after_offset: bool = knob(
        False,
        "silence after a table's offset_sec, before the level is set; the last 5 ms before it fade out. "
        "Files without a table stay whole",
    )
    until_next_onset: bool = knob(
        False,
        "what ends at offset_sec (zero_after_offset, the channel sounding) also ends where the next event of the "
        "recording begins, 0.1 s or more after its own onset",
    )
    channel: str | int = knob(
        "auto",
        "what is heard of several channels: auto (those that carry a note; one if they cancel), mean, left, right, "
        "or a number from 1",
    )

    def check(self, prefix: str = "") -> None:
        """Also check ``channel``, and that the window has a sample and at most ``max_duration``."""
        super().check(prefix)
        is_number = isinstance(self.channel, int) and not isinstance(self.channel, bool) and self.channel >= 1
        if not is_number and self.channel not in CHANNELS:
            raise ParameterError(
                f"`{prefix}channel` must be one of {', '.join(CHANNELS)}, or the number of a channel, the first being "
                f"1. Got {self.channel!r}."
            )
        if self.target_duration > self.max_duration:
            raise ParameterError(
                f"`{prefix}target_duration` must be at most `{prefix}max_duration`. "
                f"Got {self.target_duration} s and {self.max_duration} s."
            )
        if round(self.target_duration * self.sample_rate) < 1:
            raise ParameterError(
                f"`{prefix}target_duration` must be at least one sample. Got {self.target_duration} s "
                f"at {self.sample_rate} Hz."
            )


@dataclass(frozen=True)
class LogMelParameters(Parameters):
    """The log-mel spectrogram of a window, and the channels beside it."""

    n_fft: int = knob(1024, "length of an STFT frame", unit="samples", low=16, high=65536)
    hop_length: int = knob(256, "step between STFT frames", unit="samples", low=1, high=65536)
    n_mels: int = knob(64, "mel bands", low=1, high=1024)
    fmin: float = knob(0.0, "lowest mel band edge", unit="Hz", low=0)
    fmax: float | None = knob(None, "highest mel band edge; null: half the sample rate", unit="Hz", above=0)
    compression: Compression = knob("db", "10 log10(power), or log(1 + alpha power)", unit="dB or none")
    log1p_alpha: float = knob(1000.0, "alpha of compression log1p", above=0)
    top_db: float | None = knob(
        None, "floor below each note's own loudest cell; null: none", unit="dB", above=0, high=1000
    )
    extra_channels: list[ExtraChannel] = knob(
        [], "channels beside the log-mel: rms, delta, sounding (1 before offset_sec, 0 after it)"
    )

    def check(self, prefix: str = "") -> None:
        """Also check that ``n_fft`` is even, and no channel is named twice."""
        super().check(prefix)
        if self.n_fft % 2:
            raise ParameterError(f"`{prefix}n_fft` must be even. Got {self.n_fft}.")
        if len(set(self.extra_channels)) < len(self.extra_channels):
            raise ParameterError(f"`{prefix}extra_channels` must name each channel once. Got {self.extra_channels}.")

    def check_bands(self, sample_rate: int, *, prefix: str = "", rate_name: str = "sample_rate") -> None:
        """Raise ParameterError unless the mel bands lie below half the sample rate, ``rate_name`` in the message."""
        top = sample_rate / 2 if self.fmax is None else self.fmax
        if not self.fmin < top <= sample_rate / 2:
            raise ParameterError(
                f"`{prefix}fmin` must be below `{prefix}fmax`, and that at most half of `{rate_name}`. "
                f"Got {self.fmin}, {self.fmax} and {sample_rate} Hz."
            )


@dataclass(frozen=True)
class OnsetParameters(Parameters):
    """What counts as an onset in a recording: see :func:`guitarclf.audio.onset_times.find_onsets`.

    The defaults were tuned on modelled minutes of guitar, and held on phrases of real notes and on IDMT-SMT-GUITAR.
    """

    threshold_db: float = knob(
        1.2,
        "rise, averaged over the bands, that an onset has above 1.2 times the mean of the 150 ms around, and above "
        "2.25 times that of the 70 ms before",
        unit="dB",
        above=0,
    )
    floor_db: float = knob(
        30.0, "what is further below the loud level around, spread over the bands, makes no rise", unit="dB", above=0
    )
    quiet_db: float = knob(40.0, "a sound further below the loud level around is no event", unit="dB", above=0)
    min_gap: float = knob(0.05, "shortest time from one onset to the next", unit="s", low=0, high=10)
    echo_sec: float = knob(
        0.08, "time within which a weak onset beside a strong one is its echo", unit="s", low=0, high=10
    )
    echo_ratio: float = knob(0.4, "share of the strong one's rise below which it is", low=0, high=1)
    reference_sec: float = knob(
        10.0,
        "sound before and after a moment whose loud level, its 98th percentile, is the reference",
        unit="s",
        low=1,
        high=600,
    )
    quietest_db: float = knob(
        30.0, "the reference is at most this much below the loudest moment so far", unit="dB", above=0
    )


@dataclass(frozen=True)
class OptimizerParameters(Parameters):
    """The optimizer, AdamW."""

    weight_decay: float = knob(1e-4, "AdamW's weight decay", low=0, high=10)


@dataclass(frozen=True)
class CriterionParameters(Parameters):
    """Cross-entropy, and the heads that only training has."""

    label_smoothing: float = knob(0.0, "share of each target spread over all classes; 0: off", low=0, high=0.9)
    focal_gamma: float = knob(0.0, "how much notes that are already right count less; 0: off", low=0, high=10)
    aux_harmonic: float = knob(
        0.0,
        "weight in the loss of a second head, of training only, that tells harmonics from all other notes; 0: off",
        low=0,
        high=100,
    )
    note_weight: float = knob(
        0.5, "weight in the loss of note or not, beside the classes, with `net.module.note_head`", low=0, high=100
    )
    given_weight: float = knob(
        8.0, "weight in note or not of a note of the table, where a modelled note has 1", above=0, high=1000
    )
    no_note_weight: float = knob(3.0, "weight in note or not of a row that is no note", above=0, high=1000)


@dataclass(frozen=True)
class ArchitectureParameters(Parameters):
    """The shape of the CRNN, and its dropout."""

    conv_channels: list[int] = knob(CONV_CHANNELS, "feature maps of each convolution block", low=1, high=4096)
    pools: list[list[int]] = knob(POOLS, "max-pooling of each block", unit="bands, frames", low=1, high=1024)
    kernel_size: int = knob(3, "side of the square convolution kernels, odd", unit="cells", low=1, high=31)
    rnn_hidden_size: int = knob(128, "GRU units per direction", low=1, high=4096)
    rnn_num_layers: int = knob(1, "stacked GRU layers", low=1, high=16)
    rnn_bidirectional: bool = knob(True, "read the frames in both directions")
    pooling: Pooling = knob("attention", "GRU frames -> one vector")
    head_hidden_size: int = knob(64, "units of the head's hidden layer", low=1, high=65536)
    dropout: float = knob(0.3, "dropout before both layers of the head", low=0, high=0.99)
    mask_after_offset: bool = knob(
        False, "frames after a table's offset_sec do not count; `logmel.extra_channels` must then end in sounding"
    )
    note_head: bool = knob(
        False, "a second output, note or not, which rows that are no note teach in the place of the classes"
    )

    def check(self, prefix: str = "") -> None:
        """Also check that each block has channels, a pool and an odd kernel."""
        super().check(prefix)
        if len(self.conv_channels) != len(self.pools) or not self.pools:
            raise ParameterError(
                f"`{prefix}conv_channels` and `{prefix}pools` must have one entry per block. "
                f"Got {self.conv_channels} and {self.pools}."
            )
        if any(len(pool) != 2 for pool in self.pools):
            raise ParameterError(f"`{prefix}pools` must hold [bands, frames] pairs. Got {self.pools}.")
        if self.kernel_size % 2 == 0:
            raise ParameterError(
                f"`{prefix}kernel_size` must be odd, so that a block keeps its size. Got {self.kernel_size}."
            )


@dataclass(frozen=True)
class AugmentParameters(Parameters):
    """Random changes to the log-mel while training."""

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
    next_note: float = knob(
        0.0, "share of notes in whose window another note begins, after its first tenth; 0: off", low=0, high=1
    )
    previous_note: float = knob(
        0.0, "share of notes into whose window another note, begun before, rings on; 0: off", low=0, high=1
    )
    mask_bands: int = knob(0, "widest SpecAugment stripe of mel bands; 0: off", unit="bands", low=0, high=1024)
    mask_frames: int = knob(0, "widest SpecAugment stripe of frames; 0: off", unit="frames", low=0, high=65536)


@dataclass(frozen=True)
class ModuleParameters(AugmentParameters, ArchitectureParameters):
    """The CRNN, and the augmentation it applies while training."""


@dataclass(frozen=True)
class NetParameters(Parameters):
    """How the net is trained."""

    batch_size: int = knob(32, "notes per step", low=1, high=1048576)
    max_epochs: int = knob(50, "passes over the training rows", low=1, high=1000000)
    lr: float = knob(1e-3, "AdamW's learning rate", above=0, high=100)
    device: Device = knob("auto", "where the net runs")
    precision: Precision = knob("auto", "of training steps; auto: bf16 where the machine has it")
    class_weight: str | list[float] = knob(
        "balanced", "weights in the loss: balanced, none, or three numbers in the order of LABELS"
    )
    priors: dict[str, float] | None = knob(
        None, "shares expected where the model is used, by label; null: those of the loss, equal if balanced"
    )
    mixup: float = knob(
        0.0, "alpha of the Beta distribution that training notes are mixed in pairs by; 0: off", low=0, high=10
    )
    broken_notes: float = knob(
        0.0,
        "notes broken into what is no note (reversed, shuffled, gliding, of two halves) added to each step, for "
        "`net.module.note_head`; 0: off",
        unit="share of the batch",
        low=0,
        high=1,
    )
    unknown_share: float = knob(
        0.0,
        "share of the validation notes that may fall below the confidence under which `predict` says unknown; 0: off",
        low=0,
        high=0.5,
    )
    optimizer: OptimizerParameters = field(default_factory=OptimizerParameters)
    criterion: CriterionParameters = field(default_factory=CriterionParameters)
    module: ModuleParameters = field(default_factory=ModuleParameters)

    def check(self, prefix: str = "") -> None:
        """Also check ``class_weight`` and ``priors``, and that ``broken_notes`` has a head to teach."""
        super().check(prefix)
        check_class_weight(self.class_weight, f"{prefix}class_weight")
        if self.priors is not None:
            check_priors(self.priors, f"{prefix}priors")
        check_broken_notes(self.broken_notes, self.module.note_head, prefix)


@dataclass(frozen=True)
class SplitParameters(Parameters):
    """What is held out of a table."""

    valid_size: float = knob(0.1, "share of the tracks held out for validation", low=0, high=0.9)
    test_size: float = knob(0.1, "share of the tracks held out for testing", low=0, high=0.9)


@dataclass(frozen=True)
class WatchParameters(Parameters):
    """The callbacks that watch a training and write nothing."""

    lr_schedule: Schedule = knob("plateau", "lr falls when macro-F1 stalls, or along a half cosine to 0")
    patience: int = knob(10, "epochs without a better macro-F1 before stopping; 0: never", unit="epochs", low=0)
    lr_patience: int = knob(3, "epochs without a better macro-F1 before lr falls", unit="epochs", low=0)
    lr_factor: float = knob(0.5, "what lr is then multiplied by", above=0, high=0.99)
    weight_average: float = knob(
        0.0, "decay per step of a running mean of the weights, which is what is kept; 0: off", low=0, high=0.9999
    )


def check_class_weight(class_weight: Any, name: str = "class_weight") -> None:
    """Raise ParameterError unless class weights are "balanced", "none", or a number above 0 for each class."""
    weights = plain(class_weight)
    if isinstance(weights, str) and weights in ("balanced", "none"):
        return
    # 0 is not allowed: a batch of that class alone would divide by it.
    are_weights = isinstance(weights, list) and all(isinstance(w, int | float) and 0 < w < inf for w in weights)
    if not are_weights or len(weights) != len(LABELS):
        raise ParameterError(
            f"`{name}` must be balanced, none, or three numbers above 0 in the order of LABELS. Got {class_weight!r}."
        )


def check_broken_notes(broken_notes: float, note_head: bool, prefix: str = "") -> None:
    """Raise ParameterError for broken notes without a head that learns from them."""
    if broken_notes and not note_head:
        raise ParameterError(
            f"`{prefix}broken_notes` must be 0 without `{prefix}module.note_head`, which alone learns from them. "
            f"Got {broken_notes:g}. Set {prefix}module.note_head=true, or broken_notes=0."
        )


def check_priors(priors: Any, name: str = "priors") -> None:
    """Raise ParameterError unless priors are label -> share, of all classes or of some, that can add up to 1."""
    shares = [plain(share) for share in priors.values()] if isinstance(priors, Mapping) else [None]
    are_shares = all(isinstance(s, int | float) and not isinstance(s, bool) and 0 <= s <= 1 for s in shares)
    if not are_shares or not set(priors) <= set(LABELS):
        raise ParameterError(
            f"`{name}` must give shares of {', '.join(LABELS)}, from 0 to 1. Got {priors!r}. For instance "
            "{'harmonic': 0.03, 'dead_note': 0.05}; the rest goes to the classes not named."
        )
    rest = 1 - sum(priors.values())
    if rest < -1e-6 or (len(priors) == len(LABELS) and rest > 1e-3):
        raise ParameterError(f"`{name}` must add up to 1, or less if a class is not named. Got {priors}.")
