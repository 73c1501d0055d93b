"""Notes scored alone and in phrases, by crossval and by eval, and sounds that are no note beside them."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from click.testing import CliRunner
from small import config_for, small_config

from guitarclf.cli import main
from guitarclf.errors import EventTableError, RunError
from guitarclf.experiment import material as module
from guitarclf.experiment.crossval import crossval
from guitarclf.experiment.evaluate import evaluate_run
from guitarclf.experiment.folds import fold_of_clips
from guitarclf.experiment.in_context import hear_in_context, require_snippets
from guitarclf.pipeline import build_pipeline
from guitarclf.training.net import NoteEventClassifier

SETTINGS = ["alone", "windows", "offsets"]
RESULTS = ("predictions.csv", "background.csv", "crossval.json", "crossval.txt")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A table of six clips that are no note, of three families."""
    folder, rng = tmp_path_factory.mktemp("clips"), np.random.default_rng(0)
    families = ["drums", "drums", "drums", "voices", "voices", "organs"]
    for number in range(len(families)):
        sf.write(folder / f"{number}.wav", rng.uniform(-0.5, 0.5, 22050), 22050)
    table = pd.DataFrame({"audio_path": [f"{n}.wav" for n in range(len(families))], "family": families})
    table.to_csv(folder / "metadata.csv", index=False)
    return folder / "metadata.csv"


def settings_for(table, output_dir, clips):
    changes = {"net__max_epochs": 1, "crossval__n_splits": 2, "training__background_path": str(clips)}
    return config_for(table, output_dir, **changes)


@pytest.fixture(scope="module")
def finished(small_table, clips, tmp_path_factory):
    """The folder and the report of a cross-validation of two folds, two nets each, in context."""
    folder = tmp_path_factory.mktemp("context") / "cv"
    report = crossval(settings_for(small_table, folder, clips), repeats=2, in_context=True, phrases_seed=3)
    return folder, report["by track"]


def test_every_note_is_scored_in_each_setting(finished, small_table):
    folder, report = finished
    table = pd.read_csv(folder / "predictions.csv")
    assert list(table["setting"].unique()) == SETTINGS
    notes = sorted(small_table.events["note_id"])
    assert all(sorted(part["note_id"]) == notes for _, part in table.groupby(["setting", "repeat"]))
    assert table["confidence"].between(0, 1).all()
    alone = table[table["setting"] == "alone"].set_index(["note_id", "repeat"])
    windows = table[table["setting"] == "windows"].set_index(["note_id", "repeat"]).loc[alone.index]
    assert (windows["label_category"] == alone["label_category"]).all()
    assert not np.allclose(windows["confidence"], alone["confidence"])
    assert report.pooled.n_events == 60  # of notes alone
    assert list(report.in_context.figures) == SETTINGS


def test_phrases_are_kept_to_be_heard(finished, small_table):
    folder, _ = finished
    phrases = pd.read_csv(folder / "phrases" / "metadata.csv")
    assert sorted(phrases["source_note"]) == sorted(small_table.events["note_id"])
    assert all((folder / "phrases" / path).is_file() for path in phrases["audio_path"])


def test_notes_alone_are_called_as_without_phrases(finished, small_table, clips, tmp_path):
    crossval(settings_for(small_table, tmp_path / "cv", clips), repeats=2)
    plain = pd.read_csv(tmp_path / "cv" / "predictions.csv")
    table = pd.read_csv(finished[0] / "predictions.csv").query("setting == 'alone'")
    pd.testing.assert_frame_equal(plain, table.sort_index().reset_index(drop=True)[plain.columns])
    assert not (tmp_path / "cv" / "phrases").exists()
    assert "Found, by track" not in (tmp_path / "cv" / "crossval.txt").read_text()


def test_sounds_are_scored_by_nets_that_were_trained_on_other_families(finished):
    folder, report = finished
    table = pd.read_csv(folder / "background.csv")
    assert table.groupby("repeat")["audio_path"].nunique().tolist() == [6, 6]
    assert (table.groupby("family")["fold"].nunique() == 1).all()
    assert dict(zip(table["family"], table["fold"], strict=True)) == {
        "drums": "fold 1",
        "voices": "fold 2",
        "organs": "fold 1",
    }
    written = json.loads((folder / "crossval.json").read_text())["by track"]["rejection"]
    assert written["clips"] == {"drums": 3, "voices": 2, "organs": 1}
    assert list(written["auroc"]) == SETTINGS
    assert list(report.rejection.thresholds) == ["the net's own", "5% of alone", "7% of windows"]


