"""What a terminal shows: suggestions, as much as is asked for, and lines that bars leave alone."""

import logging
import os
import subprocess
import sys
from contextlib import suppress

import pytest
from click.testing import CliRunner

from guitarclf.cli import COMMANDS, main
from guitarclf.files.progress import QUIET

BESIDE_A_BAR = """
import logging
from guitarclf.cli.terminal import log_to_terminal
from guitarclf.files.progress import Progress
log_to_terminal()
with Progress(4, desc="reading", unit="event") as bar:
    for number in range(4):
        bar.update(1)
        logging.getLogger("guitarclf.x").warning("line %d", number)
"""


def swapped(word):
    """Yield a word with each pair of neighbours swapped, and without each of its letters."""
    yield from (word[:n] + word[n + 1] + word[n] + word[n + 2 :] for n in range(1, len(word) - 1))
    yield from (word[:n] + word[n + 1 :] for n in range(1, len(word)))


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_mistyped_command_is_suggested(name):
    for typed in {*swapped(name), name.upper(), name.title()} - COMMANDS.keys():
        result = CliRunner().invoke(main, [typed])
        assert result.exit_code == 2
        assert f"No such command '{typed}'. Did you mean '{name}'?" in result.stderr


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("import foldres", "folders"), ("import IDMT", "idmt"), ("cache claer", "clear"), ("predict --ouput", "--output")],
)
def test_what_is_mistyped_after_a_command_is_suggested(typed, meant):
    result = CliRunner().invoke(main, typed.split())
    assert result.exit_code == 2
    assert f"Did you mean {meant}?" in result.stderr.replace(
        "'", ""
    )  # which an earlier click puts around commands alone


def test_nothing_is_suggested_for_a_word_far_from_all():
    assert "No such command 'zzz'.\n" in CliRunner().invoke(main, ["zzz"]).stderr


@pytest.mark.parametrize("flags", ["-q predict {}", "predict -q {}", "predict {} --quiet", "-v predict {} -q"])
def test_quiet_may_stand_anywhere(flags, small_table, write_wav, make_tone):
    path = write_wav(make_tone(440.0, 3.0))
    told = CliRunner().invoke(main, ["predict", str(path)])
    quiet = CliRunner().invoke(main, flags.format(path).split())
    assert (quiet.exit_code, quiet.stdout) == (0, told.stdout)
    assert os.environ[QUIET] == "1"
    assert [handler.level for handler in logging.getLogger("guitarclf").handlers] == [logging.WARNING]
    CliRunner().invoke(main, ["predict", str(path)])
    assert QUIET not in os.environ


@pytest.mark.parametrize("flags", ["-v eval {}", "eval {} --verbose", "-q eval -v {}"])
def test_verbose_tells_what_lies_behind_an_error(flags, tmp_path):
    result = CliRunner().invoke(main, flags.format(tmp_path).split())
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert "Traceback" not in CliRunner().invoke(main, ["eval", str(tmp_path)]).stderr


def test_lines_stand_above_the_bars():
    termios = pytest.importorskip("termios")  # not on Windows
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    environment = {name: value for name, value in os.environ.items() if name != QUIET}
    done = subprocess.Popen([sys.executable, "-c", BESIDE_A_BAR], stderr=theirs, env=environment)
    os.close(theirs)
    drawn = b""
    with suppress(OSError):  # what Linux raises once the other end is closed
        while part := os.read(ours, 4096):
            drawn += part
    os.close(ours)
    assert done.wait() == 0
    lines = [line.rpartition("\r")[2] for line in drawn.decode().replace("\r\n", "\n").split("\n")]
    assert lines[:4] == [f"Warning: line {number}" for number in range(4)]
    assert "event/s" in drawn.decode()
