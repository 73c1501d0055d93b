"""What the figures show."""

import numpy as np
import pytest

from guitarclf.evaluation.figures import as_png, learning_curves, reliability_diagram
from guitarclf.labels import LABELS


def test_dots_are_at_the_share_of_notes_that_are_of_the_class():
    # Ten notes said to be harmonics with 0.85, eight of which are; ten said to be with 0.15, one of which is.
    y_true = ["harmonic"] * 8 + ["dead_note"] * 2 + ["harmonic"] + ["dead_note"] * 9
    y_proba = [[0.85, 0.15, 0.0]] * 10 + [[0.15, 0.85, 0.0]] * 10
    figure = reliability_diagram(y_true, y_proba)
    upper, counts = figure.axes[0], figure.axes[3]
    assert [axis.get_title() for axis in figure.axes[:3]] == list(LABELS)
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


def test_a_history_without_validation_rows_has_its_training_curve():
    history = [{"epoch": n, "train_loss": 1 / n, "train_acc": 0.5, "lr": 0.001, "is_best": n == 2} for n in (1, 2)]
    figure = learning_curves(history)
    assert [line.get_label() for line in figure.axes[0].lines] == ["training", "best epoch (2)"]
    assert as_png(figure).startswith(b"\x89PNG")
