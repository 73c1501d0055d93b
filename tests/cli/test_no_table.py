"""A command that is given no table says where to get one."""

import pytest
from click.testing import CliRunner

from guitarclf.cli import main


@pytest.mark.parametrize("default", [True, False])
@pytest.mark.parametrize(("command", "code"), [("train", 1), ("search", 1), ("crossval", 1), ("validate", 2)])
def test_a_command_without_a_table_points_to_import_and_demo(tmp_path, monkeypatch, command, code, default):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text("seed: 3" if default else "data: {metadata_path: data/idmt_guitar_events.csv}")
    done = CliRunner().invoke(main, [command, "--config", "c.yaml"])
    assert done.exit_code == code
    assert "A table of note events must be given" in done.stderr
    assert "`guitarclf import` makes one" in done.stderr
    assert "`guitarclf demo`" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["c.yaml"]


def test_a_table_that_was_named_and_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["train", "--metadata-path", "mine.csv"])
    assert done.exit_code == 1
    assert "mine.csv must be a CSV or Parquet file. There is no such file." in done.stderr
