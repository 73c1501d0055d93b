"""Predictions and start-up: many files, one file, one note in memory, --help.

python benchmarks/predicting.py [--repeats 5]
"""

import argparse
import time
from functools import partial
from pathlib import Path

import material
import numpy as np
import torch
from measure import Row, interleaved, row, run

from guitarclf import Config, OnnxModel, build_pipeline
from guitarclf.bundle.pipelines import save_bundle

MODEL = Path("runs/benchmarks/model")
WARM_UP, N_CALLS = 50, 1000


def make_model() -> Path:
    """Return a bundle of the default net, untrained: it is as fast as a trained one."""
    pipeline = build_pipeline(Config())
    net = pipeline["net"].initialize_for((1, 64, 87))
    net.module_.standardize.set_from(torch.full((1, 64), -40.0), torch.full((1, 64), 20.0))
    save_bundle(pipeline, Config(), MODEL)
    return MODEL


def predict(*paths) -> str:
    """Run `guitarclf predict` to its end."""
    return run("-m", "guitarclf", "-q", "predict", "--model", MODEL, *paths)


def latency() -> Row:
    """Return the row of one note in memory: p99 of waveform to probabilities, and of the bare net in torch."""
    model = OnnxModel(MODEL)
    note = np.random.default_rng(0).standard_normal(22050).astype(np.float32)
    net = build_pipeline(Config())["net"].initialize_for((1, 64, 87)).module_.eval()
    x = torch.randn(1, 1, 64, 87)

    def ours():
        model.predict_proba([note])

    @torch.no_grad()
    def bare():
        net(x)

    times = {"ours": [], "bare forward": []}
    for count in range(WARM_UP + N_CALLS):
        for name, function in (("ours", ours), ("bare forward", bare)):
            start = time.perf_counter()
            function()
            if count >= WARM_UP:
                times[name].append(time.perf_counter() - start)
    p99 = {name: float(np.percentile(seconds, 99)) for name, seconds in times.items()}
    figures = " / ".join(f"{name} {1e3 * seconds:.2f} ms" for name, seconds in p99.items())
    what = "one note in memory to probabilities, p99: ours / bare torch forward"
    return Row(what, p99["ours"] / p99["bare forward"], "<= 1.2", figures)


def measure(repeats: int = 5) -> list[Row]:
    """Return the rows of predictions and of start-up."""
    make_model()
    folder = material.snippets()
    one = next((folder / "audio").rglob("*.wav"))
    many = {"plain": partial(run, "benchmarks/plain.py", "predict", folder), "ours": partial(predict, folder / "audio")}
    single = {"ours": partial(predict, one), "import torch": partial(run, "-c", "import torch")}
    starting = {"ours": partial(run, "-m", "guitarclf", "--help"), "import click": partial(run, "-c", "import click")}
    for function in (*single.values(), *starting.values()):
        function()  # files in the system's memory, bytecode written
    return [
        row(
            "predict 1,000 snippets, whole process: plain / ours",
            ">= 4",
            *interleaved(many, max(1, repeats // 2)).items(),
        ),
        row("predict one file, whole process: ours / import torch", "<= 0.5", *interleaved(single, repeats).items()),
        latency(),
        row("guitarclf --help: ours / import click", "<= 1.5", *interleaved(starting, 4 * repeats).items()),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    print(*measure(parser.parse_args().repeats), sep="\n")
