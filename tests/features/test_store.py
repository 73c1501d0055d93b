"""The feature store: nothing is computed twice, and nothing stale is served."""

import errno
import io
import logging
import os
import pickle
import sqlite3
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from click.testing import CliRunner
from joblib import Parallel, delayed

from guitarclf.audio.windows import Request
from guitarclf.cli import main
from guitarclf.errors import AudioReadError
from guitarclf.features import extraction, keys, store
from guitarclf.features.arrays import FeatureRows
from guitarclf.features.logmel import LogMelSpectrogram
from guitarclf.features.store import FeatureStore, StoredRows
from guitarclf.features.window import EventWindow
from guitarclf.files import state

N_NOTES, RATE = 12, 22050
FAST = {"n_fft": 512, "n_mels": 16}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def paths(tmp_path, rng):
    """Short recordings that have been there for a while."""
    files = [tmp_path / f"{index}.wav" for index in range(N_NOTES)]
    for file in files:
        write(file, rng)
    return list(map(str, files))


def assert_nothing_is_left_over(folder):
    """Every file below is in its folder's index, or is the index or its text."""
    for path in folder.glob("*/*"):
        named = {name for _, _, name in StoredRows(path.parent).uses()}
        assert path.name in named | {"index.sqlite", "settings.json"}


def write(path, rng):
    sf.write(path, (rng.uniform(-0.5, 0.5, 2000) * np.exp(-np.arange(2000) / 300)).astype(np.float32), RATE)


@pytest.fixture(autouse=True)
def old_enough(monkeypatch):
    """Files written a moment ago count as old, but for tests that say otherwise."""
    monkeypatch.setattr(state, "GRAIN_SEC", 0.0)


@pytest.fixture
def computed(monkeypatch):
    """The rows that are computed, as counted by what decodes them."""
    counts = []
    whole = extraction.log_mel_channels

    def counting(windows, **settings):
        counts.append(len(windows))
        return whole(windows, **settings)

    monkeypatch.setattr(extraction, "log_mel_channels", counting)
    return counts


def features(X, folder, window=None, **settings):
    windows = EventWindow(target_duration=0.1, **(window or {})).transform(X)
    return np.asarray(LogMelSpectrogram(cache=folder, **(FAST | settings)).transform(windows))


def test_a_second_pass_computes_nothing_and_gives_the_same(paths, folder, computed):
    first = features(paths, folder)
    assert sum(computed) == N_NOTES
    second = features(paths[::-1], folder)
    assert sum(computed) == N_NOTES
    np.testing.assert_array_equal(second, first[::-1])
    np.testing.assert_array_equal(first, features(paths, None))


def test_only_the_missing_rows_are_computed(paths, folder, computed):
    features(paths[:5], folder)
    result = features(paths, folder)
    assert computed == [5, N_NOTES - 5]
    np.testing.assert_array_equal(result, features(paths, None))


@pytest.mark.parametrize(
    "change",
    [
        {"n_mels": 17},
        {"hop_length": 128},
        {"fmin": 50.0},
        {"top_db": 40.0},
        {"compression": "log1p"},
        {"extra_channels": ["rms"]},
        {"window": {"normalize": "rms"}},
        {"window": {"snippet_crop": "start"}},
        {"window": {"zero_after_offset": True}},
    ],
)
def test_every_parameter_that_shapes_a_row_is_part_of_its_key(paths, folder, computed, change):
    features(paths[:2], folder)
    result = features(paths[:2], folder, **change)
    assert computed == [2, 2]
    np.testing.assert_array_equal(result, features(paths[:2], None, **change))


def test_the_number_of_threads_is_not_part_of_the_key(paths, folder, computed):
    features(paths, folder)
    features(paths, folder, window={"num_workers": 2})
    assert sum(computed) == N_NOTES


def test_the_code_that_computes_a_row_is_part_of_its_key(paths, folder, computed, monkeypatch):
    features(paths[:2], folder)
    monkeypatch.setattr(keys, "code_version", lambda: "another")
    features(paths[:2], folder)
    assert computed == [2, 2]


