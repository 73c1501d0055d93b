"""Label names, class indices and class weights."""

import numpy as np
import pytest

from guitarclf.errors import LabelError, ParameterError
from guitarclf.labels import LABELS
from guitarclf.training.targets import class_weights, encode_labels


def test_names_are_encoded_in_the_order_of_labels():
    indices, from_sklearn = encode_labels(["general_note", "harmonic", "dead_note"])
    assert indices.tolist() == [2, 0, 1]
    assert indices.dtype == np.int64
    assert not from_sklearn


def test_integers_are_refused_with_the_reason():
    with pytest.raises(LabelError, match=r"y must be label names .*integers \(\[0, 1\].*ambiguous"):
        encode_labels(np.array([0, 1]))


def test_unknown_name_is_refused():
    with pytest.raises(LabelError, match="Got 'slap'"):
        encode_labels(["harmonic", "slap"])


def test_balanced_weights_are_inverse_to_the_counts():
    weights = class_weights("balanced", np.array([0, 1, 1, 2, 2, 2, 2]))
    np.testing.assert_allclose(weights, [7 / 3, 7 / 6, 7 / 12], rtol=1e-6)


def test_absent_class_keeps_weight_one():
    np.testing.assert_allclose(class_weights("balanced", np.array([1, 1, 2, 2])), [1, 1, 1])


def test_weights_given_by_hand_are_in_the_order_of_labels():
    assert class_weights([3, 2, 1], np.array([0])).tolist() == [3, 2, 1]
    assert class_weights("none", np.array([0])).tolist() == [1] * len(LABELS)


@pytest.mark.parametrize("weights", [[1, 2], [1, 0, 1], [1, float("nan"), 1], "balance", {"harmonic": 1}])
def test_bad_weights_are_refused(weights):
    with pytest.raises(ParameterError, match="`class_weight` must be balanced, none, or three numbers above 0"):
        class_weights(weights, np.array([0]))
