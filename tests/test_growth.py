"""benchmarks/growth.py, run small: it measures, draws, and names what is too steep."""

import importlib.util
import math
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "growth.py"


@pytest.fixture
def growth(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    spec = importlib.util.spec_from_file_location("growth", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="anonymous memory is read from /proc")
@pytest.mark.slow
def test_it_measures_small_sizes_and_draws_them(tmp_path):
    sizes = ["--from", "100", "--to", "1000", "--only", "read_table", "--only", "look_up_found"]
    command = [sys.executable, str(SCRIPT), *sizes, "--output", str(tmp_path / "growth.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "slopes above 1.1: none" in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines()[:2]] == ["read_table", "look_up_found"]
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")


def test_a_square_is_steep_and_what_is_too_little_is_not_judged(growth):
    assert growth.slope([1000, 10_000], [0.5, 5.0], 0.2) == pytest.approx(1)
    assert growth.slope([1000, 10_000], [0.5, 50.0], 0.2) == pytest.approx(2)
    assert math.isnan(growth.slope([1000, 10_000], [0.02, 2.0], 0.2))
    assert math.isnan(growth.slope([1000], [5.0], 0.2))


def test_every_piece_of_work_runs_on_a_few_events(growth, tmp_path):
    for make in growth.WITHOUT_SOUND:
        folder = tmp_path / make.__name__
        folder.mkdir()
        make(folder, 40)()


@pytest.mark.slow
def test_every_piece_of_work_that_reads_files_runs_on_a_few_events(growth, tmp_path):
    for make in (*growth.OF_FILES, *growth.OF_SOUND):
        folder = tmp_path / make.__name__
        folder.mkdir()
        make(folder, 40)()
