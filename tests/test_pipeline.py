"""The pipeline as users meet it: parameters, GridSearchCV, joblib, every kind of X."""

import joblib
import numpy as np
import pytest
import soundfile
from sklearn.model_selection import GridSearchCV, GroupKFold
from small import small_config

from guitarclf.config import Config, get_value, leaves
from guitarclf.pipeline import SECTIONS, build_pipeline, parameter_name, predict_by_label


@pytest.fixture(scope="module")
def fitted(small_table):
    events = small_table.events
    return build_pipeline(small_config()).fit(events, events["label_category"], net__groups=events["track"])


def test_every_leaf_is_a_pipeline_parameter():
    params = build_pipeline(Config()).get_params()
    paths = [path for path, _ in leaves() if path.split(".")[0] in SECTIONS]
    assert len(paths) > 25
    for path in paths:
        assert params[parameter_name(path)] == get_value(Config(), path), path


def test_table_paths_and_waveforms_give_the_same_probabilities(fitted, small_table):
    events = small_table.events
    waveforms = [soundfile.read(path, dtype="float32")[0] for path in events["audio_path"]]
    of_table = fitted.predict_proba(events)
    np.testing.assert_allclose(fitted.predict_proba(events["audio_path"].tolist()), of_table, atol=1e-6)
    np.testing.assert_allclose(fitted.predict_proba(waveforms), of_table, atol=1e-6)


def test_a_row_does_not_depend_on_its_neighbours(fitted, small_table):
    events = small_table.events
    together = fitted.predict_proba(events)
    alone = np.concatenate([fitted.predict_proba(events[row : row + 1]) for row in range(len(events))])
    np.testing.assert_allclose(alone, together, atol=1e-6)
    backwards = fitted.predict_proba(events[::-1])
    np.testing.assert_allclose(backwards[::-1], together, atol=1e-6)


def test_joblib_round_trip_predicts_from_paths(fitted, small_table, tmp_path):
    joblib.dump(fitted, tmp_path / "pipeline.joblib")
    loaded = joblib.load(tmp_path / "pipeline.joblib")
    paths = small_table.events["audio_path"].tolist()[:4]
    assert loaded.predict(paths).tolist() == fitted.predict(paths).tolist()


def test_probabilities_by_label_are_a_reordering(fitted, small_table):
    by_label = predict_by_label(fitted, small_table.events)
    np.testing.assert_array_equal(by_label[:, [1, 2, 0]], fitted.predict_proba(small_table.events))


def test_grid_search_over_features_and_net(small_table):
    events = small_table.events
    search = GridSearchCV(
        build_pipeline(small_config(net__max_epochs=1)),
        {"logmel__n_mels": [24, 32], "net__lr": [1e-3, 3e-4]},
        cv=GroupKFold(3),
        scoring="f1_macro",
        error_score="raise",
    )
    search.fit(events, events["label_category"], groups=events["track"], net__groups=events["track"])
    assert len(search.cv_results_["mean_test_score"]) == 4
    assert search.best_estimator_.named_steps["net"].input_shape_[1] == search.best_params_["logmel__n_mels"]


def test_fitting_writes_no_file(small_table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    events = small_table.events
    build_pipeline(small_config(net__max_epochs=1)).fit(events, events["label_category"], net__groups=events["track"])
    assert list(tmp_path.iterdir()) == []
