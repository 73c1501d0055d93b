"""TrainingSet: the rows of a table, synthetic rows and background as one table."""

import numpy as np
import pandas as pd
import pytest
import torch
from small import small_config

from guitarclf.errors import ParameterError
from guitarclf.labels import LABELS
from guitarclf.pipeline import build_net
from guitarclf.training.rows import TrainingSet


@pytest.fixture
def table(rng):
    """Six notes, two of each class, the last for validation."""
    events = pd.DataFrame({"label_category": [*LABELS, *LABELS], "track": list("aaabbb")})
    features = rng.standard_normal((6, 1, 32, 87)).astype(np.float32)
    return TrainingSet.of(events, features, valid=np.arange(6) == 5, repeats=3)


@pytest.fixture
def background(rng):
    """Two clips that are no note."""
    events = pd.DataFrame({"label_category": [None, None]}, dtype=object)
    return TrainingSet.of(events, rng.standard_normal((2, 1, 32, 87)).astype(np.float32))


def test_rows_of_no_repeats_are_not_trained_on(table, background):
    config = small_config(net__max_epochs=1, net__batch_size=64)
    never = TrainingSet(background.events.assign(repeats=0), background.features)
    with_them, without = table.add(never).fit(build_net(config)), table.fit(build_net(config))
    for ours, theirs in zip(with_them.module_.parameters(), without.module_.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    with pytest.raises(ParameterError, match="above 0 for at least one training row"):
        TrainingSet(table.events.assign(repeats=0), table.features).fit(build_net(config))


def test_rows_that_are_added_come_after_with_their_columns(table, background):
    rows = table.add(background)
    assert len(rows) == 8
    assert rows.events["repeats"].tolist() == [3] * 6 + [1] * 2
    assert rows.events["valid"].tolist() == [False] * 5 + [True, False, False]
    assert rows.is_background.tolist() == [False] * 6 + [True] * 2
    assert rows.notes["label_category"].tolist() == [*LABELS, *LABELS]
    np.testing.assert_array_equal(rows.features, np.concatenate([table.features, background.features]))
    assert table.has_validation
    assert not background.has_validation


def test_features_are_copied_only_where_both_sets_have_rows(table, background):
    none = TrainingSet.of(background.events[:0], background.features[:0])
    assert table.add(none).features is table.features
    assert none.add(table).features is table.features


def test_a_table_is_left_as_it_was(table):
    events = pd.DataFrame({"label_category": list(LABELS)})
    TrainingSet.of(events, table.features[:3], valid=True).add(table)
    assert list(events.columns) == ["label_category"]


def test_a_net_learns_the_rows_as_from_plain_arrays(table, background):
    rows = table.add(background)
    net = rows.fit(build_net(small_config(net__max_epochs=1)))
    plain = build_net(small_config(net__max_epochs=1)).fit(
        np.concatenate([table.features, background.features]),
        [*LABELS, *LABELS, "general_note", "general_note"],
        valid=np.arange(8) == 5,
        repeats=[3] * 6 + [1] * 2,
        no_note=np.arange(8) >= 6,
    )
    weights = plain.module_.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in net.module_.state_dict().items())


@pytest.mark.parametrize(("told", "same"), [(np.arange(8) < 6, True), (None, False)])
def test_a_net_with_a_note_head_is_told_which_notes_are_modelled(table, background, told, same):
    modelled = TrainingSet.of(table.events, table.features, modelled=True)
    rows = modelled.add(background)
    assert rows.events["modelled"].tolist() == [True] * 6 + [False] * 2
    settings = {"net__max_epochs": 1, "net__module__note_head": True}
    net = rows.fit(build_net(small_config(**settings)))
    labels, no_note = [*LABELS, *LABELS, "general_note", "general_note"], np.arange(8) >= 6
    plain = build_net(small_config(**settings))
    plain.fit(rows.features, labels, valid=np.zeros(8, bool), no_note=no_note, modelled=told)
    weights = plain.module_.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in net.module_.state_dict().items()) is same
