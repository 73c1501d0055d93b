"""scikit-learn's tools that put codes in the place of names: each works with the setting that its refusal names."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from small import small_config, still_config

from guitarclf.errors import LabelError
from guitarclf.pipeline import build_pipeline

WITH_CODES = {
    "voting": lambda model: VotingClassifier([("a", model), ("b", clone(model))], voting="soft"),
    "stacking": lambda model: StackingClassifier([("a", model)], cv=2),
    "bagging": lambda model: BaggingClassifier(model, n_estimators=2, random_state=0),
    "temperature": lambda model: CalibratedClassifierCV(model, cv=2, method="temperature"),
}
TWO_CLASSES = {"one vs rest": OneVsRestClassifier, "one vs one": OneVsOneClassifier, "codes": OutputCodeClassifier}


@pytest.fixture(scope="module")
def waveforms(small_table):
    """(X, y): the 30 notes as an array, which is all that some of these tools take."""
    X = np.asarray(build_pipeline(small_config())[:1].transform(small_table.events))
    return X, small_table.events["label_category"].to_numpy()


def pipeline(**params):
    config = still_config(net__max_epochs=15, net__lr=3e-3, training__patience=0, training__valid_size=0.0)
    return build_pipeline(config).set_params(**params)


@pytest.mark.parametrize("tool", WITH_CODES)
def test_a_tool_that_counts_classes_by_the_alphabet_gives_the_right_names(tool, waveforms):
    X, y = waveforms
    with pytest.raises(LabelError, match='set integer_labels="alphabetical"'):
        WITH_CODES[tool](pipeline()).fit(X, y)
    fitted = WITH_CODES[tool](pipeline(net__integer_labels="alphabetical")).fit(X, y)
    assert (fitted.predict(X) == y).mean() > 0.7  # of three classes; a wrong order of them scores below 0.5


@pytest.mark.parametrize("tool", TWO_CLASSES)
def test_a_tool_that_makes_two_classes_of_three_is_refused_by_name(tool, waveforms):
    X, y = waveforms
    with pytest.raises(LabelError, match=r"y must have all of 0, 1, 2.*one-vs-rest"):
        TWO_CLASSES[tool](pipeline(net__integer_labels="alphabetical")).fit(X, y)


def test_calibration_by_a_sigmoid_needs_no_setting(waveforms):
    X, y = waveforms
    assert (CalibratedClassifierCV(pipeline(), cv=2).fit(X, y).predict(X) == y).mean() > 0.7
