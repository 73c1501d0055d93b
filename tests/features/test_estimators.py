"""scikit-learn's own checks of the three estimators, and what their tags say of them."""

import warnings

import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator

from guitarclf import EventWindow, LogMelSpectrogram, NoteEventClassifier

# Small, so that the arrays of the checks, which are a few samples wide, are windows.
WINDOW = EventWindow(sample_rate=8000, target_duration=0.01)
LOG_MEL = LogMelSpectrogram(n_fft=64, hop_length=16, n_mels=4)
NET = NoteEventClassifier(max_epochs=1, valid_size=0)
with warnings.catch_warnings():
    # Of tables, recordings and 4-D features scikit-learn makes none itself: it then checks little but cloning.
    warnings.simplefilter("ignore", SkipTestWarning)
    CHECKS = [pair for estimator in (WINDOW, LOG_MEL, NET) for pair in estimator_checks_generator(estimator)]


def name_of(part):
    """Return the name of an estimator's class, or of a check."""
    return getattr(getattr(part, "func", part), "__name__", type(part).__name__)


@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=name_of)
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("estimator", "is_fitted", "is_table"), [(WINDOW, False, False), (LOG_MEL, False, True), (NET, True, False)]
)
def test_tags_say_what_is_so(estimator, is_fitted, is_table):
    tags = get_tags(estimator)
    assert (tags.requires_fit, tags.input_tags.two_d_array) == (is_fitted, is_table)
    assert (tags.no_validation, tags.input_tags.sparse, tags.input_tags.allow_nan) == (True, False, False)
    assert tags.transformer_tags is None or tags.transformer_tags.preserves_dtype == ["float32"]
