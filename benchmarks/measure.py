"""What the benchmarks share: interleaved runs, one row of the table each, and the machine they ran on."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib import metadata

PACKAGES = ("torch", "skorch", "scikit-learn", "librosa", "numpy", "onnxruntime", "soundfile", "soxr")


@dataclass(frozen=True)
class Row:
    """One yardstick: the ratio reached, what it is to reach, and the seconds (or bytes) it came from."""

    what: str
    ratio: float
    reach: str
    figures: str

    @property
    def is_reached(self) -> bool:
        """Whether the ratio is on the right side of ``reach``, such as ">= 4" or "<= 0.5"."""
        sign, bound = self.reach.split()
        return self.ratio >= float(bound) if sign == ">=" else self.ratio <= float(bound)

    def __str__(self) -> str:
        mark = "" if self.is_reached else "  falls short"
        return f"{self.what:64} {self.ratio:8.2f}  {self.reach:8} {self.figures}{mark}"


def interleaved(functions: dict, repeats: int) -> dict[str, list[float]]:
    """Return the seconds of each function, run in turn: what disturbs the machine disturbs them all."""
    seconds = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            seconds[name].append(timed(function))
    return seconds


def timed(function) -> float:
    """Return the seconds of one call, or what the call returns if it has timed something itself."""
    start = time.perf_counter()
    result = function()
    return result if isinstance(result, float) else time.perf_counter() - start


def median_ratio(above: list[float], below: list[float]) -> float:
    """Return the median over the turns of one time by the other."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def row(what: str, reach: str, above: tuple[str, list[float]], below: tuple[str, list[float]]) -> Row:
    """Return the row of two lists of seconds, each with its name."""
    figures = " / ".join(f"{name} {statistics.median(times):.3f} s" for name, times in (above, below))
    return Row(what, median_ratio(above[1], below[1]), reach, figures)


def run(*command, **environment) -> str:
    """Run a command of Python to its end in a process of its own and return what it printed."""
    env = {**os.environ, **{name: str(value) for name, value in environment.items()}}
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


def empty_cache() -> dict[str, str]:
    """Return an environment with a feature cache that is empty."""
    return {"GUITARCLF_CACHE": tempfile.mkdtemp(prefix="guitarclf-bench-")}


def machine() -> dict:
    """Return what the figures depend on."""
    model = platform.processor() or platform.machine()
    flags = ""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
        lines = {name.strip(): value.strip() for name, value in lines.items()}
        model, flags = lines.get("model name", model), lines.get("flags", "")
    wanted = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "instructions": [name for name in wanted if name in flags.split()],
        "load_at_start": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }


def as_json(rows: list[Row], described: dict) -> str:
    """Return rows and machine as JSON."""
    content = {"machine": described, "rows": [asdict(row) | {"is_reached": row.is_reached} for row in rows]}
    return json.dumps(content, indent=2) + "\n"
