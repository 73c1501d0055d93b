"""NoteEventDataset: the pipeline's features, one event at a time."""

import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from guitarclf.config.files import load_config
from guitarclf.data.splits import assign_splits
from guitarclf.dataset import NoteEventDataset
from guitarclf.errors import AudioReadError, EventTableError, ParameterError
from guitarclf.labels import LABELS
from guitarclf.pipeline import build_pipeline

SETTINGS = {
    "": [],
    "another picture": [
        "window.target_duration=0.5",
        "window.normalize=rms",
        "logmel.n_mels=40",
        "logmel.extra_channels=[rms]",
    ],
    "offsets": ["window.zero_after_offset=true", "logmel.extra_channels=[sounding]"],
}


@pytest.fixture
def events(small_table):
    return small_table.events.assign(split=assign_splits(small_table.events))


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_an_item_is_the_pipelines_row_and_the_index_of_its_label(events, settings):
    config = load_config(overrides=settings)
    expected = build_pipeline(config)[:-1].transform(events)
    dataset = NoteEventDataset(events, "all", config)
    assert len(dataset) == 30
    for index, (spectrogram, label_index) in enumerate(dataset):
        assert spectrogram.dtype == torch.float32
        np.testing.assert_array_equal(spectrogram.numpy(), expected[index])
        assert LABELS[label_index] == events["label_category"].iloc[index]


def test_iteration_ends_after_the_last_event(events):
    assert len(list(NoteEventDataset(events, "all", transform=lambda waveform: waveform))) == 30


def test_a_split_holds_its_rows_and_no_others(events):
    sizes = []
    for split in ("train", "val", "test"):
        dataset = NoteEventDataset(events, split)
        assert dataset.events["note_id"].tolist() == events["note_id"][events["split"] == split].tolist()
        sizes.append(len(dataset))
    assert sum(sizes) == 30
    assert min(sizes) > 0


def test_a_loader_batches_the_items(events):
    spectrograms, y = next(iter(DataLoader(NoteEventDataset(events, "train"), batch_size=4)))
    assert spectrograms.shape == (4, 1, 64, 87)
    assert y.dtype == torch.int64


def test_a_transform_gets_the_waveform(events):
    dataset = NoteEventDataset(events, "all", transform=lambda waveform: waveform * 2)
    waveform, _ = dataset[0]
    assert waveform.shape == (22050,)
    assert waveform.abs().max() == 2


def test_a_row_can_come_along(events):
    _, _, row = NoteEventDataset(events, "val", return_row=True)[0]
    assert row["note_id"] == events["note_id"][events["split"] == "val"].iloc[0]
    batch = next(iter(DataLoader(NoteEventDataset(events, "val", return_row=True), batch_size=2)))
    assert batch[2]["track"] == NoteEventDataset(events, "val").events["track"].tolist()[:2]


def test_a_dataset_pickles_for_worker_processes(events):
    dataset = NoteEventDataset(events, "all")
    copy = pickle.loads(pickle.dumps(dataset))
    torch.testing.assert_close(copy[3][0], dataset[3][0], rtol=0, atol=0)


def test_an_unreadable_file_is_an_error(events):
    dataset = NoteEventDataset(events.assign(audio_path="gone.wav"), "all")
    with pytest.raises(AudioReadError, match=r"gone\.wav must be an audio file"):
        dataset[0]


def test_an_unknown_split_is_refused(events):
    with pytest.raises(ParameterError, match=r"`split` must be one of train, val, test, all\. Got 'valid'"):
        NoteEventDataset(events, "valid")


def test_a_side_of_a_table_without_splits_is_refused(small_table):
    with pytest.raises(EventTableError, match="must have a `split` column to take its train rows"):
        NoteEventDataset(small_table.events, "train")
    assert len(NoteEventDataset(small_table.events, "all")) == 30


def test_an_unlabelled_table_is_refused(events):
    with pytest.raises(EventTableError, match=r"`label_category` must be one of .*Got ''"):
        NoteEventDataset(events.assign(label_category=""), "all")