def test_onset_and_company_in_the_file_are_part_of_the_key(paths, folder, computed):
    def row(onset, n_events):
        return pd.DataFrame({"audio_path": paths[:1], "onset_sec": [onset], "events_in_file": [n_events]})

    rows = [row(0.0, 1), row(0.01, 1), row(0.01, 2)]
    results = [features(events, folder)[0] for events in rows]
    assert computed == [1, 1, 1]
    assert not np.array_equal(results[1], results[2])


@pytest.mark.parametrize(
    ("change", "n_computed"),
    [({}, 1), ({"window": {"zero_after_offset": True}}, 3), ({"extra_channels": ["sounding"]}, 3)],
    ids=str,
)
def test_an_offset_is_part_of_the_key_only_where_it_shapes_the_row(paths, folder, computed, change, n_computed):
    for offset in (0.05, 0.06, np.nan):
        row = pd.DataFrame({"audio_path": paths[:1], "onset_sec": [0.0], "offset_sec": [offset]})
        np.testing.assert_array_equal(features(row, folder, **change), features(row, None, **change))
    assert sum(computed) == n_computed + 3


def test_changed_audio_is_never_served_stale(paths, folder, rng):
    before = features(paths, folder)
    write(paths[3], rng)
    after = features(paths, folder)
    np.testing.assert_array_equal(after, features(paths, None))
    assert not np.array_equal(after[3], before[3])


def test_audio_changed_under_its_old_size_and_time_is_noticed(paths, folder, rng):
    before, status = features(paths, folder), os.stat(paths[3])
    time.sleep(0.02)  # more than the kernel's clock tick
    write(paths[3], rng)
    os.utime(paths[3], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert os.stat(paths[3]).st_size == status.st_size
    assert not np.array_equal(features(paths, folder)[3], before[3])


def test_audio_rewritten_within_the_clocks_grain_is_noticed(paths, folder, rng, monkeypatch):
    """Even if no number that the file system keeps has changed."""
    monkeypatch.setattr(state, "GRAIN_SEC", 60.0)
    status = os.stat(paths[0])
    before = features(paths[:1], folder)
    write(paths[0], rng)
    frozen = SimpleNamespace(stat=lambda path: status, getcwd=os.getcwd, path=os.path, environ=os.environ)
    monkeypatch.setattr(state, "os", frozen)
    assert not np.array_equal(features(paths[:1], folder), before)


def test_audio_that_changes_while_it_is_read_is_not_kept(paths, folder, computed, monkeypatch):
    whole = extraction.log_mel_channels

    def change_meanwhile(windows, **settings):
        os.utime(paths[0])
        return whole(windows, **settings)

    monkeypatch.setattr(extraction, "log_mel_channels", change_meanwhile)
    features(paths[:2], folder)
    monkeypatch.setattr(extraction, "log_mel_channels", whole)
    features(paths[:2], folder)
    assert computed == [2, 1]


def test_unreadable_audio_is_an_error_and_the_rest_is_kept(paths, folder, computed):
    paths[2] = paths[2] + ".gone.wav"
    with pytest.raises(AudioReadError, match=r"gone\.wav must be an audio file"):
        features(paths, folder)
    computed.clear()
    features(paths[:2] + paths[3:], folder)
    assert not computed


def test_one_damaged_file_does_not_lose_the_others(paths, folder, computed):
    with open(paths[2], "wb") as file:
        file.write(b"no sound at all")
    with pytest.raises(AudioReadError, match=r"2\.wav must be a WAV or FLAC file"):
        features(paths, folder)
    computed.clear()
    features(paths[:2] + paths[3:], folder)
    assert not computed


def test_a_full_disk_is_said_and_gone_without(paths, folder, monkeypatch, caplog):
    class FullDisk(io.BufferedWriter):
        def write(self, content):
            super().write(bytes(content)[:10])
            self.flush()

        def flush(self):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store, "open", lambda path, mode: FullDisk(io.FileIO(path, mode)), raising=False)
    with caplog.at_level(logging.WARNING, logger="guitarclf"):
        logging.getLogger("guitarclf").propagate = True
        result = features(paths, folder)
    np.testing.assert_array_equal(result, features(paths, None))
    assert "No space left" in caplog.text
    assert not list(folder.glob("*/*.part"))
    assert not list(folder.glob("*/*.rows"))


