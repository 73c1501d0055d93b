"""The store is filled some rows at a time, and it is told what became of them."""

import os

import numpy as np
import pytest

from guitarclf.audio.windows import Request, WindowReader
from guitarclf.errors import RunError
from guitarclf.features.arrays import Windows
from guitarclf.features.extraction import count_stored, features_of
from guitarclf.features.filling import FEWEST_ROWS, MOST_ROWS, Filled, FillStore, in_parts
from guitarclf.features.logmel import LogMelSpectrogram
from guitarclf.features.store import FeatureStore

SETTINGS = LogMelSpectrogram(n_mels=32).settings
READER = WindowReader()


@pytest.fixture
def requests(write_wav, tone):
    """Three recordings, which were not changed just now."""
    made = []
    for number in range(3):
        path = write_wav(tone * (number + 1) / 3, f"{number}.wav")
        os.utime(path, (1e9, 1e9))
        made.append(Request(str(path), 0.0, True))
    return made


@pytest.fixture
def old(monkeypatch):
    """A clock by which no file was changed just now."""
    monkeypatch.setattr("guitarclf.files.state.GRAIN_SEC", -1.0)


def test_what_is_missing_is_computed_once(requests, old, tmp_path):
    fill = FillStore(READER, SETTINGS, FeatureStore(tmp_path / "store"))
    assert fill(requests[:1]) == Filled(n_computed=1)
    assert fill(requests) == Filled(n_there=1, n_computed=2)
    assert fill(requests) == Filled(n_there=3)
    windows = Windows(READER, requests)
    assert count_stored(windows, SETTINGS, fill.store) == 3
    np.testing.assert_array_equal(features_of(windows, SETTINGS, fill.store), features_of(windows, SETTINGS))


def test_what_cannot_be_read_is_told_and_the_rest_kept(requests, old, tmp_path):
    broken = [Request(str(tmp_path / "nowhere.wav"), 0.0, True), Request(str(tmp_path / "text.wav"), 0.0, True)]
    (tmp_path / "text.wav").write_text("no sound")
    fill = FillStore(READER, SETTINGS, FeatureStore(tmp_path / "store"))
    filled = fill([broken[0], *requests, broken[1]])
    assert (filled.n_there, filled.n_computed, filled.n_unkept) == (0, 3, 0)
    assert list(filled.unreadable) == [request.path for request in broken]
    assert all(request.path in filled.unreadable[request.path] for request in broken)


def test_a_recording_that_changed_just_now_is_told_as_not_kept(write_wav, tone, tmp_path):
    fill = FillStore(READER, SETTINGS, FeatureStore(tmp_path / "store"))
    assert fill([Request(str(write_wav(tone)), 0.0, True)]) == Filled(n_unkept=1)


def test_a_store_that_cannot_be_made_is_refused(requests, tmp_path):
    (tmp_path / "file").write_text("")
    fill = FillStore(READER, SETTINGS, FeatureStore(tmp_path / "file" / "store"))
    with pytest.raises(RunError, match=r"The feature cache .*file/store must be a folder that can be written\."):
        fill(requests)


def test_what_became_of_parts_adds_up():
    total = Filled(1, 2, 3, {"a": "x"})
    total.add(Filled(10, 20, 30, {"b": "y"}))
    assert total == Filled(11, 22, 33, {"a": "x", "b": "y"})


@pytest.mark.parametrize(("n_rows", "n_parts"), [(0, 0), (1, 1), (1000, 16), (20_000, 65)])
def test_parts_are_of_a_sensible_size_and_hold_each_request_once(n_rows, n_parts):
    requests = [Request(f"{row % 7}.wav", float(row), False) for row in range(n_rows)]
    parts = in_parts([*requests, *requests[:3]])
    assert len(parts) == n_parts
    assert sum(map(len, parts)) == n_rows
    assert all(len(part) <= MOST_ROWS for part in parts)
    assert all(len(part) >= FEWEST_ROWS for part in parts[:-1])
    assert [request[:2] for part in parts for request in part] == sorted(request[:2] for request in requests)
