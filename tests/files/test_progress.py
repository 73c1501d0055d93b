"""Progress bars: drawn for somebody who watches, and for nobody else."""

import io
import sys

import pytest
from click.testing import CliRunner

from guitarclf.cli import main
from guitarclf.files import progress
from guitarclf.files.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def drawn_on(monkeypatch):
    """`drawn_on(stream)`: what some work draws there."""
    monkeypatch.delenv(progress.QUIET, raising=False)

    def work(stream):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stream)
            with Progress(10, desc="reading", unit="event") as bar:
                bar.update(4)
                bar.update(6)
        assert bar.n == 10
        return stream.getvalue()

    return work


class OutStream(io.StringIO):  # what stderr is in a Jupyter kernel
    __module__ = "ipykernel.iostream"


@pytest.mark.parametrize("stream", [Terminal, OutStream])
def test_a_terminal_and_a_notebook_see_rate_and_end(drawn_on, stream):
    drawn = drawn_on(stream())
    assert "reading" in drawn
    assert "event/s" in drawn


def test_a_file_sees_nothing(drawn_on):
    assert drawn_on(io.StringIO()) == ""


def test_quiet_sees_nothing(drawn_on, monkeypatch):
    monkeypatch.setenv(progress.QUIET, "1")
    assert drawn_on(Terminal()) == ""


def test_quiet_holds_for_one_command(tmp_path):
    CliRunner().invoke(main, ["--quiet", "cache", "show", "--folder", str(tmp_path)])
    assert progress.QUIET in progress.os.environ
    CliRunner().invoke(main, ["cache", "show", "--folder", str(tmp_path)])
    assert progress.QUIET not in progress.os.environ
