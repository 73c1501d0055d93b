"""How well confidence tells notes from sounds that are no note: ranks, and shares below thresholds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from guitarclf.evaluation.in_context import SETTINGS, Spread, Spreads, as_plain, row, shortened

OWN = "the net's own"
SHARES_LOST = {"alone": 0.05, "windows": 0.07}  # setting -> share of its notes that a threshold for reference loses
FAMILY_WIDTH = 26


@dataclass(frozen=True)
class ThresholdScore:
    """What is below a threshold: the share of sounds that are no note, of each family, and of notes in each setting."""

    threshold: Spread
    rejected: Spread
    by_family: Spreads
    lost: Spreads

    def to_dict(self) -> dict[str, object]:
        """Return the scores for JSON."""
        return {
            "threshold": self.threshold._asdict(),
            "rejected": self.rejected._asdict(),
            "by_family": as_plain(self.by_family),
            "lost": as_plain(self.lost),
        }


@dataclass(frozen=True)
class RejectionReport:
    """Sounds that are no note, of families that no net was trained on, against the notes of each setting.

    Parameters
    ----------
    clips : dict
        Family -> number of its clips.
    auroc : dict
        Setting -> area under the ROC curve of confidence: how often a note gets more of it than another sound.
    thresholds : dict
        Name of a threshold -> ThresholdScore. A net's own is 0, and nothing below it, if the net has none.
    """

    clips: dict[str, int]
    auroc: Spreads
    thresholds: dict[str, ThresholdScore]

    def to_dict(self) -> dict[str, object]:
        """Return the report as plain dicts, for JSON."""
        thresholds = {name: score.to_dict() for name, score in self.thresholds.items()}
        return {"clips": self.clips, "auroc": as_plain(self.auroc), "thresholds": thresholds}

    def to_text(self) -> str:
        """Return the report as tables for a terminal."""
        what = (
            f"{sum(self.clips.values())} sounds that are no note, of {len(self.clips)} families not heard in training"
        )
        lines = [f"{what}:", row("", [SETTINGS[setting] for setting in self.auroc])]
        lines.append(row("AUROC of confidence", map(str, self.auroc.values())))
        for name, score in self.thresholds.items():
            lines += ["", f"Threshold: {name}, {score.threshold}; of these sounds below it: {score.rejected}"]
            lines.append(row("notes lost", map(str, score.lost.values())))
        lines += ["", "Shares below each threshold, by family:", self._families_as_text()]
        return "\n".join(lines)

    def _families_as_text(self) -> str:
        table = pd.DataFrame({"family": list(self.clips), "clips": list(self.clips.values())})
        for name, score in self.thresholds.items():
            table[name] = [score.by_family[family].mean for family in self.clips]
        table["family"] = [shortened(name, FAMILY_WIDTH) for name in table["family"]]
        return table.to_string(index=False, float_format="%.3f")


def score_rejection(notes: pd.DataFrame, background: pd.DataFrame) -> RejectionReport:
    """Return the report of notes and of sounds that are no note, each said by nets that have not heard them.

    Parameters
    ----------
    notes : DataFrame
        A row per note, setting and repeat: ``setting``, ``repeat``, ``confidence``, ``unknown_below``.
    background : DataFrame
        A row per clip and repeat: ``audio_path``, ``family``, ``repeat``, ``confidence``, ``unknown_below``.
    """
    settings = [name for name in SETTINGS if name in set(notes["setting"])]
    repeats = [(part, background[background["repeat"] == number]) for number, part in notes.groupby("repeat")]
    auroc = {
        setting: Spread.of(_auroc(_confidence(part, setting), clips["confidence"]) for part, clips in repeats)
        for setting in settings
    }
    rules: dict[str, Callable] = {OWN: lambda part: None}
    for setting, share in SHARES_LOST.items():
        if setting in settings:
            rules[f"{share:.0%} of {setting}"] = _quantile(setting, share)
    thresholds = {name: _score_threshold(repeats, rule, settings) for name, rule in rules.items()}
    counts = background[background["repeat"] == 1]["family"].value_counts()
    return RejectionReport({str(family): int(count) for family, count in counts.items()}, auroc, thresholds)


def _confidence(notes: pd.DataFrame, setting: str) -> pd.Series:
    return notes.loc[notes["setting"] == setting, "confidence"]


def _auroc(notes: pd.Series, clips: pd.Series) -> float:
    is_note = np.repeat([1, 0], [len(notes), len(clips)])
    return float(roc_auc_score(is_note, np.concatenate([notes, clips])))


def _quantile(setting: str, share: float) -> Callable[[pd.DataFrame], float]:
    """Return a function: notes of a repeat -> the threshold below which at most a share of those in a setting are."""
    return lambda part: float(np.quantile(_confidence(part, setting), share, method="lower"))


def _score_threshold(repeats: list, rule: Callable, settings: list[str]) -> ThresholdScore:
    """Return what is below the threshold of a rule in each repeat; a rule without an answer leaves it to the nets."""
    found: dict[str, list] = {"threshold": [], "rejected": [], "by_family": [], "lost": []}
    for notes, clips in repeats:
        threshold = rule(notes)
        of_notes, of_clips = (rows["unknown_below"] if threshold is None else threshold for rows in (notes, clips))
        is_lost, is_rejected = notes["confidence"] < of_notes, clips["confidence"] < of_clips
        found["threshold"].append(np.mean(of_notes))
        found["rejected"].append(is_rejected.mean())
        found["by_family"].append(is_rejected.groupby(clips["family"]).mean().to_dict())
        found["lost"].append(is_lost.groupby(notes["setting"]).mean()[settings].to_dict())
    return ThresholdScore(
        threshold=Spread.of(found["threshold"]),
        rejected=Spread.of(found["rejected"]),
        by_family=_spreads(found["by_family"]),
        lost=_spreads(found["lost"]),
    )


def _spreads(repeats: list[dict[str, float]]) -> Spreads:
    """Return name -> Spread of the dicts of all repeats, which have the same names."""
    return {str(name): Spread.of(shares[name] for shares in repeats) for name in repeats[0]}
