"""The true length of recordings whose header does not tell it."""

import struct

import numpy as np
import pytest

from guitarclf.audio.recordings import open_recording, read_segment
from guitarclf.errors import AudioReadError

RATE = 22050


@pytest.mark.parametrize("length", [0, 0x7FFFF000, 0xFFFFFFFF])
def test_a_wav_from_a_pipe_is_read_to_its_end(write_wav, tone, length):
    path = write_wav(tone, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.index(b"data") + 4, length)
    path.write_bytes(content)
    with open_recording(path) as recording:
        assert recording.frames == len(tone)


def test_a_wav_that_says_less_than_it_has_is_refused(write_wav, tone):
    path = write_wav(tone, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.index(b"data") + 4, 1000)
    path.write_bytes(content)
    with pytest.raises(AudioReadError, match="more follow that are no chunk"):
        open_recording(path)


@pytest.mark.parametrize("n_samples", [4096, 6703, 22050])
def test_a_flac_without_a_length_is_read_to_its_end(write_wav, rng, n_samples):
    waveform = rng.uniform(-0.5, 0.5, n_samples)
    path = write_wav(waveform, "note.flac", subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path.write_bytes(content)
    with open_recording(path) as recording:
        assert recording.frames == n_samples
        whole = read_segment(recording, 0, n_samples, sample_rate=RATE)
    np.testing.assert_allclose(whole, waveform, atol=1e-4)
