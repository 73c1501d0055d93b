"""Two classifiers on the same notes: differences, their intervals, the paired test, and what changed."""

import json

import numpy as np
import pandas as pd
import pytest

from guitarclf.evaluation.comparison import PairedTest, compare
from guitarclf.evaluation.metrics import PROBA_COLUMNS
from guitarclf.labels import LABELS

H, D, G = LABELS


def notes_of(labels, tracks):
    rows = {"note_id": [f"n{n}" for n in range(len(labels))], "label_category": labels, "track": tracks}
    return pd.DataFrame(rows)


def said(called, confidence=0.9, is_unknown=False):
    """Return what a classifier says that is rather sure of each class it names."""
    proba = np.where(np.array(LABELS) == np.array(called)[:, None], 0.8, 0.1)
    return pd.DataFrame(proba, columns=PROBA_COLUMNS).assign(confidence=confidence, is_unknown=is_unknown)


@pytest.fixture
def random_pair(rng):
    """200 notes of 20 tracks, and two classifiers that guess."""
    notes = notes_of(rng.choice(LABELS, 200), [f"track {n % 20}" for n in range(200)])
    tables = [pd.DataFrame(rng.dirichlet(np.ones(3), 200), columns=PROBA_COLUMNS) for _ in range(2)]
    return notes, *(table.assign(confidence=table.max(axis=1), is_unknown=table.max(axis=1) < 0.5) for table in tables)


def test_the_scores_are_those_of_eval(random_pair):
    comparison = compare(*random_pair)
    for report, side in ((comparison.first, "a"), (comparison.second, "b")):
        scores = {name: getattr(row, side) for name, row in comparison.scores.items()}
        assert scores["macro-F1"] == pytest.approx(report.macro_f1)
        assert scores["balanced accuracy"] == pytest.approx(report.balanced_accuracy)
        assert scores["accuracy"] == pytest.approx(report.accuracy)
        assert scores["loss"] == pytest.approx(report.loss)
        assert scores["calibration error"] == report.calibration_error
        for label, score in report.per_class.items():
            assert scores[f"recall {label}"] == pytest.approx(score.recall)
            assert scores[f"false alarm {label}"] == pytest.approx(score.false_alarm)


def test_a_minus_b_turns_round_with_the_models(random_pair):
    notes, first, second = random_pair
    there, back = compare(notes, first, second), compare(notes, second, first)
    for name, row in there.scores.items():
        assert row.a_minus_b == -back.scores[name].a_minus_b == row.a - row.b
        if row.interval:
            assert row.interval == pytest.approx([-bound for bound in reversed(back.scores[name].interval)])
            assert row.interval[0] <= row.a_minus_b <= row.interval[1]
    assert there.test == (back.test.b_alone, back.test.a_alone, back.test.p_value)
    assert there.better_tracks == back.better_tracks[::-1]
    assert there.test_with_unknown.p_value == back.test_with_unknown.p_value


def test_equal_models_differ_in_nothing(random_pair):
    notes, first, _ = random_pair
    comparison = compare(notes, first, first.copy())
    assert comparison.test == PairedTest(0, 0, 1.0)
    assert {row.a_minus_b for row in comparison.scores.values()} == {0.0}
    assert {row.interval for row in comparison.scores.values()} == {(0.0, 0.0), None}
    assert comparison.changed.empty
    text = comparison.to_text()
    assert "p = 1 (exact McNemar test)" in text
    assert "A and B name the same class for every note." in text


@pytest.mark.parametrize(
    ("counts", "p_value"), [((7, 1), 2 * 9 / 256), ((1, 7), 2 * 9 / 256), ((3, 3), 1.0), ((0, 5), 2 / 32)]
)
def test_p_is_that_of_a_tossed_coin_over_the_notes_that_one_alone_gets_right(counts, p_value):
    only_a, only_b = counts
    first = [True] * only_a + [False] * only_b + [True, False] * 10
    second = [False] * only_a + [True] * only_b + [True, False] * 10
    assert PairedTest.of(first, second) == (only_a, only_b, pytest.approx(p_value))


