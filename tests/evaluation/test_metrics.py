"""The Report: numbers worked out by hand, classes in the order of LABELS."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss

from guitarclf.errors import LabelError, ParameterError
from guitarclf.evaluation.metrics import ClassScore, evaluate
from guitarclf.labels import LABELS

H, D, G = LABELS
Y_TRUE = [H, H, D, D, G, G, G, G]
Y_PROBA = np.array(
    [
        [0.8, 0.1, 0.1],  # harmonic
        [0.2, 0.5, 0.3],  # harmonic, called dead_note
        [0.1, 0.6, 0.3],
        [0.0, 1.0, 0.0],
        [0.1, 0.1, 0.8],
        [0.2, 0.2, 0.6],
        [0.3, 0.3, 0.4],
        [0.5, 0.1, 0.4],  # general_note, called harmonic
    ]
)


def test_the_scores_are_those_worked_out_by_hand():
    report = evaluate(Y_TRUE, Y_PROBA)
    assert report.n_events == 8
    assert report.confusion == [[1, 1, 0], [0, 2, 0], [1, 0, 3]]
    assert report.accuracy == 6 / 8
    assert report.per_class[H] == ClassScore(0.5, 0.5, 0.5, 2, false_alarm=1 / 6)
    assert report.per_class[D] == ClassScore(
        precision=pytest.approx(2 / 3), recall=1.0, f1=pytest.approx(0.8), support=2, false_alarm=1 / 6
    )
    assert report.per_class[G].f1 == pytest.approx(2 * 0.75 / 1.75)
    assert report.macro_f1 == pytest.approx((0.5 + 0.8 + 6 / 7) / 3)
    assert report.balanced_accuracy == pytest.approx((0.5 + 1 + 0.75) / 3)
    assert report.loss == pytest.approx(-np.log([0.8, 0.2, 0.6, 1.0, 0.8, 0.6, 0.4, 0.4]).mean())


def test_the_scores_are_scikit_learns(rng):
    y_true = rng.choice(LABELS, 200)
    y_proba = rng.dirichlet(np.ones(3), 200)
    report = evaluate(y_true, y_proba)
    called = np.array(LABELS)[y_proba.argmax(axis=1)]
    assert report.macro_f1 == pytest.approx(f1_score(y_true, called, average="macro"))
    assert report.balanced_accuracy == pytest.approx(balanced_accuracy_score(y_true, called))
    in_sorted_order = y_proba[:, [LABELS.index(label) for label in sorted(LABELS)]]
    assert report.loss == pytest.approx(log_loss(y_true, in_sorted_order, labels=sorted(LABELS)))


def test_columns_are_in_the_order_of_labels():
    report = evaluate(LABELS, np.eye(3))
    assert report.accuracy == 1
    assert report.loss == pytest.approx(0, abs=1e-12)
    assert list(report.per_class) == list(LABELS)
    assert evaluate(sorted(LABELS), np.eye(3)).accuracy < 1


def test_a_class_that_is_nowhere_counts_zero_in_macro_f1_alone():
    report = evaluate([H, D], np.eye(3)[:2])
    assert report.macro_f1 == pytest.approx(2 / 3)
    assert report.balanced_accuracy == 1
    assert report.per_class[G] == ClassScore(0.0, 0.0, 0.0, 0, 0.0)
    assert "No event is general_note: macro-F1 counts that class as 0." in report.to_text()
    assert "No event is" not in evaluate(Y_TRUE, Y_PROBA).to_text()


def test_the_loss_of_a_sure_mistake_is_finite():
    assert evaluate([H], np.array([[0.0, 1.0, 0.0]])).loss == pytest.approx(-np.log(1e-7))


def test_a_report_is_plain_json():
    report = evaluate(np.array(Y_TRUE), Y_PROBA.astype(np.float32))
    values = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert values["labels"] == [H, D, G]
    assert values["confusion"] == [[1, 1, 0], [0, 2, 0], [1, 0, 3]]
    assert values["per_class"][D]["support"] == 2
    assert values["macro_f1"] == report.macro_f1


def test_the_text_shows_the_scores_and_the_confusion():
    lines = evaluate(Y_TRUE, Y_PROBA).to_text().splitlines()
    assert lines[0] == "8 events   loss 0.6137   accuracy 0.7500"
    assert lines[1] == "macro-F1 0.7190   balanced accuracy 0.7500   calibration error 0.2500"
    (scores, counts) = (line.split() for line in lines if line.startswith("dead_note"))
    assert scores == ["dead_note", "0.6667", "1.0000", "0.8000", "2", "0.1667"]
    assert counts == ["dead_note", "0", "2", "0"]


@pytest.mark.parametrize(
    ("y_true", "y_proba", "message"),
    [
        ([], np.zeros((0, 3)), r"at least one event\. Got \(0, 3\) for 0 events"),
        ([H], np.zeros((1, 2)), r"3 columns.*Got \(1, 2\) for 1 events"),
        ([H, D], np.eye(3), r"a row per event.*Got \(3, 3\) for 2 events"),
        ([H], np.zeros(3), r"Got \(3,\) for 1 events"),
    ],
)
def test_probabilities_of_another_shape_are_refused(y_true, y_proba, message):
    with pytest.raises(ParameterError, match=message):
        evaluate(y_true, y_proba)


@pytest.mark.parametrize(("label", "shown"), [("squeak", "'squeak'"), (0, "0")])
def test_targets_that_are_no_label_names_are_refused(label, shown):
    with pytest.raises(LabelError, match=rf"`y_true` must be label names .*Got {shown}"):
        evaluate([label], np.eye(3)[:1])


def test_sorted_columns_are_reordered_when_told():
    y = list(LABELS)
    by_label = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7]])
    ours = evaluate(y, by_label)
    assert ours.accuracy == 1
    assert evaluate(y, by_label[:, [1, 2, 0]], classes=sorted(LABELS)) == ours
    with pytest.raises(ParameterError, match="`classes` must be"):
        evaluate(y, by_label, classes=["a", "b", "c"])


def test_a_notebook_shows_a_row_a_class_with_its_scores_and_shades():
    html = evaluate(Y_TRUE, Y_PROBA)._repr_html_()
    rows = ElementTree.fromstring(html).findall("./tbody/tr")
    cells = [[cell.text for cell in row] for row in rows]
    assert cells[1] == [D, "2", "0.667", "1.000", "0.800", "0.167", "0", "2", "0"]
    shades = [[cell.get("style", "")[-6:-1] for cell in row[-3:]] for row in rows]
    assert shades[0] == [" 0.30", " 0.30", " 0.00"]
    assert ElementTree.fromstring(html).find("caption").text.startswith("8 notes, macro-F1 ")
