"""The floor: the bare training step of this package's model on random tensors that are in memory already.

    python benchmarks/floor.py [--rows 800] [--valid-rows 100] [--epochs 3]

Prints the median seconds of an epoch's steps, and of its validation without anything around it. No data, no
loop of ours, no callbacks: what a training cannot be faster than, with the same batch, arithmetic and threads.
"""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as guitarclf has it

import argparse
import json
import statistics
import time

import torch

from guitarclf.config import Config
from guitarclf.pipeline import build_net
from guitarclf.training.device import computes_in_bf16, resolve_device
from guitarclf.training.skorch_settings import PREDICTION_BATCH

SHAPE = (1, 64, 87)


def floor(n_rows: int, n_valid: int, epochs: int) -> tuple[float, float]:
    """Return the median seconds of an epoch's training steps and of its validation."""
    torch.manual_seed(0)
    config = Config()
    net = build_net(config).initialize_for(SHAPE)
    model, optimizer, loss_of = net.module_, net.optimizer_, net.criterion_
    in_bf16 = computes_in_bf16(config.net.precision, resolve_device("cpu"))
    x, y = torch.randn(config.net.batch_size, *SHAPE), torch.randint(0, 3, (config.net.batch_size,))
    batches = [x] * (n_rows // len(x)) + ([x[: n_rows % len(x)]] if n_rows % len(x) else [])
    valid = torch.randn(n_valid, *SHAPE).split(PREDICTION_BATCH) if n_valid else []
    steps, validations = [], []
    for _ in range(epochs + 1):
        model.train()
        start = time.perf_counter()
        for batch in batches:
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=in_bf16):
                logits = model(batch)
            loss_of(logits.float(), y[: len(batch)]).backward()
            optimizer.step()
        middle = time.perf_counter()
        model.eval()
        with torch.no_grad():
            for batch in valid:
                model(batch)
        steps.append(middle - start)
        validations.append(time.perf_counter() - middle)
    return statistics.median(steps[1:]), statistics.median(validations[1:])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=800)
    parser.add_argument("--valid-rows", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    print(json.dumps(floor(arguments.rows, arguments.valid_rows, arguments.epochs)))
