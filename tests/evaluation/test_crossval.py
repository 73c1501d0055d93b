"""What a cross-validation prints."""

import numpy as np
import pandas as pd
import pytest

from guitarclf.evaluation.crossval import BASELINE_COLUMNS, PROBA_COLUMNS, summarise
from guitarclf.labels import LABELS


def report_of(tracks, n_events):
    """Return the report of random predictions, some of each label on each track; an SVM says the same."""
    rng = np.random.default_rng(0)
    labels = np.tile(LABELS, n_events)
    proba = rng.dirichlet(np.ones(3), len(labels) * len(tracks))
    table = pd.DataFrame(proba, columns=PROBA_COLUMNS)
    called = np.array(LABELS)[proba.argmax(axis=1)]
    table = table.assign(track=np.repeat(tracks, len(labels)), label_category=np.tile(labels, len(tracks)))
    table = table.assign(called=called, repeat=1, **dict.fromkeys(BASELINE_COLUMNS, LABELS[0]))
    table["SVM on MFCC"] = called
    return summarise(table.assign(setting="alone", confidence=proba.max(axis=1), unknown_below=0.0))


@pytest.mark.parametrize("length", [1, 22, 23, 200])
@pytest.mark.parametrize("n_events", [1, 1000])
def test_the_report_fits_80_columns_and_tells_tracks_apart(length, n_events):
    tracks = [f"{'x' * (length - 1)}{number}" for number in range(3)]
    report = report_of(tracks, n_events)
    text = report.to_text()
    assert max(map(len, text.splitlines())) < 80
    for row in report.per_track.itertuples(index=False):
        (line,) = (line for line in text.splitlines() if line.split()[:2] == [shown(row.track), row.label])
        assert [float(cell) for cell in line.split()[2:]] == pytest.approx(list(row[2:]), abs=5e-4)
    assert set(report.per_track["track"]) == set(tracks)


def shown(track):
    return track if len(track) <= 22 else f"...{track[-19:]}"


def test_a_baseline_has_the_interval_of_a_model_that_says_the_same():
    report = report_of(["a", "b"], 20)
    own = {name: report.intervals[name] for name in ("macro-F1", "balanced accuracy")}
    assert report.baseline_intervals["SVM on MFCC"] == own
    low, high = own["macro-F1"]
    assert low < report.baselines["SVM on MFCC"]["macro_f1"] < high
    svm, *_ = (line for line in report.to_text().splitlines() if line.startswith("SVM on MFCC"))
    assert f"({low:.3f}-{high:.3f})" in svm
    assert report.to_dict()["baseline_intervals"]["SVM on MFCC"]["macro-F1"] == [low, high]
