"""What the figures show, and how they look.

``python -m pytest tests/evaluation/test_figures.py --mpl-generate-path=tests/evaluation/baseline`` draws them anew.
"""

import numpy as np
import pandas as pd
import pytest
from pictures import looks_the_same

from guitarclf.evaluation.crossval import MAX_TRACKS
from guitarclf.evaluation.drawing import as_bytes
from guitarclf.evaluation.figures import confusion_matrix, learning_curves, reliability_diagram, scores_by_track
from guitarclf.evaluation.metrics import evaluate
from guitarclf.labels import LABELS

HISTORY = [
    {
        "epoch": n,
        "train_loss": 1 / n,
        "valid_loss": 1.2 / n + 0.1,
        "train_acc": 1 - 0.5 / n,
        "valid_acc": 0.9 - 0.4 / n,
        "valid_macro_f1": 0.8 - 0.4 / n if n != 9 else 0.9,
        "lr": 1e-3 if n < 8 else 2.5e-4,
        "is_best": n <= 9,
    }
    for n in range(1, 13)
]


def report_of(confusion):
    """Return the Report of notes that are called with certainty, ``confusion[i][j]`` of class i called j."""
    pairs = [(i, j) for i in range(3) for j in range(3) for _ in range(confusion[i][j])]
    return evaluate([LABELS[i] for i, _ in pairs], np.eye(3)[[j for _, j in pairs]])


def tracks(*rows):
    """Return a table as of per_track, of rows of (track, label, notes, share found)."""
    return pd.DataFrame(
        [
            {"track": track, "label": label, "events": notes}
            | {f"called {called}": found if called == label else (1 - found) / 2 for called in LABELS}
            for track, label, notes, found in rows
        ]
    )


@looks_the_same
def test_learning_curves():
    return learning_curves(HISTORY)


@looks_the_same
def test_confusion_matrix():
    return confusion_matrix(report_of([[31, 0, 4], [0, 27, 0], [3, 1, 376]]), "mine\nnotes.csv, test rows")


@looks_the_same
def test_reliability_diagram():
    rng = np.random.default_rng(0)
    y_proba = rng.dirichlet((0.4, 0.4, 0.8), 400)
    y_true = [LABELS[rng.choice(3, p=row)] for row in y_proba]
    return reliability_diagram(y_true, y_proba)


@looks_the_same
def test_scores_by_track():
    rows = [("les paul", "harmonic", 40, 0.9), ("les paul", "general_note", 310, 0.97), ("strat", "dead_note", 9, 0.0)]
    return scores_by_track(tracks(*rows, ("nylon", "general_note", 1, 1.0)), "cv, cross-validation of notes.csv")


def test_dots_are_at_the_share_of_notes_that_are_of_the_class():
    # Ten notes said to be harmonics with 0.85, eight of which are; ten said to be with 0.15, one of which is.
    y_true = ["harmonic"] * 8 + ["dead_note"] * 2 + ["harmonic"] + ["dead_note"] * 9
    y_proba = [[0.85, 0.15, 0.0]] * 10 + [[0.15, 0.85, 0.0]] * 10
    figure = reliability_diagram(y_true, y_proba)
    upper, counts = figure.axes[0], figure.axes[3]
    assert [axis.get_title("left") for axis in figure.axes[:3]] == ["harmonic", "dead note", "general note"]
    means, shares = upper.lines[1].get_data()
    assert means.tolist() == pytest.approx([0.15, 0.85])
    assert shares.tolist() == pytest.approx([0.1, 0.8])
    heights = [bar.get_height() for bar in counts.patches]
    assert heights == [0, 10, 0, 0, 0, 0, 0, 0, 10, 0]
    reaches = [segment[:, 1] for segment in upper.collections[0].get_segments()]
    assert all(low < share < high for (low, high), share in zip(reaches, shares, strict=True))


def test_a_probability_of_one_is_in_the_last_bin():
    figure = reliability_diagram(LABELS, np.eye(3))
    assert [bar.get_height() for bar in figure.axes[3].patches] == [2, *[0] * 8, 1]


@pytest.mark.parametrize("absent", [{}, {"valid_loss": np.nan, "valid_acc": np.nan, "valid_macro_f1": np.nan}])
def test_a_history_without_validation_rows_has_its_training_curves(absent):
    history = [
        {"epoch": n, "train_loss": 1 / n, "train_acc": n / 4, "lr": 0.001, "is_best": n == 2, **absent} for n in (1, 2)
    ]
    loss, score, _ = learning_curves(history).axes
    assert [line.get_label() for line in loss.lines] == ["training"]
    assert [line.get_label() for line in score.lines] == ["training accuracy", "best: 0.500 in epoch 2"]


def test_the_last_of_the_best_epochs_is_marked_once():
    lines = [line for axis in learning_curves(HISTORY).axes for line in axis.lines if line.get_marker() == "o"]
    assert [line.get_xydata().tolist() for line in lines] == [[[9, 0.9]]]


def test_a_training_of_one_epoch_is_drawn():
    assert as_bytes(learning_curves(HISTORY[:1])).startswith(b"\x89PNG")


def test_cells_without_notes_are_grey_and_have_no_percentage():
    (axis,) = confusion_matrix(report_of([[0, 0, 0], [0, 2, 0], [1, 0, 3]])).axes  # no colour bar
    texts = {text.get_text(): text.get_color() for text in axis.texts}
    assert texts == {"0": "#767676", "2\n100.0%": "white", "1\n25.0%": "black", "3\n75.0%": "white"}
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("predicted", "true")
    assert [label.get_text() for label in axis.get_yticklabels()][2] == "general note\nn = 4"


def test_a_matrix_names_its_run_and_table_as_they_are():
    title = confusion_matrix(report_of(np.eye(3, dtype=int)), "$a_{1}$\n東.csv, val rows").axes[0].get_title("left")
    assert title == "\\$a_{1}\\$\n\\u6771.csv, val rows\n3 notes, macro-F1 1.000"


def test_each_track_has_its_share_its_interval_and_its_notes():
    figure = scores_by_track(tracks(("b", "harmonic", 3, 1.0), ("a", "harmonic", 1, 0.0), ("a", "dead_note", 8, 0.5)))
    harmonic, dead_note, general_note = figure.axes
    assert [text.get_text() for text in harmonic.get_yticklabels()] == ["a", "b", "all 2 tracks"]
    assert {tuple(line.get_xydata()[0]) for line in harmonic.lines if line.get_marker() == "o"} == {
        (1.0, 1.0),
        (0.0, 0.0),
        (0.75, 2.0),  # of all four notes
    }
    assert [text.get_text() for text in dead_note.texts] == ["8", "8"]
    (low, high) = dead_note.collections[0].get_segments()[0][:, 0]
    assert (low, high) == pytest.approx((0.2152, 0.7848), abs=1e-4)
    assert not general_note.texts


def test_of_many_tracks_those_with_most_notes_are_drawn_and_all_are_counted():
    rows = [(f"track{n:03d}", "dead_note", n + 1, 1.0) for n in range(MAX_TRACKS + 2)]
    figure = scores_by_track(tracks(*rows), "cv")
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert (names[0], names[-1], len(names)) == ("track002", "all 52 tracks", MAX_TRACKS + 1)
    assert figure.get_suptitle() == "cv (the 50 tracks with most notes)"
    assert figure.axes[1].texts[-1].get_text() == str(sum(range(1, 53)))
