"""predict on many files: by threads of one process, by processes of this machine, by a cluster on it.

    python benchmarks/cluster_predict.py [--files 10000] [--repeats 3]

The files are modelled notes of a second, each there many times by hard links. Every command is a process of its own, in
turn with the others; its start-up is what it takes for 48 files. What is written must be the same to the byte.
"""

import argparse
import os
import resource
import shutil
import statistics
import time
from pathlib import Path

import material
from measure import Row, median_ratio, run

PLACES = {
    "default": (),
    "--n-jobs 2": ("--n-jobs", "2"),
    "--cluster local:2": ("--cluster", "local:2"),
}
FEW = 48  # files: enough for two jobs, so that both processes load what they need


def linked(n_files: int) -> Path:
    """Return a folder of so many files, links to the snippets."""
    snippets = sorted((material.snippets() / "audio").rglob("*.wav"))
    folder = material.ROOT / f"linked_{n_files}"
    if not folder.exists():
        made = folder.with_suffix(".making")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        for number in range(n_files):
            os.link(snippets[number % len(snippets)], made / f"{number:06d}.wav")
        made.rename(folder)
    return folder


def predicted(folder: Path, place: tuple[str, ...]) -> tuple[float, float, bytes]:
    """Return the seconds, the seconds of a core in all processes, and what `predict` writes of a folder."""
    output = material.ROOT / "predicted.csv"
    cpu, start = _core_seconds(), time.perf_counter()
    run("-m", "guitarclf", "-q", "predict", folder, "--output", output, "--overwrite", *place)
    return time.perf_counter() - start, _core_seconds() - cpu, output.read_bytes()


def _core_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(n_files: int = 10_000, repeats: int = 3) -> list[Row]:
    """Return the rows, and print what each place took; SystemExit if two places write different bytes."""
    folders = {"many": linked(n_files), "few": linked(FEW)}
    times: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for _ in range(repeats):
        for size, folder in folders.items():
            outputs = set()
            for place, options in PLACES.items():
                seconds, core_seconds, output = predicted(folder, options)
                times.setdefault((place, size), []).append((seconds, core_seconds))
                outputs.add(output)
            if len(outputs) > 1:
                raise SystemExit(f"predict of {folder} must write the same bytes everywhere. It does not.")
    for (place, size), taken in times.items():
        wall, cores = (statistics.median(column) for column in zip(*taken, strict=True))
        print(f"{place:18} {len(list(folders[size].iterdir())):6} files: {wall:6.1f} s, {cores:6.1f} s of a core")

    def beyond(place: str, column: int) -> list[float]:
        pairs = zip(times[place, "many"], times[place, "few"], strict=True)
        return [many[column] - few[column] for many, few in pairs]

    wanted = {("--cluster local:2", "--n-jobs 2"): "<= 1.25", ("--n-jobs 2", "default"): "<= 1.0"}
    return [
        Row(f"predict, {unit} beyond start-up: {above} / {below}", median_ratio(*sides), reach, figures(*sides))
        for (above, below), reach in wanted.items()
        for column, unit in enumerate(("s", "core s"))
        for sides in [(beyond(above, column), beyond(below, column))]
    ]


def figures(above: list[float], below: list[float]) -> str:
    """Return the medians of two lists of seconds."""
    return " / ".join(f"{statistics.median(seconds):.1f} s" for seconds in (above, below))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(*measure(options.files, options.repeats), sep="\n")
