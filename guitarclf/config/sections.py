"""What the values of a configuration must be together: rules over more than one key."""

from guitarclf.errors import ConfigError
from guitarclf.labels import LABELS

# Augmentation under net.module that is right on a log-mel in dB only.
DECIBEL_KEYS = ("gain_db", "eq_db", "band_limit", "noise_floor")


def check_sections(config) -> None:
    """Raise ConfigError where values that are fine alone do not fit together."""
    training, logmel, window, module = config.training, config.logmel, config.window, config.net.module
    if training.valid_size + training.test_size >= 1:
        raise ConfigError(
            "`training.valid_size` + `training.test_size` must be below 1, or nothing is left to train on. "
            f"Got {training.valid_size} + {training.test_size}."
        )
    if window.target_duration > window.max_duration:
        raise ConfigError(
            "`window.target_duration` must be at most `window.max_duration`. "
            f"Got {window.target_duration} and {window.max_duration} s."
        )
    if logmel.n_fft % 2:
        raise ConfigError(f"`logmel.n_fft` must be even. Got {logmel.n_fft}.")
    in_decibels = {f"net.module.{name}": getattr(module, name) for name in DECIBEL_KEYS if getattr(module, name)}
    if logmel.compression != "db" and in_decibels:
        keys = ", ".join(f"`{key}`" for key in in_decibels)
        raise ConfigError(
            f"{keys} must be 0 with `logmel.compression: {logmel.compression}`: "
            f"right on decibels only. Got {', '.join(map(str, in_decibels.values()))}."
        )
    top = window.sample_rate / 2 if logmel.fmax is None else logmel.fmax
    if not logmel.fmin < top <= window.sample_rate / 2:
        raise ConfigError(
            "`logmel.fmin` must be below `logmel.fmax`, and that at most half of `window.sample_rate`. "
            f"Got {logmel.fmin}, {logmel.fmax} and {window.sample_rate} Hz."
        )
    if len(module.conv_channels) != len(module.pools) or not module.pools:
        raise ConfigError(
            "`net.module.conv_channels` and `net.module.pools` must have one entry per block. "
            f"Got {module.conv_channels} and {module.pools}."
        )
    if any(len(pool) != 2 for pool in module.pools) or module.kernel_size % 2 == 0:
        raise ConfigError(
            "`net.module.pools` must hold [bands, frames] pairs and `net.module.kernel_size` must be odd. "
            f"Got {module.pools} and {module.kernel_size}."
        )
    if len(set(logmel.extra_channels)) < len(logmel.extra_channels):
        raise ConfigError(f"`logmel.extra_channels` must name each channel once. Got {logmel.extra_channels}.")
    if module.mask_after_offset and logmel.extra_channels[-1:] != ["sounding"]:
        raise ConfigError(
            "`logmel.extra_channels` must end in sounding with `net.module.mask_after_offset`: it tells what to mask. "
            f"Got {logmel.extra_channels}."
        )
    for theirs, ours in config.data.labels.items():
        if ours not in LABELS:
            raise ConfigError(f"`data.labels` must map to {', '.join(LABELS)}. Got {theirs}: {ours!r}.")
    priors = config.net.priors or {}
    if not set(priors) <= set(LABELS) or any(share < 0 for share in priors.values()) or sum(priors.values()) > 1:
        raise ConfigError(
            f"`net.priors` must give shares of {', '.join(LABELS)} that add up to at most 1. Got {priors}."
        )
    weight = config.net.class_weight
    named = weight in ("balanced", "none")
    if not named and not (isinstance(weight, list) and len(weight) == 3 and min(weight) > 0):
        raise ConfigError(
            "`net.class_weight` must be balanced, none, or three numbers above 0 in the order of LABELS. "
            f"Got {weight!r}."
        )
