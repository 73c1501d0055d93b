"""Figures of notes alone and in phrases."""

import numpy as np
import pandas as pd
import pytest

from guitarclf.evaluation.in_context import SETTINGS, figures_of, score_settings
from guitarclf.evaluation.metrics import PROBA_COLUMNS
from guitarclf.labels import LABELS


def said(labels, called, confidence=0.9, *, setting="alone", repeat=1, unknown_below=0.0, track="a"):
    """Return predictions of one setting and repeat."""
    proba = pd.DataFrame(np.eye(3)[[LABELS.index(name) for name in called]], columns=PROBA_COLUMNS)
    columns = {"label_category": labels, "called": called, "confidence": confidence, "setting": setting}
    return proba.assign(**columns, repeat=repeat, unknown_below=unknown_below, track=track)


NOTES = ["harmonic", "dead_note", "general_note", "general_note", "general_note", "general_note"]
CALLED = ["harmonic", "general_note", "harmonic", "dead_note", "general_note", "general_note"]


def test_figures_are_shares_of_the_class_they_are_named_after():
    figures = figures_of(said(NOTES, CALLED, [0.9, 0.1, 0.2, 0.8, 0.7, 0.3]))
    assert (figures["recall harmonic"], figures["recall dead_note"], figures["recall general_note"]) == (1, 0, 0.5)
    assert (figures["called harmonic"], figures["called dead_note"]) == (0.25, 0.25)
    assert figures["error"] == pytest.approx(0.5)
    assert figures["error of the surer half"] == pytest.approx(1 / 3)  # .9 right, .8 wrong, .7 right
    assert "unknown" not in figures


def test_below_the_threshold_a_note_is_not_found():
    figures = figures_of(said(NOTES, CALLED, [0.9, 0.1, 0.2, 0.8, 0.7, 0.3], unknown_below=0.5))
    assert figures["unknown"] == pytest.approx(0.5)
    assert (figures["kept harmonic"], figures["kept dead_note"], figures["kept general_note"]) == (1, 0, 0.25)
    assert figures["recall general_note"] == 0.5


def test_a_class_without_notes_and_a_confidence_that_is_not_known_give_no_figures():
    figures = figures_of(said(["harmonic"], ["harmonic"], np.nan))
    assert "recall harmonic" in figures
    assert not {"recall dead_note", "called harmonic", "error of the surer half"} & figures.keys()


def test_repeats_give_a_mean_and_a_range_and_tracks_a_recall_in_each_setting():
    tables = [said(NOTES, NOTES, setting=name, repeat=number) for name in SETTINGS for number in (1, 2)]
    tables[-1] = said(NOTES, CALLED, setting="offsets", repeat=2)
    report = score_settings(pd.concat(tables), uses_offsets=False)
    assert tuple(report.figures["offsets"]["recall dead_note"]) == (0.5, 0, 1)
    assert tuple(report.figures["alone"]["recall dead_note"]) == (1, 1, 1)
    rows = report.per_track.set_index("label")
    assert rows.loc["general_note", ["notes", "alone", "windows", "offsets"]].tolist() == [4, 1, 1, 0.75]
    written = report.to_dict()
    assert written["settings"]["offsets"]["recall dead_note"] == {"mean": 0.5, "low": 0, "high": 1}
    assert written["recall_per_track"][0].keys() == {"track", "label", "notes", "alone", "windows", "offsets"}


def test_the_text_fits_80_columns_and_tells_tracks_of_phrases_only():
    tables = [
        said(NOTES, called, setting=name, repeat=number, unknown_below=0.1, track="x" * 100)
        for name in SETTINGS
        for number, called in ((1, NOTES), (2, CALLED))
    ]
    text = score_settings(pd.concat(tables), uses_offsets=False).to_text()
    assert max(map(len, text.splitlines())) < 80
    assert "recall dead_note     0.500 0.000-1.000  0.500" in text
    assert "Found, by track and label:" in text
    assert "Found, by" not in score_settings(tables[0], uses_offsets=False).to_text()
