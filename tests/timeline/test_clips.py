"""A WAV for each event."""

import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf
from timelines import EVENTS, HEARD, timeline

from guitarclf.errors import AudioReadError, RunError
from guitarclf.timeline.clips import write_clips
from guitarclf.timeline.events import Event

NAMES = [
    "lick_00000.100_harmonic.wav",
    "lick_00000.500_dead_note.wav",
    "lick_00000.833_general_note.wav",
    "lick_00001.250_unknown.wav",
]


@pytest.fixture
def recording(tmp_path, rng):
    """`recording(name="lick.wav", rate=8000, channels=1, subtype="PCM_16")` -> (path, samples) of two seconds."""

    def write(name="lick.wav", *, rate=8000, channels=1, subtype="PCM_16"):
        samples = rng.uniform(-1, 1, (2 * rate, channels))
        sf.write(tmp_path / name, samples, rate, subtype=subtype)
        return tmp_path / name, sf.read(tmp_path / name, always_2d=True)[0]

    return write


def clips_of(path, folder, events=EVENTS, **settings):
    """Return the names of the clips of events of a recording, in their order."""
    return [clip.name for clip in write_clips(timeline(events, path.name, path=str(path)), folder, **settings)]


def test_class_and_time_are_in_the_name_and_what_could_not_be_heard_has_no_clip(tmp_path, recording):
    path, _ = recording()
    assert clips_of(path, tmp_path / "new/clips") == NAMES
    assert sorted(path.name for path in (tmp_path / "new/clips").iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("rate", [8000, 44100, 96000])
@pytest.mark.parametrize(
    ("suffix", "subtype", "kept"),
    [("wav", "PCM_16", "PCM_16"), ("wav", "PCM_24", "PCM_24"), ("flac", "PCM_24", "PCM_24"), ("wav", "FLOAT", "FLOAT")],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_a_clip_has_the_samples_of_its_recording(tmp_path, recording, rate, suffix, subtype, kept, channels):
    path, samples = recording(f"lick.{suffix}", rate=rate, channels=channels, subtype=subtype)
    for event, clip in zip(HEARD, write_clips(timeline(path=str(path)), tmp_path / "clips"), strict=True):
        assert (sf.info(clip).samplerate, sf.info(clip).subtype) == (rate, kept)
        heard = samples[round(event.onset * rate) : round(event.offset * rate)]
        np.testing.assert_array_equal(sf.read(clip, always_2d=True)[0], heard)


def test_what_is_no_pcm_becomes_16_bit(tmp_path, recording):
    path, samples = recording("lick.ogg", rate=44100, subtype="VORBIS")
    clip, *_ = write_clips(timeline(path=str(path)), tmp_path / "clips")
    assert sf.info(clip).subtype == "PCM_16"
    heard = np.clip(samples[4410:22050], -1, 1)
    np.testing.assert_allclose(sf.read(clip, always_2d=True)[0], heard, atol=1e-4)


def test_a_clip_ends_with_its_recording_and_is_never_empty(tmp_path, recording):
    path, _ = recording()
    events = [Event(0.5, 0.50001, "harmonic"), Event(1.9, 2.5, "harmonic")]
    clips = write_clips(timeline(events, path=str(path)), tmp_path / "clips")
    assert [sf.info(clip).frames for clip in clips] == [1, 800]


def test_clips_of_one_millisecond_are_counted(tmp_path, recording):
    path, _ = recording()
    events = [Event(0.5, 0.7, "harmonic"), Event(0.5001, 0.8, "harmonic"), Event(0.5001, 0.8, "unknown")]
    assert clips_of(path, tmp_path / "clips", events) == [
        "lick_00000.500_harmonic.wav",
        "lick_00000.500_harmonic_2.wav",
        "lick_00000.500_unknown.wav",
    ]


def test_clips_that_are_there_are_refused_before_any_is_written(tmp_path, recording):
    path, _ = recording()
    other = "lick_00000.200_dead_note.wav"  # of an event that other settings find
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / other).write_text("mine")
    with pytest.raises(RunError, match=rf"{re.escape(other)} is there \(1 in all\)\..*--overwrite"):
        clips_of(path, tmp_path / "clips")
    assert [path.name for path in (tmp_path / "clips").iterdir()] == [other]


def test_with_overwrite_all_clips_of_the_recording_are_replaced_and_no_others(tmp_path, recording):
    path, _ = recording()
    kept = ["lick_2_00000.100_harmonic.wav", "lick.wav", "lick_00000.100_mine.wav", "lick_0000.100_harmonic.wav"]
    (tmp_path / "clips").mkdir()
    for name in (NAMES[2], "lick_00000.200_dead_note.wav", "lick_00000.100_harmonic_2.wav", *kept):
        (tmp_path / "clips" / name).write_text("mine")
    assert clips_of(path, tmp_path / "clips", overwrite=True) == NAMES
    assert sorted(path.name for path in (tmp_path / "clips").iterdir()) == sorted([*NAMES, *kept])
    assert sf.info(tmp_path / "clips" / NAMES[2]).frames == round(1.25 * 8000) - round((1 / 3 + 0.5) * 8000)


def test_with_resume_clips_that_are_there_stay_and_the_others_are_written(tmp_path, recording):
    path, _ = recording()
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / NAMES[2]).write_text("mine")
    assert clips_of(path, tmp_path / "clips", resume=True) == NAMES
    assert (tmp_path / "clips" / NAMES[2]).read_text() == "mine"
    assert sf.info(tmp_path / "clips" / NAMES[3]).frames == 2000


def test_of_a_recording_that_is_cut_short_there_are_the_clips_before(tmp_path, recording):
    path, _ = recording("lick.flac", rate=44100)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    cut = timeline(HEARD, path.name, path=str(path))
    with pytest.raises(AudioReadError, match=r"must (be readable to its end|hold the \d+ frames)"):
        write_clips(cut, tmp_path / "clips")
    told = replace(cut, error="It ends at frame 8000.")
    assert [clip.name for clip in write_clips(told, tmp_path / "clips", overwrite=True)] == NAMES[:2]
    assert sorted(path.name for path in (tmp_path / "clips").iterdir()) == NAMES[:2]


def test_names_are_possible_on_windows(tmp_path, recording):
    path, _ = recording('take 1: "loud"?.wav')
    for stem, start in ((None, "take 1_ _loud___[0-9a-f]{6}"), ("CON", "_CON_[0-9a-f]{6}"), ("a.wav", r"a\.wav")):
        [name] = clips_of(path, tmp_path / "clips", HEARD[:1], stem=stem)
        assert re.fullmatch(rf"{start}_00000\.100_harmonic\.wav", name)
    [long] = clips_of(path, tmp_path / "clips", HEARD[:1], stem="ö" * 300)
    assert len(long.encode()) < 200


def test_a_folder_that_is_a_file_is_told_in_one_line(tmp_path, recording):
    path, _ = recording()
    (tmp_path / "clips").write_text("")
    with pytest.raises(RunError, match=r"clips must be a folder that can be written\. .* Choose another place\."):
        clips_of(path, tmp_path / "clips")


def test_a_recording_that_is_gone_is_told(tmp_path):
    with pytest.raises(AudioReadError, match="There is no such file"):
        clips_of(tmp_path / "gone.wav", tmp_path / "clips")
