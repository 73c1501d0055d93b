"""Where the time goes: a profile of a cold pass over recordings, and of a steady epoch of training.

    python benchmarks/time_spent.py

One thread reads, so that each part's share shows; the shares are of the whole, and profiling itself costs some.
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as guitarclf has it

import cProfile
import pstats

import material
import numpy as np

from guitarclf import build_pipeline, load_config, read_events
from guitarclf.pipeline import build_net

# Part -> (end of the file's path, function), as the profiler names them.
COLD_PASS = {
    "open a file and check its header": ("data/audio.py", "open_recording"),
    "decode the stretch": ("data/audio.py", "_read_mono"),
    "resample it": ("soxr/__init__.py", "resample"),
    "set its level": ("features/reader.py", "set_level"),
    "frames, window, FFT, power": ("features/mel.py", "_stft_power"),
    "log-mel, that included": ("features/mel.py", "log_mel"),
}
EPOCH = {
    "fetch a batch": ("training/batches.py", "batch"),
    "augment": ("models/augment.py", "forward"),
    "convolutions": ("~", "torch.conv2d"),
    "batch normalisation": ("~", "torch.batch_norm"),
    "pooling": ("~", "torch.max_pool2d"),
    "GRU": ("~", "torch.gru"),
    "loss": ("models/loss.py", "forward"),
    "backward": ("~", "run_backward"),
    "optimizer": ("optim/adam.py", "adam"),
    "metrics and callbacks of a batch": ("training/callbacks.py", "on_batch_end"),
    "callbacks at the end of an epoch": ("skorch/net.py", "on_epoch_end"),
    "validation": ("skorch/net.py", "validation_step"),
}


def profiled(function) -> pstats.Stats:
    """Return the profile of one call."""
    profiler = cProfile.Profile()
    profiler.runcall(function)
    return pstats.Stats(profiler)


def print_shares(title: str, stats: pstats.Stats, parts: dict) -> None:
    """Print the cumulative time of each part as a share of all."""
    print(f"{title}: {stats.total_tt:.2f} s")
    for part, (file, name) in parts.items():
        times = [
            times[3]
            for (path, _, function), times in stats.stats.items()
            if path.endswith(file) and (function == name or (file == "~" and name in function))
        ]
        print(f"  {part:36}{sum(times) / stats.total_tt:7.1%}")


def main():
    """Print both profiles."""
    folder = material.snippets()
    events = read_events(folder / "metadata.csv", audio_root=folder)
    config = load_config(overrides={"data.cache": None, "data.num_workers": 1, "net.max_epochs": 1})
    features = build_pipeline(config)[:-1]
    X = np.asarray(features.transform(events))  # warm: files in the system's memory
    stats = profiled(lambda: features.transform(events))
    print_shares(f"cold pass over {len(events)} snippets, one thread", stats, COLD_PASS)
    net, valid = build_net(config), np.arange(len(X)) % 10 == 0
    net.fit(X, events["label_category"].to_numpy(), valid=valid)
    stats = profiled(lambda: net.partial_fit(X, events["label_category"].to_numpy(), valid=valid))
    print_shares(f"an epoch of {(~valid).sum()} notes, {valid.sum()} for validation", stats, EPOCH)


if __name__ == "__main__":
    main()
