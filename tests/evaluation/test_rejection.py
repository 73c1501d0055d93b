"""Confidence of notes against that of sounds that are no note."""

import numpy as np
import pandas as pd
import pytest

from guitarclf.evaluation.rejection import OWN, score_rejection


def notes_of(confidence, *, setting="alone", repeat=1, unknown_below=0.0):
    return pd.DataFrame(
        {"confidence": confidence, "setting": setting, "repeat": repeat, "unknown_below": unknown_below}
    )


def clips_of(confidence, families, *, repeat=1, unknown_below=0.0):
    columns = {"confidence": confidence, "family": families, "repeat": repeat, "unknown_below": unknown_below}
    return pd.DataFrame(columns).assign(audio_path=[f"{n}.wav" for n in range(len(families))])


def test_auroc_is_how_often_a_note_is_surer_than_another_sound_in_each_setting():
    notes = pd.concat([notes_of([0.8, 0.9]), notes_of([0.1, 0.9], setting="windows")])
    report = score_rejection(notes, clips_of([0.2, 0.3], ["drums", "voices"]))
    assert report.auroc["alone"].mean == 1
    assert report.auroc["windows"].mean == 0.5
    assert "offsets" not in report.auroc
    assert report.clips == {"drums": 1, "voices": 1}


def test_a_threshold_loses_its_share_of_notes_and_tells_what_it_rejects():
    spread = np.linspace(0.5, 1, 101)
    notes = pd.concat([notes_of(spread), notes_of(spread - 0.1, setting="windows")])
    report = score_rejection(notes, clips_of([0.1, 0.51, 0.9, 0.9], ["drums", "drums", "voices", "voices"]))
    score = report.thresholds["5% of alone"]
    assert score.threshold.mean == pytest.approx(0.525)
    assert score.lost["alone"].mean <= 0.05 < score.lost["windows"].mean
    assert score.rejected.mean == 0.5
    assert (score.by_family["drums"].mean, score.by_family["voices"].mean) == (1, 0)
    assert report.thresholds["7% of windows"].lost["windows"].mean <= 0.07


def test_each_net_has_its_own_threshold():
    notes = pd.concat([notes_of([0.3, 0.6], unknown_below=0.5), notes_of([0.3, 0.6], repeat=2)])
    clips = pd.concat([clips_of([0.4], ["drums"], unknown_below=0.5), clips_of([0.4], ["drums"], repeat=2)])
    score = score_rejection(notes, clips).thresholds[OWN]
    assert tuple(score.lost["alone"]) == (0.25, 0, 0.5)
    assert tuple(score.rejected) == (0.5, 0, 1)


def test_the_text_fits_80_columns():
    settings = [
        notes_of([0.3, 0.6], setting=name, repeat=n) for name in ("alone", "windows", "offsets") for n in (1, 2)
    ]
    clips = pd.concat([clips_of([0.4, 0.5], ["f" * 50, "voices"], repeat=n) for n in (1, 2)])
    text = score_rejection(pd.concat(settings), clips).to_text()
    assert max(map(len, text.splitlines())) < 80
    assert "2 sounds that are no note, of 2 families" in text
