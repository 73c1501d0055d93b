"""The pitch of events."""

import os
import subprocess
import sys

import numpy as np
import pytest
from notes import RATE, decaying_sine, noise_click, partial_series

from guitarclf.errors import AudioReadError
from guitarclf.timeline.events import NAN, NO_PITCH, Event
from guitarclf.timeline.pitch import pitches


def hertz(midi):
    return 440 * 2 ** ((midi - 69) / 12)


def played(*midis, each=0.5, rate=RATE, detuned=0.0):
    """Return notes in turn, and their events."""
    sound = [partial_series(hertz(midi + detuned), each, sample_rate=rate) for midi in midis]
    events = [Event(i * each, (i + 1) * each, "general_note") for i in range(len(midis))]
    return np.concatenate(sound), events


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
@pytest.mark.parametrize("detuned", [0.0, 0.3, -0.3])
def test_the_pitches_of_strings_and_high_frets_are_found(write_wav, rate, detuned):
    midis = [28, 35, 40, 45, 50, 55, 59, 64, 76, 88, 95]
    sound, events = played(*midis, rate=rate, detuned=detuned)
    assert pitches(write_wav(sound, sample_rate=rate), events) == midis


def test_of_a_harmonic_it_is_what_sounds(write_wav):
    path = write_wav(decaying_sine(4 * hertz(40), 1.0))
    assert pitches(path, [Event(0.0, 1.0, "harmonic")]) == [64]


def test_a_short_note_is_measured_before_the_next_one(write_wav):
    sound, events = played(52, 57, 61, each=0.1)
    assert pitches(write_wav(sound), events) == [52, 57, 61]


@pytest.mark.parametrize("label", ["dead_note", ""])
def test_dead_notes_and_what_could_not_be_heard_have_none(write_wav, label):
    sound, events = played(52)
    assert pitches(write_wav(sound), [event._replace(label=label) for event in events]) == [NO_PITCH]


def test_noise_has_none(write_wav, rng):
    path = write_wav(rng.uniform(-0.5, 0.5, 10 * RATE))
    events = [Event(i * 0.5, i * 0.5 + 0.5, "general_note") for i in range(20)]
    assert set(pitches(path, events)) == {NO_PITCH}


def test_a_click_has_none(write_wav, rng):
    path = write_wav(noise_click(rng, 1.0, decay=0.05))
    assert pitches(path, [Event(0.0, 1.0, "unknown")]) == [NO_PITCH]


def test_what_is_silent_past_the_end_or_too_short_has_none(write_wav):
    path = write_wav(np.concatenate([partial_series(220, 1.0), np.zeros(RATE, dtype=np.float32)]))
    events = [Event(1.2, 1.9, "general_note"), Event(5.0, 6.0, "general_note"), Event(0.0, 0.09, "general_note")]
    assert pitches(path, [*events, Event(0.0, NAN, "unknown"), Event(0.0, 1.0, "unknown")]) == [-1, -1, -1, -1, 57]


@pytest.mark.parametrize(("channel", "pitch"), [("left", 52), ("right", 59), (2, 59)])
def test_it_is_that_of_the_channel_that_is_heard(write_wav, channel, pitch):
    path = write_wav(np.stack([played(52)[0], played(59)[0]], axis=1))
    assert pitches(path, [Event(0.0, 0.5, "general_note")], channel=channel) == [pitch]


def test_a_recording_that_is_gone_is_told(tmp_path):
    with pytest.raises(AudioReadError, match="There is no such file"):
        pitches(tmp_path / "gone.wav", [])


def test_the_pitches_of_real_licks_are_found(real_data):
    from guitarclf.data.importers.idmt import read_idmt

    events, _ = read_idmt(real_data / "idmt_excerpt")
    found = {
        path: pitches(
            real_data / "idmt_excerpt" / path,
            [Event(row.onset_sec, row.offset_sec, "general_note") for row in rows.itertuples()],
        )
        for path, rows in events.groupby("audio_path")
    }
    expected = {path: rows["pitch_midi"].tolist() for path, rows in events.groupby("audio_path")}
    assert found == expected


@pytest.mark.slow
def test_processes_that_begin_at_once_compile_one_after_the_other(write_wav, tmp_path):
    sound, _ = played(69)
    path = str(write_wav(sound))
    code = (
        "import sys; from guitarclf.timeline.events import Event; from guitarclf.timeline.pitch import pitches\n"
        "assert pitches(sys.argv[1], [Event(0.0, 0.5, 'general_note')]) == [69]"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "numba")}
    started = [subprocess.Popen([sys.executable, "-c", code, path], env=environment) for _ in range(4)]
    assert [process.wait() for process in started] == [0] * 4
    subprocess.run([sys.executable, "-c", code, path], env=environment, check=True)  # what they kept can be loaded