def test_a_pass_cut_short_is_taken_up_again(paths, folder, computed, monkeypatch):
    monkeypatch.setattr(extraction, "EVENTS_AT_ONCE", 4)
    whole = extraction.log_mel_channels

    def interrupt(windows, **settings):
        if sum(computed) == 8:
            raise KeyboardInterrupt
        return whole(windows, **settings)

    monkeypatch.setattr(extraction, "log_mel_channels", interrupt)
    with pytest.raises(KeyboardInterrupt):
        features(paths, folder)
    monkeypatch.setattr(extraction, "log_mel_channels", whole)
    np.testing.assert_array_equal(features(paths, folder), features(paths, None))
    assert computed[:3] == [4, 4, 4]
    assert sum(computed[:3]) == N_NOTES


def test_several_files_are_one_array(paths, folder, monkeypatch):
    monkeypatch.setattr(store, "FILE_BYTES", 1)
    monkeypatch.setattr(extraction, "EVENTS_AT_ONCE", 5)
    monkeypatch.setattr(extraction, "IN_MEMORY_BYTES", 0)
    features(paths, folder)
    assert len(list(folder.glob("*/*.rows"))) == 3
    rows = LogMelSpectrogram(cache=folder, **FAST).transform(EventWindow(target_duration=0.1).transform(paths))
    expected = features(paths, None)
    assert rows.shape == expected.shape
    np.testing.assert_array_equal(rows[[7, 0, 11]], expected[[7, 0, 11]])
    np.testing.assert_array_equal(rows[2:6, 0], expected[2:6, 0])
    np.testing.assert_array_equal(rows[-1, 0, 3], expected[-1, 0, 3])
    np.testing.assert_array_equal(rows[np.arange(N_NOTES) % 2 == 0], expected[::2])


@pytest.mark.parametrize("damage", ["truncated", "gone", "garbage index", "cut index", "cut keys"])
def test_a_damaged_file_is_computed_anew(paths, folder, computed, damage):
    features(paths, folder)
    (rows,) = folder.glob("*/*.rows")
    if damage == "truncated":
        os.truncate(rows, rows.stat().st_size - 4)
    elif damage == "gone":
        rows.unlink()
    elif damage == "garbage index":
        rows.with_name("index.sqlite").write_bytes(b"garbage")
    elif damage == "cut keys":
        with closing(sqlite3.connect(rows.with_name("index.sqlite"))) as index, index:
            index.execute(f"UPDATE files SET keys = substr(keys, 1, {keys.KEY.itemsize + 1})")
    else:
        os.truncate(rows.with_name("index.sqlite"), 4096)
    np.testing.assert_array_equal(features(paths, folder), features(paths, None))
    assert sum(computed[:2]) == 2 * N_NOTES
    features(paths, folder)  # where an index was damaged further in, one more is needed
    computed.clear()
    features(paths, folder)
    assert not computed


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes_may_write_at_the_same_time(paths, folder, computed):
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        results = list(pool.map(features, [paths, paths[::-1], paths[:6]], [folder] * 3))
    np.testing.assert_array_equal(results[0], results[1][::-1])
    np.testing.assert_array_equal(features(paths, folder), results[0])
    assert not computed
    assert not list(folder.glob("*/*.part"))
    assert_nothing_is_left_over(folder)


def test_the_least_recently_used_go_when_the_limit_is_reached(paths, folder, computed):
    features(paths[:6], folder)
    (first,) = folder.glob("*/*.rows")
    features(paths[6:], folder)
    os.utime(first, (1, 1))
    one = first.stat().st_size
    FeatureStore(folder, limit_gb=1.5 * one / 1e9).trim()
    computed.clear()
    features(paths[6:], folder)
    assert not computed
    features(paths[:6], folder)
    assert computed == [6]


def test_rows_in_use_survive_their_removal(paths, folder, monkeypatch):
    monkeypatch.setattr(extraction, "IN_MEMORY_BYTES", 0)
    rows = LogMelSpectrogram(cache=folder, cache_gb=1e-9, **FAST).transform(
        EventWindow(target_duration=0.1).transform(paths)
    )
    assert not list(folder.glob("*/*.rows"))
    np.testing.assert_array_equal(rows[:], features(paths, None))


