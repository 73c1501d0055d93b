"""`call`: a command as a user types it."""

from click.testing import CliRunner

from guitarclf.cli import main


def call(*args, code=0):
    """Run a command and return click's result, having checked its exit code."""
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == code, (result.output, result.exception)
    return result
