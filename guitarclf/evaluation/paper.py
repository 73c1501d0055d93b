"""A cross-validation as tables for papers: every score in long form, and LaTeX with booktabs."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from guitarclf.evaluation.crossval import SCORES, CrossvalReport, largest_tracks
from guitarclf.evaluation.drawing import word_of
from guitarclf.evaluation.intervals import wilson
from guitarclf.files.wording import shown
from guitarclf.labels import LABELS

COLUMNS = ("split", "model", "track", "label", "score", "value", "low", "high", "notes")
OWN = "this model"
LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': r"\textquotedbl{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
# pdfLaTeX has the letters of Latin-1 and of Latin Extended-A, but a few.
LAST_LETTER, NOT_AMONG_THEM = "\u017e", "\u0126\u0127\u0138\u013f\u0140\u0149\u0166\u0167"
LIGATURES = re.compile(r"(?<=[-`',?!])(?=[-`',])")  # two characters that LaTeX would make one, such as a dash of --
HEAD = r"""% Written by guitarclf. In the preamble: \usepackage[T1]{fontenc} \usepackage{booktabs}
% Intervals: 95 %, for other notes of these tracks; Wilson's for shares, a bootstrap for the rest.
"""


def scores_table(reports: Mapping[str, CrossvalReport]) -> pd.DataFrame:
    """Return every score of a cross-validation as a table with the columns COLUMNS, a row each.

    ``reports`` are by kind of split. ``track`` is empty for scores of all tracks, ``label`` for those of all classes;
    ``low`` and ``high`` are the 95 % interval, where there is one; ``notes`` is how many were scored.
    """
    rows = [{"split": split, **row} for split, report in reports.items() for row in _scores_of(report)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _scores_of(report: CrossvalReport) -> Iterator[dict[str, Any]]:
    pooled, n_repeats = report.pooled, len(report.by_repeat)
    n_notes = pooled.n_events // n_repeats

    def row(score: str, value: float, *, label: str = "", notes: int = n_notes, model: str = OWN) -> dict[str, Any]:
        intervals = report.intervals if model == OWN else report.baseline_intervals[model]
        bounds = intervals.get(f"{score} {label}".rstrip())
        low, high = bounds or (None, None)
        told = {"model": model, "track": "", "label": label, "score": score, "value": value, "notes": notes}
        return told | {"low": low, "high": high}

    for name, title in SCORES.items():
        yield row(title, getattr(pooled, name))
    for name in ("accuracy", "loss", "calibration_error"):
        yield row(name.replace("_", " "), getattr(pooled, name))
    for label, score in pooled.per_class.items():
        notes = score.support // n_repeats
        for name in ("precision", "recall", "f1", "false_alarm"):
            yield row(name.replace("_", " "), getattr(score, name), label=label, notes=notes)
    for model, scores in report.baselines.items():
        for name, title in SCORES.items():
            yield row(title, scores[name], model=model)
    for track, label, notes, found, (low, high) in _found(report):
        told = {"model": OWN, "track": track, "label": label, "score": "recall", "value": found}
        yield told | {"low": low, "high": high, "notes": notes}


def _found(report: CrossvalReport) -> Iterator[tuple[str, str, int, float, tuple[float, float]]]:
    """Yield (track, label, notes, share found, its interval) of each class in each track."""
    table = report.per_track
    for row in table.to_dict("records"):
        found, notes = row[f"called {row['label']}"], row["events"]
        yield row["track"], row["label"], notes, found, wilson(found, notes)


def as_latex(report: CrossvalReport) -> str:
    """Return a cross-validation as three tables of LaTeX: by class, by track, and beside the baselines."""
    n_tracks, n_shown = report.per_track["track"].nunique(), len(largest_tracks(report.per_track))
    which = f"{n_tracks} tracks" if n_shown == n_tracks else f"the {n_shown} of {n_tracks} tracks with most notes"
    tables = [
        (_by_class(report), "classes", "Scores by class, notes of tracks that the model has not heard."),
        (_by_track(report), "tracks", f"Share found of each class in each of {which}, and number of notes."),
        (_beside_baselines(report), "baselines", "The same notes by this model and by baselines."),
    ]
    texts = [
        table.to_latex(
            index=False,
            escape=False,  # done, with what pandas leaves: brackets at the start of a row
            caption=caption,
            label=f"tab:{name}",
            position="tb",
            column_format="l" + "r" * (table.shape[1] - 1),
        )
        for table, name, caption in tables
    ]
    latex = "\n".join(texts).replace("\\begin{tabular}", "\\centering\\footnotesize\n\\begin{tabular}")
    # Intervals make them wider than one column of two: over both, which is the same where there is one.
    return HEAD + latex.replace("{table}", "{table*}")


def _by_class(report: CrossvalReport) -> pd.DataFrame:
    n_repeats = len(report.by_repeat)
    rows = [
        {
            "class": word_of(label),
            "notes": score.support // n_repeats,
            "precision": f"{score.precision:.2f}",
            "recall": _with_interval(score.recall, report.intervals.get(f"recall {label}")),
            "F1": f"{score.f1:.2f}",
            "false alarm": _with_interval(score.false_alarm, report.intervals.get(f"false alarm {label}")),
        }
        for label, score in report.pooled.per_class.items()
    ]
    return pd.DataFrame(rows)


def _by_track(report: CrossvalReport) -> pd.DataFrame:
    cells: dict[str, dict[str, str]] = {track: {} for track in largest_tracks(report.per_track)}
    for track, label, notes, found, interval in _found(report):
        if track in cells:
            cells[track][label] = f"{_with_interval(found, interval)} ({notes})"
    rows = [
        {"track": latex_of(track), **{word_of(label): own.get(label, "") for label in LABELS}}
        for track, own in cells.items()
    ]
    return pd.DataFrame(rows)


def _beside_baselines(report: CrossvalReport) -> pd.DataFrame:
    own = {"": OWN} | {
        title: _with_interval(getattr(report.pooled, name), report.intervals.get(title))
        for name, title in SCORES.items()
    }
    others = [
        {"": latex_of(model)}
        | {
            title: _with_interval(scores[name], report.baseline_intervals[model][title])
            for name, title in SCORES.items()
        }
        for model, scores in report.baselines.items()
    ]
    return pd.DataFrame([own, *others])


def _with_interval(value: float, bounds: tuple[float, float] | None) -> str:
    return f"{value:.2f}" + (f" [{bounds[0]:.2f}, {bounds[1]:.2f}]" if bounds else "")


def latex_of(name: object) -> str:
    """Return a name as LaTeX prints it, on one line and as a cell of a table.

    Letters that pdfLaTeX lacks are escaped, as in figures. A bracket or a star at the start would belong to the end of
    the row above.
    """
    text = "".join(
        letter if letter <= LAST_LETTER and letter not in NOT_AMONG_THEM else ascii(letter)[1:-1]
        for letter in shown(name)
    )
    escaped = LIGATURES.sub("{}", "".join(LATEX.get(letter, letter) for letter in text))
    return f"{{}}{escaped}" if escaped[:1] in ("[", "*") else escaped