def test_rows_on_disk_pickle_by_the_names_of_their_files(paths, folder, monkeypatch):
    monkeypatch.setattr(extraction, "IN_MEMORY_BYTES", 0)
    rows = LogMelSpectrogram(cache=folder, **FAST).transform(EventWindow(target_duration=0.1).transform(paths))
    pickled = pickle.dumps(rows)
    assert len(pickled) < rows.nbytes / 10
    np.testing.assert_array_equal(pickle.loads(pickled)[:], rows[:])
    FeatureStore(folder).clear()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(rows))[:], rows[:])


@pytest.mark.parametrize("is_kept", [True, False])
def test_rows_on_disk_go_to_the_workers_of_joblib(paths, folder, monkeypatch, is_kept):
    monkeypatch.setattr(extraction, "IN_MEMORY_BYTES", 0)
    windows = EventWindow(target_duration=0.1).transform(paths)
    rows = LogMelSpectrogram(cache=folder if is_kept else None, **FAST).transform(windows)
    for result in Parallel(2, max_nbytes=1)(delayed(np.asarray)(rows) for _ in range(2)):
        np.testing.assert_array_equal(result, rows[:])


def test_what_a_killed_process_left_is_trimmed_once_it_is_old(paths, folder):
    features(paths, folder)
    (kept,) = folder.glob("*/*.rows")
    young, old = kept.with_name("young.rows"), kept.with_name("old.rows")
    for path in (young, old):
        path.write_bytes(b"half of a row")
    os.utime(old, (1, 1))
    FeatureStore(folder).trim()
    assert sorted(path.name for path in folder.glob("*/*.rows")) == sorted([kept.name, "young.rows"])


@pytest.mark.parametrize("way", ["trim", "clear"])
def test_folders_of_version_0_1_0_are_removed(paths, folder, computed, way):
    old = folder / "0123456789abcdef01234567"
    old.mkdir(parents=True)
    (old / "settings.json").write_text("{}")
    for suffix in ("keys", "rows", "rows.part"):
        (old / f"8d3b.{suffix}").write_bytes(bytes(64))
    if way == "trim":
        features(paths, folder)
    else:
        assert FeatureStore(folder).clear() == 3 * 64 + 2
    assert not old.exists()


