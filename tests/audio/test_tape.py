"""Tape: a stream is read as a recording is, as far back as it is held."""

import numpy as np
import pytest

from guitarclf.audio.recordings import open_recording, read_segment
from guitarclf.audio.tape import Tape
from guitarclf.errors import AudioReadError

RATE = 44100


def filled(sound: np.ndarray, *, held_sec: float, block=4410) -> Tape:
    tape = Tape(RATE, 1, held_sec=held_sec)
    for start in range(0, len(sound), block):
        tape.add(sound[start : start + block, None])
    return tape


@pytest.mark.parametrize("start", [0, 11025, 60000])
def test_a_stretch_of_a_stream_is_that_of_a_recording(rng, write_wav, start):
    sound = rng.normal(size=3 * RATE).astype(np.float32) / 10
    tape = filled(sound, held_sec=5)
    with open_recording(write_wav(sound, sample_rate=RATE)) as recording:
        wanted = read_segment(recording, start, 22050, sample_rate=22050, channel="auto")
    np.testing.assert_array_equal(read_segment(tape, start, 22050, sample_rate=22050, channel="auto"), wanted)


def test_no_more_is_held_than_asked_for_and_the_past_is_an_error(rng):
    sound = rng.normal(size=10 * RATE).astype(np.float32)
    tape = filled(sound, held_sec=2)
    assert sum(map(len, tape.blocks)) <= 2 * RATE + 4410
    assert tape.seconds == pytest.approx(10)
    np.testing.assert_array_equal(tape.last(1.5)[:, 0], sound[-round(1.5 * RATE) :])
    tape.seek(7 * RATE)
    with pytest.raises(AudioReadError, match=r"must be read within 2 s\. 7\.000 s of it are gone at 10\.000 s"):
        tape.read(100)


def test_the_last_seconds_of_a_short_stream_are_all_of_it():
    sound = np.linspace(0, 1, 1000, dtype=np.float32)
    np.testing.assert_array_equal(filled(sound, held_sec=2).last(1)[:, 0], sound)