def test_the_interval_is_wide_where_the_notes_of_a_track_go_together():
    labels, tracks = np.tile(LABELS, 40), np.repeat(np.arange(12), 10).astype(str)
    wrong = np.where(labels == H, D, H)
    is_bad_track = np.isin(tracks, ["0", "1", "2"])
    first, second = said(labels), said(np.where(is_bad_track, wrong, labels))
    by_track = compare(notes_of(labels, tracks), first, second).scores["accuracy"]
    by_note = compare(notes_of(labels, [f"own {n}" for n in range(120)]), first, second).scores["accuracy"]
    assert by_track.a_minus_b == by_note.a_minus_b == pytest.approx(0.25)
    width, narrow = (row.interval[1] - row.interval[0] for row in (by_track, by_note))
    assert narrow == pytest.approx(2 * 1.96 * np.sqrt(0.25 * 0.75 / 120), rel=0.1)
    assert width == pytest.approx(2 * 1.96 * np.sqrt(0.25 * 0.75 / 12), rel=0.15)


def test_of_one_track_notes_are_drawn_and_that_is_told():
    labels = np.tile(LABELS, 20)
    called = np.where(np.arange(60) < 15, np.roll(labels, 1), labels)
    comparison = compare(notes_of(labels, ["only"] * 60), said(labels), said(called))
    assert comparison.scores["accuracy"].interval[0] < 0.25 < comparison.scores["accuracy"].interval[1]
    assert comparison.to_dict()["intervals_draw"] == "notes"
    assert "60 notes of 1 track\n" in comparison.to_text()
    assert "a bootstrap that draws notes, all of one track." in comparison.to_text()


def test_a_score_that_rests_on_one_track_has_no_interval():
    labels = [H] * 4 + [G] * 8
    tracks = ["a"] * 4 + ["b"] * 4 + ["c"] * 4
    comparison = compare(notes_of(labels, tracks), said(labels), said([D, H, H, H, G, G, G, D, G, G, G, G]))
    assert comparison.scores["recall harmonic"][2:] == (0.25, None)
    assert comparison.scores["recall general_note"].interval is not None
    assert "recall dead_note" not in comparison.scores
    text = comparison.to_text()
    assert "A score that rests on one track has none." in text
    assert "No note is dead_note: macro-F1 counts that class as 0." in text


def test_what_changed_is_counted_by_direction():
    labels = [H, H, D, G, G, G]
    first, second = [H, H, D, H, H, G], [G, G, G, G, G, G]
    comparison = compare(notes_of(labels, list("aabbcc")), said(first), said(second))
    assert comparison.directions().to_dict("list") == {
        "label_b": [G, G],
        "label_a": [H, D],
        "notes": [4, 1],
        "right_a": [2, 1],
        "right_b": [2, 0],
    }
    assert comparison.changed["note_id"].tolist() == ["n0", "n1", "n2", "n3", "n4"]
    assert comparison.changed["right"].tolist() == ["A", "A", "A", "B", "B"]
    assert comparison.better_tracks == (1, 1)
    assert "  general_note    harmonic               4         2         2" in comparison.to_text()


def test_unknown_leaves_the_scores_alone_and_has_its_own_test():
    labels = [H, D, G, G]
    first = said(labels, is_unknown=[True, True, False, False])
    comparison = compare(notes_of(labels, list("abcd")), first, said(labels))
    assert comparison.test == (0, 0, 1.0)
    assert comparison.test_with_unknown == (0, 2, 0.5)
    assert comparison.scores["unknown"][:3] == (0.5, 0.0, 0.5)
    assert comparison.changed["note_id"].tolist() == ["n0", "n1"]
    assert comparison.changed["right"].tolist() == ["both", "both"]
    assert "Of the same class, but unknown by one alone: 2." in comparison.to_text()
    assert compare(notes_of(labels, list("abcd")), said(labels), said(labels)).test_with_unknown is None


def test_the_text_fits_80_columns_and_the_dict_is_json(random_pair):
    comparison = compare(*random_pair)
    assert max(map(len, comparison.to_text().splitlines())) < 80
    plain = json.loads(json.dumps(comparison.to_dict()))
    assert plain["mcnemar"] == comparison.test._asdict()
    assert plain["scores"]["accuracy"]["a_minus_b"] == comparison.scores["accuracy"].a_minus_b
    assert sum(row["notes"] for row in plain["changed"]) + plain["changed_in_unknown_alone"] == len(comparison.changed)
