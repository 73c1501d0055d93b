"""A cross-validation keeps its finished folds, writes whole files, and shares its folder with nobody."""

import errno
import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from small import options_for, small_config

from guitarclf.cli import main
from guitarclf.config.files import with_values
from guitarclf.errors import AudioReadError, RunError
from guitarclf.experiment import crossval as crossvalidating
from guitarclf.experiment import material as module
from guitarclf.experiment.crossval import crossval
from guitarclf.experiment.fits import from_plain
from guitarclf.experiment.search import search
from guitarclf.experiment.train import train
from guitarclf.files.lock import locked

ARTEFACTS = [
    "config.yaml",
    "crossval.json",
    "crossval.log",
    "crossval.txt",
    "environment.json",
    "figures",
    "finished_folds.jsonl",
    "predictions.csv",
    "scores.csv",
    "scores.tex",
]
RESULTS = ("predictions.csv", "crossval.json", "crossval.txt", "scores.csv", "scores.tex")


def config_for(table, output_dir, **changes):
    config = small_config(
        data__metadata_path=str(table.path), data__audio_root=str(table.audio_root), output_dir=str(output_dir)
    )
    return with_values(config, {"net.max_epochs": 1, "crossval.n_splits": 3} | changes, source="test")


def names(folder) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def interrupt(monkeypatch, at_call, error=KeyboardInterrupt) -> list:
    """Let the fit of a number end with an error; return the list that counts the fits."""
    original, calls = module.fit_and_predict, []

    def interrupted(*args):
        calls.append(args[-1])
        if len(calls) == at_call:
            raise error
        return original(*args)

    monkeypatch.setattr(module, "fit_and_predict", interrupted)
    return calls


@pytest.fixture(scope="module")
def whole(small_table, tmp_path_factory):
    """The folder of an undisturbed cross-validation of three folds, two nets each."""
    folder = tmp_path_factory.mktemp("whole") / "cv"
    crossval(config_for(small_table, folder), repeats=2)
    return folder


@pytest.fixture
def finished(whole, tmp_path):
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "cv"))


@pytest.mark.parametrize("at_call", [2, 4, 6])
def test_an_interrupted_cross_validation_goes_on_to_the_same_results(
    small_table, whole, tmp_path, monkeypatch, at_call
):
    config = config_for(small_table, tmp_path / "cv")
    calls = interrupt(monkeypatch, at_call)
    with pytest.raises(KeyboardInterrupt):
        crossval(config, repeats=2)
    assert names(tmp_path / "cv") == [name for name in ARTEFACTS if name not in (*RESULTS, "figures")]
    crossval(config, repeats=2, resume=True)
    assert len(calls) == 7  # six, and the one that was interrupted
    for name in RESULTS:
        assert (tmp_path / "cv" / name).read_bytes() == (whole / name).read_bytes()
    assert names(tmp_path / "cv") == ARTEFACTS


def test_resuming_what_is_finished_trains_nothing(small_table, finished, monkeypatch):
    before = {name: (finished / name).read_bytes() for name in RESULTS}
    monkeypatch.setattr(module, "prepare", lambda *args: pytest.fail("features are computed"))
    reports = crossval(config_for(small_table, finished), repeats=2, resume=True)
    assert reports["by track"].pooled.n_events == 60
    assert before == {name: (finished / name).read_bytes() for name in RESULTS}


def test_a_table_that_was_worked_on_in_a_finished_folder_stays(small_table, finished):
    with (finished / "predictions.csv").open("a") as file:
        file.write("by hand")
    crossval(config_for(small_table, finished), repeats=2, resume=True)
    assert (finished / "predictions.csv").read_text().endswith("by hand")


def test_a_fit_cut_short_on_disk_is_done_again(small_table, whole, finished, monkeypatch):
    kept = (finished / "finished_folds.jsonl").read_bytes()
    (finished / "finished_folds.jsonl").write_bytes(kept[:-7])
    (finished / "crossval.txt").unlink()  # what is finished is not written again
    calls = interrupt(monkeypatch, 99)
    crossval(config_for(small_table, finished), repeats=2, resume=True)
    assert len(calls) == 1
    assert (finished / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()


def test_what_is_there_is_refused_without_overwrite(small_table, finished):
    with pytest.raises(RunError, match=r"must be new or empty, .* It already holds a run, finished\. Go on with it"):
        crossval(config_for(small_table, finished))
    (finished / "crossval.txt").unlink()
    with pytest.raises(RunError, match=r"It already holds a run, unfinished\. Go on with it with --resume, replace it"):
        crossval(config_for(small_table, finished))


def test_overwrite_replaces_it_and_leaves_what_is_not_its_own(small_table, finished):
    (finished / "mine.txt").write_text("kept")
    crossval(config_for(small_table, finished, **{"crossval.n_splits": 2}), overwrite=True)
    assert names(finished) == sorted([*ARTEFACTS, "mine.txt"])
    assert pd.read_csv(finished / "predictions.csv")["fold"].nunique() == 2


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"net.lr": 0.5}, {"repeats": 2}, r"`net\.lr` must be as in the run to go on with --resume, .* Got 0\.5"),
        ({}, {"repeats": 3}, r"`--repeats` must be as in the run to go on with --resume, 2 in .* Got 3\. Leave it"),
        ({}, {"repeats": 2, "leave_one_out": "track"}, r"`--leave-one-out` must be as in the run .*, None in"),
        ({}, {"repeats": 2, "compare_splits": True}, r"`--compare-splits` must be as in the run .*, False in"),
    ],
)
def test_other_settings_are_refused(small_table, finished, changes, options, message):
    with pytest.raises(RunError, match=message):
        crossval(config_for(small_table, finished, **changes), **options, resume=True)


