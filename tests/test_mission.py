"""The card of the project, walked once: commands, a grid search over the pipeline, a pickle that reads paths."""

import json
import subprocess
import sys

import joblib
import numpy as np
from sklearn.model_selection import GridSearchCV, GroupKFold
from small import options_for, small_config

from guitarclf import LABELS, build_pipeline


def guitarclf(*arguments) -> str:
    """Run the command line in a process of its own and return its output."""
    command = [sys.executable, "-m", "guitarclf", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_train_eval_and_a_joblib_pipeline_that_reads_paths(small_table, tmp_path):
    run = tmp_path / "run"
    guitarclf("train", *options_for(small_table, run))
    assert "macro-F1" in guitarclf("eval", "--run-dir", run, "--split", "test")
    assert 0 <= json.loads((run / "metrics_test.json").read_text())["macro_f1"] <= 1
    paths = small_table.events["audio_path"].tolist()
    pipeline = joblib.load(run / "pipeline.joblib")
    assert list(pipeline.named_steps) == ["window", "logmel", "net"]
    assert set(pipeline.predict(paths)) <= set(LABELS)
    np.testing.assert_allclose(pipeline.predict_proba(paths).sum(axis=1), 1)


def test_grid_search_over_pipeline_parameters(small_table):
    events = small_table.events
    search = GridSearchCV(
        build_pipeline(small_config(net__max_epochs=1)),
        {"logmel__n_mels": [24, 32], "net__module__rnn_hidden_size": [8, 16]},
        cv=GroupKFold(2),
        n_jobs=2,
        error_score="raise",
    )
    search.fit(events, events["label_category"], groups=events["track"], net__groups=events["track"])
    assert len(search.cv_results_["params"]) == 4
    assert set(search.best_estimator_.predict(events["audio_path"].tolist())) <= set(LABELS)