def test_sounds_left_out_are_not_trained_on(small_table, clips, tmp_path, monkeypatch):
    from guitarclf.training.rows import TrainingSet

    heard, original = [], TrainingSet.fit

    def fit(rows, net):
        heard.append(sorted(rows.events.loc[rows.is_background, "family"]))
        return original(rows, net)

    monkeypatch.setattr(TrainingSet, "fit", fit)
    crossval(settings_for(small_table, tmp_path / "cv", clips))
    assert heard == [["voices"] * 2, ["drums"] * 3 + ["organs"]]


def test_an_interrupted_one_goes_on_to_the_same_results(small_table, clips, finished, tmp_path, monkeypatch):
    config, original, calls = settings_for(small_table, tmp_path / "cv", clips), module.fit_and_predict, []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(module, "fit_and_predict", interrupted)
    options = {"repeats": 2, "in_context": True, "phrases_seed": 3}
    with pytest.raises(KeyboardInterrupt):
        crossval(config, **options)
    for other in ({"in_context": False}, {"phrases_seed": 4}):
        with pytest.raises(RunError, match="must be as in the run to go on with --resume"):
            crossval(config, **options | other, resume=True)
    crossval(config, **options, resume=True)
    for name in RESULTS:
        assert (tmp_path / "cv" / name).read_bytes() == (finished[0] / name).read_bytes()
    crossval(settings_for(small_table, tmp_path / "cv", clips), overwrite=True)
    assert not (tmp_path / "cv" / "phrases").exists()


def test_notes_of_longer_recordings_are_refused(small_table):
    with pytest.raises(EventTableError, match=r"must be alone in its recording\. .* has 2 events: such notes"):
        require_snippets(small_table.events.assign(events_in_file=2))


def test_offsets_are_used_as_the_recipe_uses_them_and_else_as_silence(small_table, tmp_path):
    events = small_table.events.iloc[:12]
    pipeline = build_pipeline(small_config())
    heard = hear_in_context(pipeline, events, tmp_path / "a", seed=0)
    silent = build_pipeline(small_config(window__zero_after_offset=True))
    silenced = hear_in_context(silent, events, tmp_path / "b", seed=0)
    for setting in ("windows", "offsets"):
        np.testing.assert_array_equal(heard[setting], silenced[setting])
    assert not np.array_equal(heard["windows"], heard["offsets"])
    masked = build_pipeline(small_config(logmel__extra_channels=["sounding"]))
    heard = hear_in_context(masked, events, tmp_path / "c", seed=0)
    assert (heard["windows"][:, 1] == 1).all()
    assert not (heard["offsets"][:, 1] == 1).all()
    np.testing.assert_array_equal(heard["windows"][:, 0], heard["offsets"][:, 0])


def test_phrases_are_in_the_order_of_the_table(small_table, tmp_path):
    pipeline = build_pipeline(small_config())
    events = small_table.events
    there = hear_in_context(pipeline, events, tmp_path / "a", seed=0)["offsets"]
    alone = pipeline[:-1].transform(events)
    attack = [np.asarray(X)[:, 0, :, :6].reshape(len(X), -1) for X in (there, alone)]
    likeness = np.corrcoef(*attack)[: len(events), len(events) :]
    assert np.median(np.argsort(-likeness).argsort()[np.arange(len(events)), np.arange(len(events))]) <= 2


def test_own_sounds_of_the_table_are_left_out_with_their_track():
    clips = pd.DataFrame({"family": ["b", "x", "y", "z"], "from_table": [True, False, False, True]})
    folds = fold_of_clips(clips, pd.Series(["a", "b"]), np.array(["one", "two"]))
    assert folds.tolist() == ["two", "one", "two", None]


def test_eval_scores_a_model_in_context(run, note_table):
    table = note_table("others", n_notes=12, seed=5)
    args = ["eval", run.folder.root, "--metadata-path", table.path, "--audio-root", table.audio_root, "--in-context"]
    done = CliRunner().invoke(main, list(map(str, args)))
    assert done.exit_code == 0, done.output
    assert "windows in phrases" in done.stdout
    written = json.loads(run.folder.metrics("events").read_text())
    assert list(written["in_context"]["settings"]) == SETTINGS
    alone = written["in_context"]["settings"]["alone"]
    assert alone["balanced accuracy"]["mean"] == written["balanced_accuracy"]
    done = CliRunner().invoke(main, ["eval", str(run.folder.root), "--phrases-seed", "1"])
    assert done.exit_code == 2


def test_eval_tells_what_the_threshold_of_a_model_makes_unknown(run, monkeypatch):
    assert evaluate_run(run.folder.root).unknown_as_text() is None
    monkeypatch.setattr(NoteEventClassifier, "unknown_below", 1.01)
    text = evaluate_run(run.folder.root).unknown_as_text()
    assert "are below the model's confidence of" in text
    assert "harmonic 0.0000" in text
