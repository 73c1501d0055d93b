"""The tables of a report as plain rows: scores, confusion, tracks, settings, environment."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from guitarclf.config import Config, get_value, leaves
from guitarclf.evaluation.crossval import per_track
from guitarclf.evaluation.intervals import wilson
from guitarclf.experiment.report_subject import Subject, as_dicts
from guitarclf.labels import LABELS

FOLDERS = ("data.metadata_path", "data.audio_root", "data.cache", "training.background_path", "training.init_from")
MAX_TRACKS = 400  # rows of the table of tracks
Intervals = dict[str, tuple[float, float]]
PATHS = (*FOLDERS, "output_dir")  # keys of which the last part is told: a page is passed on


def scores(subject: Subject, intervals: Intervals) -> list[dict[str, Any]]:
    """Return the scores of all rows, each with its interval and what it is; NaN is left out."""
    report = subject.report
    rows = [
        ("macro-F1", report.macro_f1, intervals["macro-F1"], "mean F1 of the three classes"),
        ("balanced accuracy", report.balanced_accuracy, intervals["balanced accuracy"], "mean recall of the classes"),
        ("accuracy", report.accuracy, wilson(report.accuracy, subject.n_notes), "share of all notes that is right"),
        ("calibration error", report.calibration_error, None, "how far probabilities are from shares; 0 is best"),
        ("loss", report.loss, None, "mean of -log p(true class), nats; 0 is best"),
    ]
    names = ("name", "value", "interval", "meaning")
    return [dict(zip(names, row, strict=True)) for row in rows if math.isfinite(row[1])]


def per_class(subject: Subject, intervals: Intervals) -> list[dict[str, Any]]:
    """Return a row per class: its scores, and the intervals of recall and false alarm."""
    return [
        {
            "label": label,
            "score": score,
            "support": score.support // subject.rows["repeat"].nunique(),
            "recall": intervals.get(f"recall {label}"),
            "false_alarm": intervals[f"false alarm {label}"],
        }
        for label, score in subject.report.per_class.items()
    ]


def confusion(subject: Subject, notes: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row per true class, with its cells: count, share of the class, shade from 0 to 10, notes shown."""
    counts = np.array(subject.report.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    n_shown = notes.groupby(["label_category", "called"]).size().to_dict()
    return [
        {
            "label": true,
            "count": int(counts[i].sum()),
            "cells": [
                {
                    "label": called,
                    "count": int(counts[i, j]),
                    "share": float(shares[i, j]),
                    "shade": round(10 * float(shares[i, j])),
                    "n_shown": n_shown.get((true, called), 0),
                }
                for j, called in enumerate(LABELS)
            ],
        }
        for i, true in enumerate(LABELS)
    ]


def counts_of(called: pd.Series) -> dict[str, int]:
    """Return label -> how many are called so."""
    counts = called.value_counts()
    return {label: int(counts.get(label, 0)) for label in LABELS}


def tracks(subject: Subject) -> list[dict[str, Any]]:
    """Return a row per track and class: notes, the share that is found with its interval, shares called each class.

    Of more than MAX_TRACKS those with the most notes called wrongly.
    """
    rows = []
    for row in as_dicts(per_track(subject.rows)):
        shares = {label: row[f"called {label}"] for label in LABELS}
        found = shares[row["label"]]
        rows.append(row | {"found": found, "interval": wilson(found, row["events"]), "shares": shares})
    worst = sorted(range(len(rows)), key=lambda place: -(1 - rows[place]["found"]) * rows[place]["events"])
    return [rows[place] for place in sorted(worst[:MAX_TRACKS])]


def count_unknown(subject: Subject) -> int | None:
    """Return how many rows are below the threshold of their net, None where no net has one."""
    if not subject.has_answers or not (subject.rows["unknown_below"] > 0).any():
        return None
    return int((subject.rows["confidence"] < subject.rows["unknown_below"]).sum())


def settings(config: Config) -> list[dict[str, Any]]:
    """Return a row per key of a config: its value, the default, whether they differ, and what it means."""
    rows = []
    for key, leaf in leaves():
        value, default = get_value(config, key), get_value(Config(), key)
        if key in PATHS and value is not None:
            value = Path(value).name
        told = {"key": key, "value": str(value), "default": str(default), "meaning": leaf.metadata["doc"]}
        rows.append({**told, "is_changed": value != default and key not in PATHS})
    return rows


def environment(described: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (name, value) of what an environment.json tells: versions, machine, seed, digests of the data."""
    rows: list[tuple[str, str]] = []
    for section, content in described.items():
        if isinstance(content, dict):
            rows += [
                (f"{section}: {name}" if section == "data" else name, str(value)) for name, value in content.items()
            ]
        else:
            rows.append((section, str(content)))
    return [(name, value) for name, value in rows if value != "None"]
