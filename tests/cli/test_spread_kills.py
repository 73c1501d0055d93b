"""predict and annotate on a cluster where a worker or the command itself is killed, and Ctrl-C."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from notes import RATE, decaying_sine, write_note_table

from guitarclf.files.whole import hidden
from guitarclf.runs.journal import n_kept, unfinished_path

pytestmark = pytest.mark.slow

TOO_LONG = 180.0  # seconds, on a busy machine
N_FILES, N_RECORDINGS = 3000, 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with `notes`, many of them, and `takes`, recordings of 10 to 20 s."""
    folder = tmp_path_factory.mktemp("kills")
    table = write_note_table(folder / "table")
    (folder / "notes").mkdir()
    (folder / "takes").mkdir()
    for number in range(N_FILES):
        os.link(table.audio_root / f"note{number % 30:03d}.wav", folder / "notes" / f"{number:04d}.wav")
    note = decaying_sine(196.0, 0.5, decay=0.1)
    for number in range(N_RECORDINGS):
        take = np.tile(note, 20 + number % 7 * 3)
        soundfile.write(folder / "takes" / f"{number:02d}.wav", take, RATE)
    return folder


COMMANDS = {
    "predict": ("predict", "notes", "--output"),
    "annotate": ("annotate", "takes", "--combined"),
}


@pytest.fixture(scope="module")
def here(folder):
    """What each command writes by itself."""
    for name, command in COMMANDS.items():
        start(folder, *command, f"{name}.csv").communicate(timeout=TOO_LONG)
    return {name: (folder / f"{name}.csv").read_bytes() for name in COMMANDS}


def start(folder, *arguments):
    """Start a command in a session of its own, which heeds Ctrl-C: a shell's background does not."""
    command = [sys.executable, "-m", "guitarclf", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    heed_ctrl_c = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(command, cwd=folder, start_new_session=True, preexec_fn=heed_ctrl_c, **pipes)


def wait_until_kept(path: Path, n_parts: int, process) -> None:
    """Wait until a command has kept some parts of its work."""
    deadline = time.monotonic() + TOO_LONG
    while n_kept(unfinished_path(path)) < n_parts:
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_worker_changes_nothing(folder, here, two_workers, name):
    out = folder / f"{name}_worker.csv"
    process = start(folder, *COMMANDS[name], str(out), "--cluster", two_workers.scheduler_address)
    wait_until_kept(out, 2, process)
    os.kill(two_workers.workers[0].process.pid, signal.SIGKILL)
    _, told = process.communicate(timeout=TOO_LONG)
    assert process.returncode == 0, told
    assert out.read_bytes() == here[name]


@pytest.mark.parametrize("place", ["cluster", "n-jobs"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_command_goes_on_with_what_it_kept(folder, here, two_workers, name, place):
    out = folder / f"{name}_{place}.csv"
    where = ("--cluster", two_workers.scheduler_address) if place == "cluster" else ("--n-jobs", "2")
    process = start(folder, *COMMANDS[name], str(out), *where)
    wait_until_kept(out, 3, process)
    process.kill()
    process.wait(TOO_LONG)
    end_session(process.pid)  # processes that worked for it would wait for work for minutes
    process.stdout.close()
    process.stderr.close()
    kept = n_kept(unfinished_path(out))
    assert not out.exists()
    again = start(folder, *COMMANDS[name], str(out), *where, "--resume")
    _, told = again.communicate(timeout=TOO_LONG)
    assert again.returncode == 0, told
    done = int(re.search(r"^(\d+) of \d+ (events|recordings) were done before$", told, re.MULTILINE)[1])
    assert done >= kept
    assert out.read_bytes() == here[name]
    assert not list(folder.glob(f"{hidden(out, '').name}*"))


def end_session(session: int) -> None:
    """Kill what a process that was killed has left in its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(session, signal.SIGKILL)


@pytest.mark.parametrize("where", [("--n-jobs", "2"), ("--cluster", "local:2")], ids=str)
@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c_ends_all_processes_with_130_and_keeps_what_is_done(folder, here, name, where):
    out = folder / f"{name}_ctrl_c{len(where[1])}.csv"
    process = start(folder, *COMMANDS[name], str(out), *where)
    wait_until_kept(out, 2, process)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=TOO_LONG)  # which lasts until nobody has its stderr any more
    assert process.returncode == 130, told
    assert told.endswith("Interrupted.\n")
    deadline = time.monotonic() + TOO_LONG
    while in_session(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert n_kept(unfinished_path(out)) >= 2


def in_session(session: int) -> list[int]:
    """Return the processes of a session that are not over."""
    import psutil

    def is_there(pid):
        try:
            return os.getsid(pid) == session and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except (ProcessLookupError, psutil.NoSuchProcess):
            return False

    return [pid for pid in psutil.pids() if is_there(pid)]
