"""A small, fast configuration for tests that train."""

from guitarclf.config.files import load_config

SMALL_NET = {
    "net.module.conv_channels": [8, 16],
    "net.module.pools": [[4, 4], [4, 2]],
    "net.module.rnn_hidden_size": 16,
    "net.module.head_hidden_size": 16,
    "logmel.n_mels": 32,
    "net.max_epochs": 3,
    "net.batch_size": 8,
    "data.num_workers": 1,
}
NO_AUGMENTATION = {"gain_db": 0.0, "time_shift": 0.0, "eq_db": 0.0}  # what a net changes by default
STILL = {  # no augmentation, no dropout
    "net.module.gain_db": 0,
    "net.module.time_shift": 0,
    "net.module.noise_floor": 0,
    "net.module.eq_db": 0,
    "net.module.mask_bands": 0,
    "net.module.mask_frames": 0,
    "net.module.dropout": 0,
}


def options_for(table, output_dir, **changes) -> list[str]:
    """Return the options of a command that writes about a NoteTable into a folder; keywords as in `small_config`."""
    data = {"data.metadata_path": table.path, "data.audio_root": table.audio_root, "output_dir": output_dir}
    settings = SMALL_NET | data | {path.replace("__", "."): value for path, value in changes.items()}
    return [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]


def small_config(**overrides):
    """Return a Config that trains in a second; keywords are config paths with `__` for dots."""
    return load_config(overrides=SMALL_NET | {path.replace("__", "."): value for path, value in overrides.items()})


def still_config(**overrides):
    """Return a small Config without augmentation and dropout."""
    return small_config(**{path.replace(".", "__"): value for path, value in STILL.items()} | overrides)


def config_for(table, output_dir, **overrides):
    """Return a small Config of a NoteTable that writes into a folder."""
    return small_config(
        data__metadata_path=str(table.path),
        data__audio_root=str(table.audio_root),
        output_dir=str(output_dir),
        **overrides,
    )
