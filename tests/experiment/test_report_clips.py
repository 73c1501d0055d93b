"""Which notes a report shows, and what of their sound."""

import base64
import io

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from guitarclf.evaluation.metrics import PROBA_COLUMNS
from guitarclf.experiment import report_clips
from guitarclf.experiment.report_clips import chosen, clips_of, notes_of
from guitarclf.experiment.report_subject import find_subject
from guitarclf.labels import LABELS

H, D, G = LABELS


def notes(*cells):
    """Return notes of (true, called, confidence)."""
    rows = [(f"n{n}", "guitar", *cell) for n, cell in enumerate(cells)]
    return pd.DataFrame(rows, columns=["note_id", "track", "label_category", "called", "confidence"])


def test_wrong_ones_come_first_by_falling_confidence_and_the_least_sure_of_the_others_after():
    table = notes((H, H, 0.9), (H, D, 0.5), (D, D, 0.4), (G, D, 0.8), (G, G, 0.7))
    assert chosen(table)["note_id"].tolist() == ["n3", "n1", "n2", "n4", "n0"]


def test_each_cell_of_the_confusion_matrix_gets_its_share(monkeypatch):
    monkeypatch.setattr(report_clips, "MAX_NOTES", 8)
    monkeypatch.setattr(report_clips, "MAX_WRONG", 4)
    many = [(G, H, 0.9 - 0.01 * n) for n in range(10)] + [(H, D, 0.1)] + [(G, G, 0.5)] * 10 + [(D, D, 0.2), (H, H, 0.3)]
    shown = chosen(notes(*many))
    counts = shown.groupby(["label_category", "called"]).size().to_dict()
    assert counts == {(G, H): 3, (H, D): 1, (G, G): 2, (D, D): 1, (H, H): 1}
    assert shown["note_id"].tolist()[:3] == ["n0", "n1", "n2"]  # the surest


def test_wrong_ones_take_the_room_that_right_ones_leave(monkeypatch):
    monkeypatch.setattr(report_clips, "MAX_NOTES", 8)
    monkeypatch.setattr(report_clips, "MAX_WRONG", 4)
    assert len(chosen(notes(*[(G, H, 0.5)] * 20, (G, G, 0.5)))) == 8
    assert len(chosen(notes(*[(G, H, 0.5)] * 2))) == 2
    assert chosen(notes()).empty


def test_nets_that_call_a_note_alike_are_one_row(run):
    subject = find_subject(run.folder.root)
    rows = pd.concat([subject.rows.assign(repeat=repeat) for repeat in (1, 2, 3)], ignore_index=True)
    other = rows.index[0]
    rows.loc[other, "called"] = H if rows.loc[other, "called"] != H else D
    listed = notes_of(type(subject)(**{**vars(subject), "rows": rows}))
    assert len(listed) == len(subject.rows) + 1
    of_note = listed[listed["note_id"] == rows.loc[other, "note_id"]]
    assert sorted(of_note["n_nets"]) == [1, 2]
    assert listed[PROBA_COLUMNS].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)


def test_a_clip_is_the_window_that_the_net_hears_without_the_silence_after_it(run):
    subject = find_subject(run.folder.root)
    note_id = subject.rows["note_id"].iloc[0]
    clip = clips_of(subject, [note_id, note_id])[note_id]
    heard, rate = sf.read(io.BytesIO(base64.b64decode(clip.sound.partition(",")[2])))
    window = subject.reader.read([subject.requests[note_id]])[0][0]
    assert rate == 22050
    assert len(heard) == pytest.approx(len(np.trim_zeros(window, "b")), abs=2)
    assert len(heard) < len(window)
    assert 0.7 < np.abs(heard).max() <= 1
    assert clip.picture.startswith("data:image/png;base64,")


def test_sound_beyond_the_limit_is_left_out(run, monkeypatch):
    subject = find_subject(run.folder.root)
    note_ids = subject.rows["note_id"].tolist()
    whole = clips_of(subject, note_ids)
    size = max(len(clip.picture) + len(clip.sound) for clip in whole.values())
    monkeypatch.setattr(report_clips, "MAX_BYTES", 2 * size)
    assert 2 <= len(clips_of(subject, note_ids)) < len(note_ids)
    assert len(clips_of(subject, note_ids[:1] * 3)) == 0  # three rows of a note bring its sound three times
