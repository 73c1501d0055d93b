"""`cache fill` computes what later commands find, here and on a cluster."""

import os

import pytest
from click.testing import CliRunner
from small import config_for, options_for

from guitarclf.cli import main
from guitarclf.experiment.cache_fill import cache_fill
from guitarclf.experiment.train import train
from guitarclf.features import extraction
from guitarclf.features.filling import Filled


@pytest.fixture
def table(note_table):
    """Notes whose files are not of just now."""
    return note_table(n_notes=12)


@pytest.fixture(autouse=True)
def old(monkeypatch):
    monkeypatch.setattr("guitarclf.files.state.GRAIN_SEC", -1.0)


def fill(table, cache, *more, exit_code=0):
    """Run `cache fill` on a table and return what it prints."""
    data = ["--metadata-path", str(table.path), "--audio-root", str(table.audio_root)]
    options = [*data, "--set", f"data.cache={cache}", "--set", "logmel.n_mels=32", *more]
    done = CliRunner().invoke(main, ["-q", "cache", "fill", *options])
    assert done.exit_code == exit_code, done.output
    return done


def test_it_tells_how_many_rows_were_computed_and_how_many_were_there(table, tmp_path):
    assert fill(table, tmp_path / "store").output == "12 rows computed, 0 were there.\n"
    assert fill(table, tmp_path / "store").output == "0 rows computed, 12 were there.\n"


def test_a_training_finds_them(table, tmp_path, monkeypatch):
    fill(table, tmp_path / "store")
    monkeypatch.setattr(extraction, "extract", lambda *args: pytest.fail("features are computed"))
    train(config_for(table, tmp_path / "run", data__cache=str(tmp_path / "store"), net__max_epochs=1))


@pytest.mark.parametrize("without_offsets", [0, 0.5])
def test_a_training_that_hears_ends_finds_them_too(table, tmp_path, monkeypatch, without_offsets):
    how = {"window__zero_after_offset": True, "training__without_offsets": without_offsets, "net__max_epochs": 1}
    config = config_for(table, tmp_path / "run", data__cache=str(tmp_path / "store"), **how)
    assert cache_fill(config) == Filled(n_computed=12 * (1 + bool(without_offsets)))
    monkeypatch.setattr(extraction, "extract", lambda *args: pytest.fail("features are computed"))
    train(config)


def test_each_recording_that_cannot_be_read_is_a_line_and_the_rest_is_kept(table, tmp_path):
    paths = sorted(table.audio_root.iterdir())
    paths[0].unlink()
    paths[5].write_bytes(b"no sound")
    done = fill(table, tmp_path / "store", exit_code=1)
    assert done.stdout == "10 rows computed, 0 were there.\n"
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert sorted(path for path in (str(paths[0]), str(paths[5])) for line in lines if path in line) == [
        str(paths[0]),
        str(paths[5]),
    ]
    assert fill(table, tmp_path / "store", exit_code=1).stdout == "0 rows computed, 10 were there.\n"


def test_a_path_out_of_the_audio_root_is_refused(table, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = fill(table, tmp_path / "store", "--audio-root", str(elsewhere), exit_code=1)
    assert done.stdout == "0 rows computed, 0 were there.\n"
    text = table.path.read_text().replace("note000.wav", "../events.csv")
    table.path.write_text(text)
    assert "must be inside the audio root" in fill(table, tmp_path / "store", exit_code=1).output


@pytest.mark.parametrize(
    ("more", "exit_code", "message"),
    [
        (["--set", "data.cache=null"], 1, "`data.cache` must be a folder, or auto, to be filled. It is null."),
        (["--n-jobs", "2", "--cluster", "local:2"], 2, "Give --n-jobs or --cluster, not both."),
        (["--cluster", "nonsense"], 1, "--cluster must be the address of a scheduler"),
        (["--n-jobs", "0"], 2, "it must be 1 or more, or -1"),
    ],
)
def test_what_cannot_be_is_refused(table, tmp_path, more, exit_code, message):
    assert message in fill(table, tmp_path / "store", *more, exit_code=exit_code).output
    assert not (tmp_path / "store").exists()


def test_a_folder_that_is_a_file_is_refused(table, tmp_path):
    (tmp_path / "store").write_text("")
    assert "must be a folder that can be written" in fill(table, tmp_path / "store", exit_code=1).output


@pytest.mark.slow
@pytest.mark.parametrize("where", [["--n-jobs", "2"], ["--cluster", "local:2"]])
def test_several_processes_fill_one_store(table, tmp_path, where, monkeypatch):
    monkeypatch.undo()
    for path in table.audio_root.iterdir():
        os.utime(path, (1e9, 1e9))
    import time

    time.sleep(2.1)  # the time of the last change of a file's state cannot be set
    monkeypatch.setattr("guitarclf.features.filling.FEWEST_ROWS", 3)
    assert fill(table, tmp_path / "store", *where).stdout == "12 rows computed, 0 were there.\n"
    assert fill(table, tmp_path / "store").stdout == "0 rows computed, 12 were there.\n"


@pytest.mark.parametrize("command", ["search", "crossval", "train"])
def test_a_cluster_that_is_none_leaves_nothing_behind(table, tmp_path, command):
    options = options_for(table, tmp_path / "run", search__params='{"net.lr": [1e-3, 1e-2]}')
    done = CliRunner().invoke(main, ["-q", command, *options, "--cluster", str(tmp_path / "none.json")])
    assert done.exit_code == 1
    assert "--cluster must be the address of a scheduler" in done.output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["search", "crossval"])
def test_a_cluster_and_jobs_are_not_both(table, tmp_path, command):
    options = options_for(table, tmp_path / "run")
    done = CliRunner().invoke(main, [command, *options, "--cluster", "local:2", "--n-jobs", "2"])
    assert done.exit_code == 2
    assert "Give --n-jobs or --cluster, not both." in done.output