def test_an_index_that_stays_busy_is_said_and_gone_without(paths, folder, monkeypatch, caplog):
    monkeypatch.setattr(store, "BUSY_SEC", 0.01)
    features(paths[:2], folder)
    (index,) = folder.glob("*/index.sqlite")
    with closing(sqlite3.connect(index)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with caplog.at_level(logging.WARNING, logger="guitarclf"):
            logging.getLogger("guitarclf").propagate = True
            result = features(paths, folder)
    np.testing.assert_array_equal(result, features(paths, None))
    assert "index.sqlite: database is locked. Going on without it." in caplog.text
    assert_nothing_is_left_over(folder)


def stored_in_many_files(folder, paths, n_rows, n_files):
    """Return StoredRows with ``n_rows`` rows in ``n_files`` files, and their keys; row i holds i."""
    requests = [Request(paths[row % len(paths)], row / 1000, False, until) for row, until in enumerate(range(n_rows))]
    names = keys.FileStates(lambda request: request.offset).keys(requests)
    stored = StoredRows(folder / "setting", (1,))
    stored.begin({})
    for rows in np.array_split(np.random.default_rng(0).permutation(n_rows), n_files):
        stored.append([(names[rows], rows[:, None].astype(np.float32))])
    return stored, names


def test_each_row_is_found_in_its_file_among_many(folder, paths):
    stored, names = stored_in_many_files(folder, paths, 500, 40)
    sources, source, place = stored.find(names[::-1])
    assert len(sources) == 40
    assert [sources[s][p, 0] for s, p in zip(source, place, strict=True)] == list(range(500))[::-1]
    rows = FeatureRows(sources, source, place, (1,))
    assert rows[[3, 499, 3, 0]].ravel().tolist() == [496, 0, 496, 499]
    assert rows[[]].shape == (0, 1)


def test_a_key_that_is_asked_for_twice_is_found_twice_and_others_not_at_all(folder, paths):
    stored, names = stored_in_many_files(folder, paths, 60, 3)
    other = names[:1].copy()
    other["until"] += 1
    unkept = names[:1].copy()
    unkept["recording"] = 0
    stored.append([(unkept, np.zeros((1, 1), dtype=np.float32))])
    sources, source, place = stored.find(np.concatenate([names[5:6], other, unkept, names[5:6]]))
    assert source.tolist() == [0, -1, -1, 0]
    assert sources[0][place[[0, 3]], 0].tolist() == [5, 5]
    assert [len(part) for part in stored.find(names[:0])] == [0, 0, 0]


def test_keys_whose_hashes_are_equal_are_not_taken_for_each_other(folder, paths, monkeypatch):
    stored, names = stored_in_many_files(folder, paths, 60, 3)
    monkeypatch.setattr(store, "key_hashes", lambda keys: np.zeros(len(keys), dtype=np.uint64))
    sources, source, place = stored.find(names)
    found = np.flatnonzero(source >= 0)
    assert len(found) == 1
    assert sources[source[found[0]]][place[found[0]], 0] == found[0]


def test_rows_under_an_index_of_another_form_are_removed(paths, folder, computed):
    features(paths, folder)
    (settings,) = folder.glob("*/settings.json")
    old = folder / "old"
    old.mkdir()
    (old / "index.sqlite").write_bytes(settings.with_name("index.sqlite").read_bytes())
    (old / "settings.json").write_text(settings.read_text().replace('"format": 3', '"format": 2'))
    FeatureStore(folder).trim()
    assert list(folder.iterdir()) == [settings.parent]


def test_the_folder_is_that_of_the_users_caches(tmp_path, monkeypatch):
    monkeypatch.delenv("GUITARCLF_CACHE")
    if sys.platform.startswith("linux"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert FeatureStore().folder == tmp_path / "guitarclf" / "features"
        monkeypatch.delenv("XDG_CACHE_HOME")
        assert FeatureStore().folder == Path.home() / ".cache" / "guitarclf" / "features"
    monkeypatch.setenv("GUITARCLF_CACHE", str(tmp_path / "mine"))
    assert FeatureStore().folder == tmp_path / "mine"


def test_a_folder_that_cannot_be_used_is_said_and_gone_without(paths, tmp_path, caplog):
    blocked = tmp_path / "a_file"
    blocked.write_text("not a folder")
    with caplog.at_level(logging.WARNING, logger="guitarclf"):
        logging.getLogger("guitarclf").propagate = True
        result = features(paths, blocked)
    np.testing.assert_array_equal(result, features(paths, None))
    assert "cannot be used" in caplog.text


def test_without_a_cache_large_features_lie_on_disk(paths, monkeypatch):
    expected = features(paths, None)
    monkeypatch.setattr(extraction, "IN_MEMORY_BYTES", 0)
    np.testing.assert_array_equal(features(paths, None, window={"num_workers": 2}), expected)


def test_what_cannot_be_removed_is_not_said_to_be(paths, folder, monkeypatch):
    features(paths, folder)
    assert FeatureStore(folder).sizes()
    monkeypatch.setattr("shutil.rmtree", lambda *args, **how: None)
    assert FeatureStore(folder).clear() == 0


def test_the_command_shows_and_clears(paths, folder, computed):
    features(paths, folder, extra_channels=["rms"])
    (folder / "mine.txt").write_text("stays")
    shown = CliRunner().invoke(main, ["cache", "show", "--folder", str(folder)])
    assert shown.exit_code == 0
    assert "0.1 s at 22050 Hz, 16 bands, log-mel + rms" in shown.output
    cleared = CliRunner().invoke(main, ["cache", "clear", "--folder", str(folder)])
    assert cleared.exit_code == 0
    assert "removed" in cleared.output
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    features(paths, folder, extra_channels=["rms"])
    assert sum(computed) == 2 * N_NOTES
