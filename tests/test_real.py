"""Real recordings, where GUITARCLF_TEST_DATA names a folder that has them."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr
from small import small_config

from guitarclf.audio.recordings import load_segment
from guitarclf.bundle.pipelines import load_pipeline
from guitarclf.data.events import read_events
from guitarclf.data.splits import assign_splits
from guitarclf.evaluation.timeline import score_timeline
from guitarclf.experiment.annotate import annotate
from guitarclf.experiment.evaluate import evaluate_run
from guitarclf.experiment.predict import PREDICTION_COLUMNS, predict_events
from guitarclf.experiment.train import train
from guitarclf.experiment.validate import validate
from guitarclf.features.logmel import log_mel
from guitarclf.features.window import EventWindow


@pytest.fixture(scope="module")
def real_events(real_data):
    root = real_data / "real"
    return read_events(root / "metadata.csv", audio_root=root)


@pytest.fixture(scope="module")
def real_run(real_data, tmp_path_factory):
    root = real_data / "real"
    config = small_config(
        data__metadata_path=str(root / "metadata.csv"),
        data__audio_root=str(root),
        output_dir=str(tmp_path_factory.mktemp("real") / "run"),
        net__max_epochs=2,
    )
    return train(config)


@pytest.fixture(scope="module")
def track_table(real_data, tmp_path_factory):
    """The events of the original tracks, from the XML beside them."""
    root = real_data / "idmt_excerpt"
    rows = []
    for path in sorted(root.glob("dataset2/annotation/*.xml")):
        for number, event in enumerate(ElementTree.parse(path).iter("event")):
            rows.append(
                {
                    "note_id": f"{path.stem}_{number}",
                    "audio_path": f"dataset2/audio/{path.stem}.wav",
                    "onset_sec": event.findtext("onsetSec"),
                    "offset_sec": event.findtext("offsetSec"),
                    "pitch_midi": event.findtext("pitch"),
                    "expression_style": event.findtext("expressionStyle"),
                }
            )
    path = tmp_path_factory.mktemp("tracks") / "events.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path, root


def test_the_table_and_its_audio_are_sound(real_data):
    found = validate(real_data / "real" / "metadata.csv", real_data / "real")
    assert found.problems == []
    assert found.summary[0] == "442 events in 442 files, 13 tracks"


def test_no_instrument_is_on_two_sides(real_events):
    splits = assign_splits(real_events)
    assert (splits.groupby(real_events["track"]).nunique() == 1).all()
    assert set(real_events.loc[splits == "val", "label_category"]) == {"harmonic", "dead_note", "general_note"}


def test_windows_and_features_equal_librosa_on_real_sound(real_events):
    events = real_events[::40]
    windows = EventWindow().transform(events)
    features = log_mel(windows)
    for window, feature in zip(windows, features, strict=True):
        mel = librosa.feature.melspectrogram(y=window, sr=22050, n_fft=1024, hop_length=256, n_mels=64)
        np.testing.assert_allclose(feature, librosa.power_to_db(mel, top_db=None), atol=1e-2)


def test_a_stretch_of_a_track_equals_the_whole_track_cut(track_table):
    path, root = track_table
    events = read_events(path, audio_root=root, require_labels=False)
    audio_path = events["audio_path"].iloc[0]
    audio, rate = soundfile.read(audio_path, dtype="float32")
    whole = soxr.resample(audio, rate, 22050, quality="HQ")
    for onset in events.loc[events["audio_path"] == audio_path, "onset_sec"]:
        start = round(onset * 22050)
        part = whole[start : start + 22050]
        error = load_segment(audio_path, onset, 1.0, sample_rate=22050)[: len(part)] - part
        assert np.abs(error).max() < 1e-3 * np.abs(part).max()


def test_train_and_evaluate_on_real_instruments(real_run):
    assert real_run.report is not None
    result = evaluate_run(real_run.folder.root, split="test")
    assert result.report.n_events > 20
    assert result.duration_macro_f1 is not None


def test_predict_the_events_of_real_tracks(real_run, track_table):
    path, root = track_table
    events = read_events(path, audio_root=root, require_labels=False)
    table = pd.concat(predict_events(load_pipeline(real_run.folder.root), events))
    assert list(table.columns) == list(PREDICTION_COLUMNS)
    assert len(table) == len(events) == 36
    assert (table["error"] == "").all()


def test_the_notes_of_real_licks_are_found_and_none_is_called_rare(track_table):
    path, root = track_table
    true = read_events(path, audio_root=root, require_labels=False).assign(label_category="general_note")
    found = annotate(root / "dataset2")
    found["audio_path"] = [str(Path(found.attrs["audio_root"], name).resolve()) for name in found["audio_path"]]
    true["audio_path"] = [str(Path(name).resolve()) for name in true["audio_path"]]
    report = score_timeline(true, found)
    assert report.onsets.recall == 1
    assert report.onsets.f1 > 0.97
    assert not {"harmonic", "dead_note"} & set(found["label_category"])
