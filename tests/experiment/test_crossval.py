"""Cross-validation: whole tracks left out, modelled notes on the training side only, honest intervals."""

import json

import librosa
import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from small import small_config

from guitarclf.errors import ConfigError, SplitError
from guitarclf.evaluation.baselines import majority, mfcc_statistics, svm_on_mfcc
from guitarclf.evaluation.crossval import summarise
from guitarclf.evaluation.intervals import wilson
from guitarclf.evaluation.metrics import class_calibration_error
from guitarclf.experiment import material as module
from guitarclf.experiment.crossval import crossval, fold_of_rows
from guitarclf.experiment.fits import Outcome, answers, no_clips
from guitarclf.labels import LABELS
from guitarclf.pipeline import build_pipeline


def config_for(table, output_dir, **overrides):
    return small_config(
        data__metadata_path=str(table.path),
        data__audio_root=str(table.audio_root),
        output_dir=str(output_dir),
        net__max_epochs=1,
        **overrides,
    )


@pytest.fixture(scope="module")
def finished(small_table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crossval") / "cv"
    config = config_for(small_table, folder, crossval__n_splits=3)
    return folder, crossval(config, repeats=2, compare_splits=True)


def test_every_event_is_scored_once_a_repeat_by_a_net_that_has_not_heard_its_track(finished, small_table):
    folder, _ = finished
    table = pd.read_csv(folder / "predictions.csv").query("split == 'by track'")
    assert sorted(table["note_id"]) == sorted([*small_table.events["note_id"]] * 2)
    assert (table.groupby("track")["fold"].nunique() == 1).all()


def test_leaking_splits_stand_beside_the_honest_one(finished):
    folder, reports = finished
    assert list(reports) == ["random rows", "by file", "by track"]
    written = json.loads((folder / "crossval.json").read_text())
    assert written["by track"]["pooled"]["macro_f1"] == reports["by track"].pooled.macro_f1
    assert (folder / "crossval.txt").read_text().count("macro-F1") > 6


def test_report_counts_and_compares(finished):
    report = finished[1]["by track"]
    assert report.pooled.n_events == 60
    assert len(report.by_repeat) == 2
    assert report.per_track["events"].sum() == 30
    assert set(report.baselines) == {"majority", "duration only", "SVM on MFCC"}
    low, high = report.intervals["macro-F1"]
    assert 0 <= low <= high <= 1


def test_modelled_notes_are_on_the_training_side_only(small_table, tmp_path, monkeypatch):
    seen = []

    def remember(config, material, held_out, clips_left_out, seed):
        tracks = [*material.events["track"][~held_out], *material.synthetic.notes["track"]]
        seen.append((len(tracks), sum(track.startswith("modelled") for track in tracks)))
        assert not material.events["track"].str.startswith("modelled").any()
        n_notes = held_out.sum()
        return Outcome({"alone": answers(np.full((n_notes, 3), 1 / 3), np.full(n_notes, 1 / 3))}, no_clips(), 0.0)

    monkeypatch.setattr(module, "fit_and_predict", remember)
    config = config_for(small_table, tmp_path / "cv", crossval__n_splits=2, training__add_modelled=40)
    reports = crossval(config)
    assert seen == [(55, 40), (55, 40)]
    assert reports["by track"].pooled.n_events == 30


def test_leave_one_out_makes_a_fold_of_each_track(small_table):
    fold = fold_of_rows(small_table.events, small_config(), leave_one_out="track")
    assert sorted(set(fold)) == [f"track{number}" for number in range(6)]


def test_given_folds_may_not_tear_a_track(note_table):
    table = note_table(extra={"fold": lambda index, row: f"f{index % 4}"})
    with pytest.raises(SplitError, match="No track may be in two folds"):
        fold_of_rows(table.events, small_config(), folds="fold")


def test_an_unknown_column_is_refused(small_table):
    with pytest.raises(ConfigError, match="Got 'guitar'"):
        fold_of_rows(small_table.events, small_config(), folds="guitar")


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (7, 20), (35, 35), (380, 442)])
def test_wilson_is_scipys(hits, count):
    expected = binomtest(hits, count).proportion_ci(method="wilson")
    assert wilson(hits / count, count) == pytest.approx((expected.low, expected.high), abs=1e-4)


def test_calibration_error_of_a_calibrated_and_of_an_overconfident_guess(rng):
    proba = rng.dirichlet([1, 1, 1], 20000)
    true = np.array([rng.choice(3, p=row) for row in proba[:20000]])
    assert class_calibration_error(true, proba) < 0.01
    certain = np.eye(3)[proba.argmax(axis=1)]
    assert class_calibration_error(true, certain) > 0.15


def test_mfcc_statistics_equal_librosas(rng):
    windows = rng.standard_normal((3, 22050)).astype(np.float32)
    statistics = mfcc_statistics(windows)
    for window, row in zip(windows, statistics, strict=True):
        mfcc = librosa.feature.mfcc(y=window, sr=22050, n_mfcc=20, n_fft=1024, hop_length=256, n_mels=64)
        np.testing.assert_allclose(row[:20], mfcc.mean(axis=1), atol=0.05)
        np.testing.assert_allclose(row[20:40], mfcc.std(axis=1), atol=0.05)


def test_baselines_are_pipelines_over_the_table(small_table):
    events = small_table.events
    y = events["label_category"].to_numpy()
    svm = svm_on_mfcc().fit(events, y)
    assert svm.score(events, y) > 0.9
    assert set(majority().fit(events, y).predict(events)) <= set(LABELS)


def test_a_perfect_table_scores_one():
    table = pd.DataFrame(
        {
            "track": ["a", "a", "b"],
            "label_category": list(LABELS),
            "called": list(LABELS),
            "repeat": 1,
            "setting": "alone",
            "confidence": 1.0,
            "unknown_below": 0.0,
            **{f"p_{label}": np.eye(3)[index] for index, label in enumerate(LABELS)},
            **dict.fromkeys(("majority", "duration only", "SVM on MFCC"), "general_note"),
        }
    )
    report = summarise(table)
    assert report.pooled.macro_f1 == 1
    assert report.intervals["macro-F1"] == (1, 1)
    assert report.baselines["majority"]["balanced_accuracy"] == pytest.approx(1 / 3)


@pytest.mark.slow
def test_fits_here_and_on_a_cluster_say_the_same_to_the_byte(small_table, tmp_path):
    written = ("predictions.csv", "crossval.json", "crossval.txt", "phrases/metadata.csv")
    found = []
    for number, where in enumerate([{"n_jobs": 1}, {"n_jobs": 2}, {"cluster": "local:2"}]):
        folder = tmp_path / str(number)
        config = config_for(small_table, folder, crossval__n_splits=2, training__add_modelled=20)
        crossval(config, repeats=2, in_context=True, **where)
        found.append([(folder / name).read_bytes() for name in written])
    assert found[1] == found[0]
    assert found[2] == found[0]


def test_phrases_that_are_not_in_sight_are_made_anew(small_table, tmp_path):
    pipeline, events = build_pipeline(small_config()), small_table.events
    phrases = module.Phrases(tmp_path / "phrases", seed=3).written(events)
    heard = phrases.heard(pipeline, events)
    module.Phrases(tmp_path / "stale", seed=4).written(events)  # another run's, which lies under that name on a worker
    for folder in (tmp_path / "nowhere", tmp_path / "stale"):
        again = module.Phrases(folder, seed=3, digest=phrases.digest).heard(pipeline, events)
        assert again.keys() == heard.keys()
        assert all(np.array_equal(again[setting], heard[setting]) for setting in heard)
    assert not (tmp_path / "nowhere").exists()