def test_another_table_is_refused(note_table, tmp_path):
    table = note_table()
    crossval(config_for(table, tmp_path / "cv", **{"crossval.n_splits": 2}))
    rows = pd.read_csv(table.path)
    rows.iloc[::-1].to_csv(table.path, index=False)
    with pytest.raises(RunError, match=r"The table must be as in the run to go on with --resume\. Its digest was"):
        crossval(config_for(table, tmp_path / "cv", **{"crossval.n_splits": 2}), resume=True)


def test_folds_of_other_rows_are_refused(small_table, finished):
    path = finished / "finished_folds.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(json.dumps({"key": "another"}) + "\n" + "".join(lines[1:]))
    with pytest.raises(RunError, match=r"finished_folds\.jsonl must hold rows of the same model, events and settings"):
        crossval(config_for(small_table, finished), repeats=2, resume=True)


@pytest.mark.parametrize("plain", [[{"proba": [[1, 0, 0]]}], [{"proba": [[1, 0]], "called": {}}], ["x"]])
def test_kept_outcomes_that_are_none_are_refused(plain):
    with pytest.raises(RunError, match=r"kept\.jsonl must hold the outcomes of fits\. \w+: .* Begin again with --over"):
        from_plain(plain, [1], Path("kept.jsonl"))


def test_a_damaged_record_of_the_beginning_is_refused(small_table, finished):
    (finished / "environment.json").write_text('{"data": {}, "options": 3}')
    with pytest.raises(RunError, match=r"environment\.json must hold the `options` that the run began with\. TypeErr"):
        crossval(config_for(small_table, finished), repeats=2, resume=True)


@pytest.mark.parametrize("how", [{}, {"resume": True}, {"overwrite": True}])
def test_two_at_once_are_refused(small_table, tmp_path, how):
    with locked(tmp_path / "cv"), pytest.raises(RunError, match="must be written by one process at a time"):
        crossval(config_for(small_table, tmp_path / "cv"), **how)


@pytest.mark.parametrize("how", ["resume", "overwrite"])
def test_other_commands_leave_it_alone(small_table, finished, how):
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    config = config_for(small_table, finished, **{"search.params": {"net.lr": [1e-3]}})
    for command in (train, search):
        with pytest.raises(RunError, match=f"It holds something that is no run, which --{how} leaves alone"):
            command(config, **{how: True})
    assert before == {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}


@pytest.mark.parametrize("how", ["resume", "overwrite"])
def test_it_leaves_a_training_run_alone(small_table, tmp_path, how):
    train(config_for(small_table, tmp_path / "run"))
    before = names(tmp_path / "run")
    with pytest.raises(RunError, match=f"It holds something that is no run, which --{how} leaves alone"):
        crossval(config_for(small_table, tmp_path / "run"), **{how: True})
    assert names(tmp_path / "run") == before


@pytest.mark.parametrize("error", [KeyboardInterrupt("gone"), AudioReadError("gone")])
def test_before_the_first_fold_is_finished_nothing_is_left(small_table, tmp_path, monkeypatch, error):
    interrupt(monkeypatch, 1, error)
    with pytest.raises(BaseException, match="gone"):
        crossval(config_for(small_table, tmp_path / "cv"))
    assert names(tmp_path) == []


def test_ctrl_c_is_exit_code_130_and_says_how_to_go_on(small_table, tmp_path, monkeypatch):
    interrupt(monkeypatch, 2)
    args = ["crossval", *options_for(small_table, tmp_path / "cv", net__max_epochs=1, crossval__n_splits=3)]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 130, result.output
    assert "The same command with --resume goes on" in result.stderr
    done = CliRunner().invoke(main, [*args, "--resume"])
    assert done.exit_code == 0, done.output
    assert "1 of 3 fits were done before" in done.stderr
    again = CliRunner().invoke(main, args)
    assert again.exit_code == 1
    assert "It already holds a run, finished. Go on with it with --resume, replace it with" in again.stderr
    assert CliRunner().invoke(main, [*args, "--resume", "--overwrite"]).exit_code == 2


def test_on_a_full_disk_the_results_before_stay(small_table, finished, monkeypatch):
    (finished / "crossval.txt").unlink()  # what is finished is not written again
    before = {path: path.read_bytes() for path in map(finished.joinpath, RESULTS) if path.exists()}
    original = crossvalidating.summarise

    def fill(*args, **settings):
        def fail(handle):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", fail)
        return original(*args, **settings)

    monkeypatch.setattr(crossvalidating, "summarise", fill)
    with pytest.raises(RunError, match=r"predictions\.csv must be writable\. No space left on device"):
        crossval(config_for(small_table, finished), repeats=2, resume=True)
    assert before == {path: path.read_bytes() for path in before}
    assert names(finished) == [name for name in ARTEFACTS if name != "crossval.txt"]


def test_rows_left_out_for_their_audio_are_listed(note_table, tmp_path):
    table = note_table()
    (table.audio_root / "note000.wav").write_bytes(b"no audio")
    changes = {"data.on_bad_audio": "skip", "data.max_bad_fraction": 0.1, "crossval.n_splits": 2}
    reports = crossval(config_for(table, tmp_path / "cv", **changes))
    assert reports["by track"].pooled.n_events == 29
    assert pd.read_csv(tmp_path / "cv" / "bad_audio.csv")["note_id"].tolist() == ["n000"]
