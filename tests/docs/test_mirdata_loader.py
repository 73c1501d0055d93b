"""The module of docs/examples in the shape of mirdata's reads a tree as IDMT-SMT-GUITAR lays it out."""

import importlib.util
from pathlib import Path

import pytest
from idmt_annotations import event_xml

import guitarclf

mirdata = pytest.importorskip("mirdata", reason="mirdata is not installed, and nothing else here needs it")
pytestmark = pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is deprecated")  # librosa's way to read files
SOURCE = Path(guitarclf.__file__).parent.parent / "docs" / "examples" / "mirdata_idmt_smt_guitar.py"


@pytest.fixture(scope="module")
def module():
    spec = importlib.util.spec_from_file_location("mirdata_idmt_smt_guitar", SOURCE)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture
def dataset(module, idmt_tree):
    """The data set of a small tree."""
    module.make_index(idmt_tree)
    return module.Dataset(str(idmt_tree))


def test_it_has_the_four_sections_of_a_module(module):
    assert module.__doc__.startswith("IDMT-SMT-GUITAR Dataset Loader")
    for name in ("BIBTEX", "INDEXES", "REMOTES", "LICENSE_INFO", "Track", "Dataset"):
        assert getattr(module, name)


def test_every_annotation_with_a_recording_is_a_track_of_its_own(dataset):
    assert len(dataset.track_ids) == 10
    assert {"dataset2/AR_NH_XII", "dataset3/G53-45201-1111-00001"} <= set(dataset.track_ids)
    assert {track.subset for track in dataset.load_tracks().values()} == {"dataset1", "dataset2", "dataset3"}


def test_the_files_of_the_index_are_those_on_the_disk(dataset, idmt_tree):
    assert dataset.validate(verbose=False) == ({"tracks": {}}, {"tracks": {}})
    Path(dataset.track("dataset2/AR_NH_XII").audio_path).write_bytes(b"another")
    assert list(dataset.validate(verbose=False)[1]["tracks"]) == ["dataset2/AR_NH_XII"]


def test_a_track_has_sound_notes_and_techniques(dataset):
    track = dataset.track("dataset2/LP_Lick3_FBSDN")
    waveform, rate = track.audio
    assert (len(waveform), rate) == (16000, 8000)
    assert track.techniques.events == ["BE", "DN", "NO"]
    assert track.techniques.intervals.tolist() == [[0.0, 0.4], [0.5, 0.6], [0.7, 1.1]]
    assert track.plucking_styles.events == ["PK"] * 3
    assert (track.notes.pitches.tolist(), track.notes.pitch_unit) == ([45.0] * 3, "midi")


def test_a_dead_note_has_no_pitch_and_its_technique(module, recorded, tmp_path):
    recorded("dataset2", "LP_DN", event_xml(0.5, 0.6, "DN", pitch=-1), event_xml(0.1, 0.3, "NO", excitationStyle=None))
    module.make_index(tmp_path)
    track = module.Dataset(str(tmp_path)).track("dataset2/LP_DN")
    assert track.notes.intervals.tolist() == [[0.1, 0.3]]
    assert track.techniques.events == ["NO", "DN"]
    assert track.plucking_styles.events == ["PK"]


def test_an_annotation_without_a_recording_is_no_track(module, recorded, tmp_path):
    recorded("dataset2", "AR_X", event_xml(), audio=None)
    recorded("IDMT-SMT-GUITAR_V2/dataset2", "AR_Y", event_xml())
    module.make_index(tmp_path)
    assert module.Dataset(str(tmp_path)).track_ids == ["dataset2/AR_Y"]
