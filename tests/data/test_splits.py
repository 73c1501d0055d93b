"""Splits: no track on two sides, every class where it can be had, and words for what cannot."""

import json
import logging
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from guitarclf.data.splits import assign_splits, draw_sides
from guitarclf.errors import SplitError
from guitarclf.labels import LABELS

FIXTURES = Path(__file__).parents[1] / "fixtures" / "splits"


def table(tracks, labels, **columns):
    ids = [f"n{number}" for number in range(len(tracks))]
    return pd.DataFrame({"note_id": ids, "track": tracks, "label_category": labels} | columns)


def random_table(rng, n_tracks, n_events=300):
    """Return a table whose tracks differ in size and in their classes."""
    weights = rng.dirichlet(np.ones(n_tracks))
    tracks = rng.choice(n_tracks, n_events, p=weights)
    favourite = rng.integers(0, 3, n_tracks)
    labels = np.where(rng.random(n_events) < 0.6, favourite[tracks], rng.integers(0, 3, n_events))
    return table([f"t{track}" for track in tracks], np.array(LABELS)[labels])


def even_table(n_tracks, rows_per_class=2):
    tracks = [f"t{track:02d}" for track in range(n_tracks) for _ in range(3 * rows_per_class)]
    return table(tracks, list(LABELS) * (n_tracks * rows_per_class))


def sides_of_tracks(events, splits):
    return splits.groupby(events["track"]).agg(set)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n_tracks", [2, 3, 4, 7, 20, 60])
def test_no_track_is_on_two_sides(n_tracks, seed):
    events = random_table(np.random.default_rng([n_tracks, seed]), n_tracks)
    splits = assign_splits(events, seed=seed)
    assert sides_of_tracks(events, splits).map(len).max() == 1
    assert set(splits) <= {"train", "val", "test"}
    assert splits.index.equals(events.index)


def test_equal_tracks_are_split_80_10_10():
    splits = assign_splits(even_table(20))
    assert splits.value_counts(normalize=True).to_dict() == {"train": 0.8, "val": 0.1, "test": 0.1}


def test_the_shares_asked_for_are_given():
    splits = assign_splits(even_table(10), valid_size=0.3, test_size=0.2)
    assert splits.value_counts(normalize=True).to_dict() == {"train": 0.5, "val": 0.3, "test": 0.2}


def test_a_share_of_zero_leaves_its_side_empty():
    events = even_table(10)
    assert set(assign_splits(events, valid_size=0.1, test_size=0.0)) == {"train", "val"}
    assert set(assign_splits(events, valid_size=0.0, test_size=0.1)) == {"train", "test"}
    assert set(assign_splits(events, valid_size=0.0, test_size=0.0)) == {"train"}


def test_a_seed_gives_one_split_and_another_seed_another(rng):
    events = random_table(rng, 40)
    pd.testing.assert_series_equal(assign_splits(events, seed=1), assign_splits(events, seed=1))
    assert not assign_splits(events, seed=1).equals(assign_splits(events, seed=2))


def test_the_order_of_the_rows_does_not_matter(rng):
    events = random_table(rng, 20)
    shuffled = events.sample(frac=1, random_state=0)
    pd.testing.assert_series_equal(assign_splits(shuffled).sort_index(), assign_splits(events))


def test_every_side_gets_every_class_where_it_can(caplog):
    # One class on only three of 20 tracks: a draw at random gives it to all sides about one time in forty.
    tracks = [f"t{track:02d}" for track in range(20) for _ in range(6)]
    labels = [label for track in range(20) for label in (LABELS if track < 3 else LABELS[1:] + LABELS[:0:-1][:1]) * 2]
    events = table(tracks, labels)
    with caplog.at_level(logging.WARNING):
        splits = assign_splits(events)
    for side in ("train", "val", "test"):
        assert set(events["label_category"][splits == side]) == set(LABELS)
    assert not caplog.records


def test_classes_go_to_train_first_then_to_val(caplog):
    tracks = [f"t{track:02d}" for track in range(10) for _ in range(2)]
    rare_on_two = [label for track in range(10) for label in (LABELS[0] if track < 2 else LABELS[1], LABELS[2])]
    events = table(tracks, rare_on_two)
    with caplog.at_level(logging.WARNING):
        splits = assign_splits(events)
    assert set(splits[events["label_category"] == "harmonic"]) == {"train", "val"}
    assert "The test side has no harmonic" in caplog.text


