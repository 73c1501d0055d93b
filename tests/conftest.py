"""Fixtures: sound made on the spot, small tables of notes, and the recordings that only some machines have."""

import os

# Before torch. Idle OpenMP threads soon sleep; and where pytest-xdist has a worker on each core, one thread is enough.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import logging
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile as sf
from browser import Opened, headless
from idmt_annotations import annotation_xml, write_idmt_tree
from notes import RATE, NoteTable, decaying_sine, noise_click, partial_series, write_note_table, write_rows
from portaudio import stand_in
from stores import Bucket, s3_server, web_server

from guitarclf.timeline.pitch import compiled_librosa


def pytest_configure(config):
    """Compile what the workers of pytest-xdist would else compile at once; they begin after this."""
    if getattr(config.option, "numprocesses", None):
        compiled_librosa()


@pytest.fixture(scope="session", autouse=True)
def feature_cache(tmp_path_factory):
    """Keep the tests' features apart from the user's."""
    os.environ["GUITARCLF_CACHE"] = str(tmp_path_factory.mktemp("feature_cache"))


@pytest.fixture(autouse=True)
def package_logger():
    """Take back what a command of the command line sets on the package's logger, which would hide it from caplog."""
    logger = logging.getLogger("guitarclf")
    logger.propagate, logger.handlers = True, []
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def sounddevice(monkeypatch) -> ModuleType:
    """A stand-in for sounddevice, in its place."""
    module = stand_in()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


@pytest.fixture
def make_tone() -> Callable:
    """`make_tone(frequency, duration=1.0, *, sample_rate, amplitude, decay, onset)`."""
    return decaying_sine


@pytest.fixture
def make_click(rng) -> Callable:
    """`make_click(duration=1.0, *, sample_rate, amplitude, decay)`."""
    return partial(noise_click, rng)


@pytest.fixture
def make_partials() -> Callable:
    """`make_partials(frequency, duration=1.0, *, n_partials, ...)`."""
    return partial_series


@pytest.fixture
def tone() -> np.ndarray:
    """One second of a decaying 440 Hz sine at 22050 Hz."""
    return decaying_sine(440.0)


@pytest.fixture
def click(make_click) -> np.ndarray:
    """One second that begins with a click, at 22050 Hz."""
    return make_click()


@pytest.fixture
def write_wav(tmp_path) -> Callable:
    """`write_wav(waveform, name="note.wav", sample_rate=22050, subtype="FLOAT")` -> Path in tmp_path."""

    def write(waveform, name="note.wav", *, sample_rate=RATE, subtype="FLOAT") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, waveform, sample_rate, subtype=subtype)
        return path

    return write


@pytest.fixture
def write_csv(tmp_path) -> Callable:
    """`write_csv(rows, name="table.csv")` -> Path: rows are dicts."""
    return lambda rows, name="table.csv": write_rows(tmp_path / name, rows)


@pytest.fixture
def note_table(tmp_path) -> Callable[..., NoteTable]:
    """`note_table(name="notes", n_notes=30, n_tracks=6, seed=0, extra=None)` -> NoteTable in tmp_path."""
    return lambda name="notes", **settings: write_note_table(tmp_path / name, **settings)


@pytest.fixture
def sound(rng, tmp_path):
    """`sound(path, duration=2.0)` writes noise below tmp_path, each time another."""

    def write(path, duration=2.0):
        path = tmp_path / path
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, rng.uniform(-0.5, 0.5, round(duration * 8000)), 8000)
        return path

    return write


@pytest.fixture
def recorded(tmp_path, sound):
    """`recorded(folder, stem, *events, audio=stem)` writes an annotation and, unless audio is None, its recording."""

    def write(folder, stem, *events, audio="", text=None):
        xml = tmp_path / folder / "annotation" / f"{stem}.xml"
        xml.parent.mkdir(parents=True, exist_ok=True)
        xml.write_text(text or annotation_xml(*events, names=f"{audio or stem}.wav"), encoding="utf-8")
        if audio is not None:
            sound(f"{folder}/audio/{audio or stem}.wav")
        return xml

    return write


