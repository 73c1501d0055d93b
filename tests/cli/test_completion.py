"""Completion, in a real bash, by the line that docs/shell_completion.md has for it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import guitarclf

PAGE = Path(guitarclf.__file__).parent.parent / "docs" / "shell_completion.md"
SHELLS = {"bash": "COMPREPLY", "zsh": "compdef", "fish": "complete"}


@pytest.fixture
def home(tmp_path):
    """A folder with a `guitarclf` to call, and a bash with completion set up in it."""
    program = tmp_path / "bin" / "guitarclf"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m guitarclf "$@"\n')
    program.chmod(0o755)
    return tmp_path


def in_shell(shell, script, home):
    """Return what a script prints in a shell whose home is a folder."""
    paths = f"{home / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    environment = {"HOME": str(home), "PATH": paths, "PYTHONPATH": ":".join(filter(None, sys.path))}
    done = subprocess.run([shell, "-c", script], env=environment, cwd=home, capture_output=True, text=True, check=True)
    assert not done.stderr, done.stderr
    return done.stdout


def lines_for(shell):
    (found,) = re.findall(rf"```sh\n(.*{shell}_source.*)\n```", PAGE.read_text(encoding="utf-8"))
    return found


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("tr", {"train"}),
        ("e", {"eval", "export"}),
        ("config ", {"show", "explain", "schema"}),
        ("crossval --fig", {"--figure-format"}),
        ("crossval --figure-format p", {"png", "pdf"}),
    ],
)
def test_bash_completes_commands_options_and_choices(home, typed, completed):
    words = ["guitarclf", *typed.split(" ")]
    script = (
        f"{lines_for('bash')}\n. ~/.bashrc\ncomplete -p guitarclf > /dev/null\n"
        f"COMP_WORDS=({' '.join(repr(word) for word in words)}); COMP_CWORD={len(words) - 1}\n"
        '_guitarclf_completion guitarclf; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    assert set(in_shell("bash", script, home).split()) == completed


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_its_script(home, shell):
    variable = re.match(r"(\w+)=", lines_for(shell))[1]
    assert SHELLS[shell] in in_shell("sh", f"{variable}={shell}_source guitarclf", home)
