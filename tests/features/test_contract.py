"""What every transformer promises, checked on all of them with one list."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from guitarclf.features.logmel import LogMelSpectrogram
from guitarclf.features.window import EventWindow

TRANSFORMERS = [
    EventWindow(num_workers=2),
    EventWindow(sample_rate=8000, target_duration=0.5, snippet_crop="start", normalize="rms"),
    LogMelSpectrogram(),
    LogMelSpectrogram(n_mels=32, compression="log1p", extra_channels=["rms", "delta"]),
    LogMelSpectrogram(top_db=40.0),
]

each = pytest.mark.parametrize("transformer", TRANSFORMERS, ids=repr)


@pytest.fixture
def X(rng):
    """Eight one-second waveforms of very different level."""
    levels = 10.0 ** -np.arange(8)[:, None]
    return (levels * rng.standard_normal((8, 22050))).astype(np.float32)


@each
def test_clone_has_the_same_parameters(transformer):
    assert clone(transformer).get_params() == transformer.get_params()


@each
def test_set_params_round_trip(transformer):
    params = transformer.get_params()
    assert type(transformer)().set_params(**params).get_params() == params


@each
def test_fit_twice_is_fit_once(transformer, X):
    once = clone(transformer).fit(X).transform(X)
    twice = clone(transformer).fit(X).fit(X[:2]).transform(X)
    np.testing.assert_array_equal(twice, once)


@each
def test_fit_learns_nothing(transformer, X):
    fitted = clone(transformer).fit(X)
    assert vars(fitted).keys() == vars(transformer).keys()
    check_is_fitted(clone(transformer))


@each
def test_one_row_in_one_row_out_as_float32(transformer, X):
    out = transformer.transform(X)
    assert len(out) == len(X)
    assert out.dtype == np.float32


@each
def test_input_is_untouched(transformer, X):
    before = X.copy()
    transformer.transform(X)
    np.testing.assert_array_equal(X, before)


@each
def test_row_does_not_depend_on_its_neighbours(transformer, X):
    together = transformer.transform(X)
    alone = np.concatenate([transformer.transform(X[row : row + 1]) for row in range(len(X))])
    np.testing.assert_array_equal(alone, together)


@each
def test_pickled_transformer_gives_the_same(transformer, X):
    loaded = pickle.loads(pickle.dumps(transformer))
    np.testing.assert_array_equal(loaded.transform(X), transformer.transform(X))


@each
def test_no_rows_give_no_rows(transformer, X):
    assert len(transformer.transform(X[:0])) == 0
