"""What an event costs in an epoch of training, by batch size and precision, on this machine's processor or its GPU.

    python benchmarks/device.py [--devices cpu cuda] [--rows 2000] [--batch-sizes 32 128 512] [--repeats 3]

Random features of the default shape go through the whole `fit`, validation and callbacks included; the first epoch does
not count. The runs of all settings take turns. With two devices it also prints from how many events on the second is
the faster one, its start included.
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as guitarclf has it

import argparse
import statistics
import time
from itertools import product

import numpy as np

from guitarclf.config import Config
from guitarclf.config.files import with_values
from guitarclf.labels import LABELS
from guitarclf.pipeline import build_net

SHAPE = (1, 64, 87)
EPOCHS = 50  # of the training whose length is told


def cost(device: str, batch_size: int, precision: str, n_rows: int) -> tuple[float, float]:
    """Return the milliseconds of an event in an epoch, and the seconds of everything before the second epoch."""
    values = {
        "net.device": device,
        "net.batch_size": batch_size,
        "net.precision": precision,
        "net.max_epochs": 3,
    }
    net = build_net(with_values(Config(), values, source="benchmark"))
    random = np.random.default_rng(0)
    X = random.standard_normal((n_rows, *SHAPE), dtype=np.float32)
    y = np.array(LABELS)[np.arange(n_rows) % len(LABELS)]
    start = time.perf_counter()
    net.fit(X, y, groups=np.arange(n_rows) // 10)
    whole, epochs = time.perf_counter() - start, net.history[:, "dur"]
    return 1e3 * statistics.median(epochs[1:]) / n_rows, whole - sum(epochs[1:])


def main() -> None:
    """Print a line for each setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", nargs="+", default=["cpu"])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[32, 128, 512])
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    settings = list(product(arguments.devices, arguments.batch_sizes, arguments.precisions))
    seen: dict = {setting: [] for setting in settings}
    for _ in range(arguments.repeats):
        for setting in settings:
            seen[setting].append(cost(*setting, arguments.rows))
    print(f"{'device':8}{'batch':>6} {'precision':10}{'ms an event and epoch':>22}{'s before the 2nd epoch':>24}")
    costs = {}
    for setting, times in seen.items():
        costs[setting] = per_event, before = [statistics.median(column) for column in zip(*times, strict=True)]
        device, batch_size, precision = setting
        print(f"{device:8}{batch_size:6} {precision:10}{per_event:22.3f}{before:24.2f}")
    if len(arguments.devices) == 2:
        first, second = (min(costs[key] for key in settings if key[0] == device) for device in arguments.devices)
        gain = (first[0] - second[0]) / 1e3 * EPOCHS
        told = "never" if gain <= 0 else f"from {max(0.0, (second[1] - first[1]) / gain):,.0f} events on"
        print(f"{EPOCHS} epochs are faster on {arguments.devices[1]} than on {arguments.devices[0]} {told}")


if __name__ == "__main__":
    main()