@pytest.fixture
def idmt_tree(recorded, tmp_path):
    """The folder that `write_idmt_tree` fills."""
    write_idmt_tree(recorded)
    return tmp_path


@pytest.fixture(scope="session")
def small_table(tmp_path_factory) -> NoteTable:
    """30 notes on 6 tracks, made once a session: read it, do not change it."""
    return write_note_table(tmp_path_factory.mktemp("small_table") / "notes")


@pytest.fixture(scope="session")
def small_pipeline(small_table):
    """A pipeline trained for two epochs on the small table, its priors those of the loss: do not change it."""
    from small import small_config

    from guitarclf.pipeline import build_pipeline

    pipeline = build_pipeline(small_config(net__max_epochs=2))
    events = small_table.events
    return pipeline.fit(events, events["label_category"], net__groups=events["track"])


@pytest.fixture(scope="session")
def small_bundle(small_pipeline, tmp_path_factory) -> Path:
    """The bundle of the small pipeline, with its model.onnx."""
    from small import small_config

    from guitarclf.bundle.pipelines import save_bundle

    folder = tmp_path_factory.mktemp("small_bundle") / "model"
    save_bundle(small_pipeline, small_config(net__max_epochs=2), folder)
    return folder


@pytest.fixture(scope="module")
def run(small_table, tmp_path_factory):
    """A run on the small table, trained once a module."""
    from small import config_for

    from guitarclf.experiment.train import train

    return train(config_for(small_table, tmp_path_factory.mktemp("runs") / "run"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real recordings, where GUITARCLF_TEST_DATA names one."""
    if "GUITARCLF_TEST_DATA" not in os.environ:
        pytest.skip("GUITARCLF_TEST_DATA names no folder of recordings")
    return Path(os.environ["GUITARCLF_TEST_DATA"])


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium, started once a session."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("there is no chromium to open pages in (Debian: apt-get install chromium)")
    with headless(executable) as started:
        yield started


@pytest.fixture
def open_page(browser, tmp_path):
    """`open_page(html, **settings of playwright's new_page)` -> Opened; at the end each is checked and closed."""
    opened = []

    def open_(html, **settings) -> Opened:
        path = tmp_path / f"page{len(opened)}.html"
        path.write_text(html, encoding="utf-8")
        opened.append(Opened(browser.new_page(**settings), path))
        return opened[-1]

    yield open_
    for page in opened:
        page.check()
        page.tab.close()


@pytest.fixture(scope="session")
def s3():
    """A store of S3 on this machine, started once a session."""
    with s3_server() as started:
        yield started


@pytest.fixture
def bucket(s3, fresh_copies) -> Bucket:
    """An empty bucket of that store, which counts the requests that it gets."""
    return s3.bucket()


@pytest.fixture
def web(tmp_path, fresh_copies):
    """A web server on this machine for tmp_path."""
    with web_server(tmp_path) as started:
        yield started


@pytest.fixture
def fresh_copies(tmp_path_factory, monkeypatch) -> Path:
    """The folder of fetched files, empty, with nothing known of any URL."""
    from guitarclf.files import fetched, remote

    monkeypatch.setenv("GUITARCLF_CACHE", str(tmp_path_factory.mktemp("copies")))
    monkeypatch.setenv(fetched.LIMIT, "10")  # what a command sets goes again
    monkeypatch.setattr(remote, "_known", {})
    return fetched.folder()


@pytest.fixture(scope="session")
def two_workers():
    """A Dask cluster of two workers on this machine, which come again when they are killed; started once a session."""
    distributed = pytest.importorskip("distributed")
    settings = {"threads_per_worker": 1, "memory_limit": 0, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with distributed.LocalCluster(n_workers=2, silence_logs=logging.CRITICAL, **settings) as cluster:
        yield cluster