def test_rows_come_closest_to_the_shares_after_the_classes():
    # One track in ten is 40 % of the rows: as a test or val side it would be far from 10 %.
    tracks = ["big"] * 24 + [f"t{track}" for track in range(9) for _ in range(6)]
    events = table(tracks, list(LABELS) * (len(tracks) // 3))
    for seed in range(5):
        splits = assign_splits(events, seed=seed)
        assert set(splits[events["track"] == "big"]) == {"train"}
        np.testing.assert_allclose(splits.value_counts(normalize=True)[["val", "test"]], 0.1, atol=0.06)


@pytest.mark.parametrize(
    ("n_tracks", "sides", "message"),
    [
        (1, {"train"}, "There is one track: all of it is for training"),
        (2, {"train", "val"}, "There are two tracks: one for training, one for validation, none for testing"),
    ],
)
def test_too_few_tracks_are_told_what_cannot_be_had(caplog, n_tracks, sides, message):
    with caplog.at_level(logging.WARNING):
        splits = assign_splits(even_table(n_tracks))
    assert set(splits) == sides
    assert message in caplog.text


def test_three_tracks_fill_three_sides():
    assert assign_splits(even_table(3)).value_counts().to_dict() == {"train": 6, "val": 6, "test": 6}


@pytest.mark.parametrize(
    ("n_tracks", "valid_size", "test_size", "sides"),
    [(4, 0.0, 0.9, {"train", "test"}), (4, 0.45, 0.5, {"train", "val", "test"})],
)
def test_large_shares_of_few_tracks_keep_the_sides_asked_for(n_tracks, valid_size, test_size, sides):
    assert set(assign_splits(even_table(n_tracks), valid_size=valid_size, test_size=test_size)) == sides


def test_a_split_column_is_honoured(rng):
    events = even_table(6)
    given = events["track"].map(dict(zip(sorted(set(events["track"])), ["test"] * 4 + ["val", "train"], strict=True)))
    for seed in (0, 1):
        assert assign_splits(events.assign(split=given), seed=seed).tolist() == given.tolist()


def test_an_empty_split_column_is_none():
    events = even_table(10)
    pd.testing.assert_series_equal(assign_splits(events.assign(split="")), assign_splits(events))


def test_a_given_split_that_tears_a_track_is_refused():
    events = even_table(3).assign(split="train")
    events.loc[3, "split"] = "test"
    with pytest.raises(SplitError, match=r"Track 't00' is in test and train \(1 such tracks\)"):
        assign_splits(events)


def test_a_given_split_with_holes_is_refused():
    events = even_table(3).assign(split="train")
    events.loc[3, "split"] = ""
    with pytest.raises(SplitError, match=r"`split` must be one of train, val, test in every row.*Got '' for 'n3'"):
        assign_splits(events)


def test_a_given_split_without_a_class_is_warned_of(caplog):
    events = even_table(2)
    events["split"] = np.where(events["track"] == "t00", "train", "val")
    events = events[(events["split"] == "train") | (events["label_category"] == "dead_note")]
    with caplog.at_level(logging.WARNING):
        assign_splits(events)
    assert "The val side has no harmonic and no general_note" in caplog.text


def test_one_held_out_side_may_be_drawn_alone(rng):
    events = random_table(rng, 12)
    groups, labels = events["track"].to_numpy(), rng.integers(0, 3, len(events))
    sides = draw_sides(groups, labels, (0.25,), seed=0)
    assert set(sides) == {0, 1}
    assert not set(groups[sides == 0]) & set(groups[sides == 1])
    np.testing.assert_array_equal(sides, draw_sides(groups, labels, (0.25,), seed=0))
    assert (sides == 1).mean() == pytest.approx(0.25, abs=0.1)


def kept_splits():
    """Return what makes the fixtures, and what the splits were: name -> digest and counts."""
    return runpy.run_path(str(FIXTURES / "make.py")), json.loads((FIXTURES / "splits.json").read_text())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n_tracks", [13, 300])
def test_small_tables_keep_the_split_they_had(n_tracks):
    make, kept = kept_splits()
    cases = [case for case in make["cases"]() if case[0] == n_tracks]
    assert len(cases) == 18
    assert {make["name_of"](*case): make["split_of"](*case) for case in cases}.items() <= kept.items()


@pytest.mark.parametrize("number", range(3))
def test_a_table_of_20_000_tracks_keeps_the_split_it_had(number):
    make, kept = kept_splits()
    case = [case for case in make["cases"]() if case[0] == 20_000][number]
    assert make["split_of"](*case) == kept[make["name_of"](*case)]


@pytest.mark.parametrize("seed", [42, 1])
def test_a_table_of_more_tracks_has_its_shares_and_all_classes_on_each_side(seed):
    rng = np.random.default_rng(seed)
    tracks = np.repeat(np.arange(30_000), rng.integers(1, 4, 30_000))
    labels = np.where(rng.random(len(tracks)) < 0.001, "harmonic", rng.choice(LABELS[1:], len(tracks)))
    events = table([f"t{track}" for track in tracks], labels)
    splits = assign_splits(events, valid_size=0.1, test_size=0.05, seed=seed)
    shares = splits.value_counts(normalize=True)
    assert shares.to_dict() == pytest.approx({"train": 0.85, "val": 0.1, "test": 0.05}, abs=0.001)
    assert events.groupby(splits)["label_category"].nunique().to_dict() == {"train": 3, "val": 3, "test": 3}
    assert sides_of_tracks(events, splits).map(len).max() == 1
    assert assign_splits(events, valid_size=0.1, test_size=0.05, seed=seed).equals(splits)


def test_a_rare_class_in_many_tracks_is_still_on_every_side():
    labels = np.full(25_000, "general_note", dtype=object)
    labels[::2] = "dead_note"
    labels[[17, 9_000, 20_001, 24_000]] = "harmonic"
    events = table([f"t{track}" for track in range(len(labels))], labels)
    sides = events.groupby(assign_splits(events, valid_size=0.2, test_size=0.2))["label_category"].nunique()
    assert sides["train"] == 3
    assert sides["val"] == 3


def test_the_first_of_the_torn_tracks_is_named():
    events = table(["b", "b", "a", "a", "c"], ["harmonic"] * 5, split=["train", "val", "test", "train", "val"])
    with pytest.raises(SplitError, match=r"Track 'a' is in test and train \(2 such tracks\)"):
        assign_splits(events)
