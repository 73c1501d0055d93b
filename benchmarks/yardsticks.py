"""All yardsticks of speed and memory in one table of ratios (`make bench`).

    python benchmarks/yardsticks.py [--repeats 3] [--only features predicting] [--output benchmarks/results/mine.json]

Every ratio is the median of runs in turn on one machine; absolute times are shown but not judged. Nothing else
should run meanwhile. The JSON says on what machine the figures were seen, and how busy it was.
"""

import argparse
import platform
from pathlib import Path

import features
import memory
import predicting
import reuse
import training
from measure import as_json, machine

PARTS = {
    "training": training.measure,
    "features": features.measure,
    "reuse": reuse.measure,
    "predicting": predicting.measure,
    "memory": lambda repeats: memory.measure(),
}


def main():
    """Run the parts, print each row when it is there, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    described, rows = machine(), []
    print(f"{described['cpu']}, {described['cores']} cores, load {described['load_at_start']}")
    print(f"{'':64} {'ratio':>8}  {'reach':8} median seconds")
    for name in arguments.only:
        for row in PARTS[name](arguments.repeats):
            print(row, flush=True)
            rows.append(row)
    output = arguments.output or Path("benchmarks/results") / f"{platform.node() or 'here'}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(as_json(rows, described), encoding="utf-8")
    print(f"written: {output}")


if __name__ == "__main__":
    main()
