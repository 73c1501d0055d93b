"""A cross-validation as tables for papers."""

import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from guitarclf.evaluation.crossval import BASELINE_COLUMNS, MAX_TRACKS, summarise
from guitarclf.evaluation.metrics import PROBA_COLUMNS
from guitarclf.evaluation.paper import COLUMNS, as_latex, latex_of, scores_table
from guitarclf.labels import LABELS

HOSTILE = [
    "[3] les paul",
    "*",
    "100% & $5_{x}^2~#\\",
    "two\nlines",
    "東京",
    "\"q\" -- ``a'' ?`!`",
    "a <<b>>",
    "",
]


def report_of(*rows, repeats=1):
    """Return the report of rows of (track, true label, called), by nets that are certain."""
    table = pd.DataFrame(rows * repeats, columns=["track", "label_category", "called"])
    table["repeat"] = np.repeat(np.arange(repeats) + 1, len(rows))
    table[PROBA_COLUMNS] = np.eye(3)[[LABELS.index(label) for label in table["called"]]]
    table[list(BASELINE_COLUMNS)] = "general_note"
    return summarise(table.assign(setting="alone", confidence=1.0, unknown_below=0.0))


TWO_TRACKS = [("a", "harmonic", "harmonic"), ("a", "harmonic", "dead_note"), ("b", "dead_note", "dead_note")]
TWO_TRACKS += [("b", "general_note", "general_note")] * 2


def test_every_score_has_its_place_and_its_interval():
    table = scores_table({"by track": report_of(*TWO_TRACKS)})
    assert tuple(table.columns) == COLUMNS
    by = table.set_index(["model", "track", "label", "score"]).sort_index()
    recall = by.loc[("this model", "", "harmonic", "recall")]
    assert (recall["value"], recall["notes"]) == (0.5, 2)
    assert (recall["low"], recall["high"]) == pytest.approx((0.0945, 0.9055), abs=1e-4)  # Wilson's, of 1 in 2
    in_track = by.loc[("this model", "a", "harmonic", "recall")]
    assert in_track[["value", "low", "high", "notes"]].tolist() == recall[["value", "low", "high", "notes"]].tolist()
    assert by.loc[("this model", "", "", "macro-F1"), "low"] < by.loc[("this model", "", "", "macro-F1"), "value"]
    majority = by.loc[("majority", "", "", "balanced accuracy")]
    assert majority[["value", "low", "high"]].tolist() == pytest.approx([1 / 3] * 3)  # whatever notes are drawn
    macro_f1 = by.loc[("SVM on MFCC", "", "", "macro-F1")]
    assert macro_f1["low"] <= macro_f1["value"] <= macro_f1["high"]
    assert ("this model", "b", "harmonic", "recall") not in by.index


def test_repeats_do_not_make_more_notes():
    once, twice = (scores_table({"by track": report_of(*TWO_TRACKS, repeats=n)}) for n in (1, 2))
    assert once["notes"].tolist() == twice["notes"].tolist()


def test_splits_that_leak_are_in_the_table_too():
    report = report_of(*TWO_TRACKS)
    table = scores_table({"by row": report, "by track": report})
    assert table.groupby("split").size().tolist() == [len(table) // 2] * 2


def test_latex_has_rules_of_booktabs_and_figures_with_intervals():
    text = as_latex(report_of(*TWO_TRACKS))
    assert text.count(r"\toprule") == text.count(r"\midrule") == text.count(r"\bottomrule") == 3
    assert r"harmonic & 2 & 1.00 & 0.50 [0.09, 0.91] & 0.67 & 0.00 [0.00, 0.56] \\" in text
    assert r"b &  & 1.00 [0.21, 1.00] (1) & 1.00 [0.34, 1.00] (2) \\" in text
    assert r"SVM on MFCC & 0.19 [0.19, 0.19] & 0.33 [0.33, 0.33] \\" in text


def test_a_class_without_notes_is_a_row_without_an_interval():
    assert r"harmonic & 0 & 0.00 & 0.00 & 0.00 & " in as_latex(report_of(("a", "dead_note", "dead_note")))


def test_of_many_tracks_a_page_has_those_with_most_notes_and_the_table_all():
    rows = [(f"track{n:03d}", "dead_note", "dead_note") for n in range(MAX_TRACKS + 1)]
    report = report_of(*rows, rows[-1])
    assert "the 50 of 51 tracks with most notes" in as_latex(report)
    assert r"track050 &  & 1.00 [0.34, 1.00] (2) &  \\" in as_latex(report)
    assert scores_table({"by track": report})["track"].nunique() == MAX_TRACKS + 2  # and none


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("100% & $5_{x}^2~#\\", r"100\% \& \$5\_\{x\}\textasciicircum{}2\textasciitilde{}\#\textbackslash{}"),
        ("[3]", "{}[3]"),
        ("*", "{}*"),
        ("two\nlines", r"two\textbackslash{}nlines"),
        ("e\N{COMBINING ACUTE ACCENT}東Ŧé", r"e\textbackslash{}u0301\textbackslash{}u6771\textbackslash{}u0166é"),
        ("--``?`", "-{}-{}`{}`?{}`"),
        ('<"q">', r"\textless{}\textquotedbl{}q\textquotedbl{}\textgreater{}"),
    ],
)
def test_a_name_is_printed_as_it_is(name, latex):
    assert latex_of(name) == latex


def compiled(folder, columns="onecolumn"):
    """Return pdfLaTeX's run of a paper that holds the folder's ``scores.tex``."""
    packages = r"\usepackage[T1]{fontenc}\usepackage{booktabs}"
    paper = rf"\documentclass[{columns}]{{article}}{packages}\begin{{document}}\input{{scores}}\end{{document}}"
    (folder / "paper.tex").write_text(paper)
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "paper"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex to compile with")
def test_latex_compiles_whatever_tracks_are_called(tmp_path):
    letters = "".join(chr(number) for number in range(0xA0, 0x180) if chr(number).isprintable())
    rows = [(name, "dead_note", "dead_note") for name in [*HOSTILE, letters]]
    (tmp_path / "scores.tex").write_text(as_latex(report_of(*rows)), encoding="utf-8")
    done = compiled(tmp_path)
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex to compile with")
@pytest.mark.parametrize("columns", ["onecolumn", "twocolumn"])
def test_tables_are_no_wider_than_a_page_of_one_or_two_columns(tmp_path, columns):
    rows = [("philharmonia_guitar", label, label) for label in LABELS]
    (tmp_path / "scores.tex").write_text(as_latex(report_of(*rows)), encoding="utf-8")
    done = compiled(tmp_path, columns)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
