"""How well notes are told alone and in phrases: figures of each setting, their means and ranges over the repeats."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from guitarclf.evaluation.metrics import PROBA_COLUMNS, Report, evaluate
from guitarclf.labels import LABELS

SETTINGS = {"alone": "alone", "windows": "windows in phrases", "offsets": "phrases, offsets"}  # as tables name them
ORDINARY = "general_note"
TITLES = {
    **{f"recall {label}": f"recall {label}" for label in LABELS},
    "called harmonic": "ordinary as harmonic",
    "called dead_note": "ordinary as dead",
    "balanced accuracy": "balanced accuracy",
    "macro-F1": "macro-F1",
    "error": "error",
    "error of the surer half": "error, surer half",
    "unknown": "unknown",
    **{f"kept {label}": f"kept {label}" for label in LABELS},
}
TITLE_WIDTH, CELL_WIDTH = 21, 19
TRACK_WIDTH = 26


class Spread(NamedTuple):
    """A figure over the repeats: its mean, the lowest, the highest."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Return the Spread of the values of all repeats."""
        values = list(values)
        return cls(float(np.mean(values)), float(min(values)), float(max(values)))

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + (f" {self.low:.3f}-{self.high:.3f}" if self.low < self.high else "")


Spreads = dict[str, Spread]


@dataclass(frozen=True)
class ContextReport:
    """Figures of notes in the settings of ``SETTINGS`` that were scored.

    Parameters
    ----------
    figures : dict
        Setting -> figure, a key of ``TITLES`` -> Spread. A figure that is not known is left out.
    per_track : DataFrame
        A row per track and label: how many notes, and the share of them that is found in each setting.
    uses_offsets : bool
        Whether the recipe hears where a note ends. If not, sound after the offset is silenced in phrases with offsets.
    """

    figures: dict[str, Spreads]
    per_track: pd.DataFrame
    uses_offsets: bool

    def to_dict(self) -> dict[str, object]:
        """Return the report as plain dicts and lists, for JSON."""
        figures = {setting: as_plain(spreads) for setting, spreads in self.figures.items()}
        return {
            "settings": figures,
            "recall_per_track": self.per_track.to_dict("records"),
            "uses_offsets": self.uses_offsets,
        }

    def to_text(self) -> str:
        """Return the figures, and with phrases the tracks, as tables for a terminal."""
        lines = [row("", [SETTINGS[setting] for setting in self.figures])]
        for name, title in TITLES.items():
            if any(name in spreads for spreads in self.figures.values()):
                lines.append(row(title, [str(spreads.get(name, "-")) for spreads in self.figures.values()]))
        lines += ["", "ordinary: general_note. Figures are means of the repeats, and their range."]
        if any("unknown" in spreads for spreads in self.figures.values()):
            lines.append("unknown: below the model's own threshold. kept: found and not unknown.")
        if len(self.figures) > 1:
            heard = "as the recipe has them, alone too" if self.uses_offsets else "silence after them, in phrases only"
            lines += [f"Offsets: {heard}.", "", "Found, by track and label:", self._tracks_as_text()]
        return "\n".join(lines)

    def _tracks_as_text(self) -> str:
        table = self.per_track.assign(track=[shortened(name, TRACK_WIDTH) for name in self.per_track["track"]])
        return table.to_string(index=False, float_format="%.3f")


def row(title: str, cells: Iterable[str]) -> str:
    """Return a row of a table of settings, below 80 columns."""
    return (f"{title:{TITLE_WIDTH}}" + "".join(f"{cell:{CELL_WIDTH}}" for cell in cells)).rstrip()


def shortened(name: str, width: int) -> str:
    """Return a name in at most ``width`` columns: a long one keeps its end."""
    return name if len(name) <= width else f"...{name[3 - width :]}"


def as_plain(spreads: Mapping[str, Spread]) -> dict[str, dict[str, float]]:
    """Return figures for JSON."""
    return {name: spread._asdict() for name, spread in spreads.items()}


def score_settings(table: pd.DataFrame, *, uses_offsets: bool) -> ContextReport:
    """Return the report of predictions.

    Parameters
    ----------
    table : DataFrame
        A row per note, setting and repeat: ``track``, ``label_category``, ``called``, ``setting``, ``repeat``, the
        columns of ``PROBA_COLUMNS``, ``confidence`` (NaN where it is not known) and ``unknown_below``.
    uses_offsets : bool
        As in `ContextReport`.
    """
    figures = {}
    for setting in [name for name in SETTINGS if name in set(table["setting"])]:
        repeats = [figures_of(part) for _, part in table[table["setting"] == setting].groupby("repeat")]
        known = [name for name in TITLES if all(name in each for each in repeats)]  # a net may have no threshold
        figures[setting] = {name: Spread.of(each[name] for each in repeats) for name in known}
    return ContextReport(figures, _per_track(table, list(figures)), uses_offsets)


def figures_of(table: pd.DataFrame) -> dict[str, float]:
    """Return the figures of the notes of one setting and repeat, by the keys of ``TITLES``."""
    report = evaluate(table["label_category"], table[PROBA_COLUMNS])
    figures = {f"recall {label}": score.recall for label, score in report.per_class.items() if score.support}
    figures |= called_of_ordinary(report)
    figures |= {"balanced accuracy": report.balanced_accuracy, "macro-F1": report.macro_f1}
    figures["error"] = 1 - report.accuracy
    if table["confidence"].notna().all():
        figures["error of the surer half"] = error_of_surer_half(table)
    if (table["unknown_below"] > 0).any():
        is_known = table["confidence"] >= table["unknown_below"]
        figures["unknown"] = float(1 - is_known.mean())
        is_kept = (is_known & (table["called"] == table["label_category"])).groupby(table["label_category"]).mean()
        figures |= {f"kept {label}": float(share) for label, share in is_kept.items()}
    return figures


def called_of_ordinary(report: Report) -> dict[str, float]:
    """Return the shares of ordinary notes that are called by a rare name, none if there are no such notes."""
    counts = dict(zip(LABELS, report.confusion[LABELS.index(ORDINARY)], strict=True))
    n_notes = sum(counts.values())
    return {f"called {label}": counts[label] / n_notes for label in LABELS if label != ORDINARY and n_notes}


def error_of_surer_half(table: pd.DataFrame) -> float:
    """Return the share of wrong answers in the half of the notes (rounded up) of highest ``confidence``."""
    surest = table.sort_values("confidence", ascending=False, kind="stable").head((len(table) + 1) // 2)
    return float((surest["called"] != surest["label_category"]).mean())


def _per_track(table: pd.DataFrame, settings: list[str]) -> pd.DataFrame:
    """Return a row per track and label: how many notes there are, and the share found in each setting."""
    found = table.assign(found=(table["called"] == table["label_category"]).astype(float))
    by = ["track", "label_category"]
    shares = found.pivot_table(index=by, columns="setting", values="found", aggfunc="mean")[settings]
    counts = found.groupby(by).size() // (table["repeat"].nunique() * len(settings))
    shares.insert(0, "notes", counts)
    return shares.rename_axis(columns=None).reset_index().rename(columns={"label_category": "label"})
