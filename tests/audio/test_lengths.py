"""The true length of recordings whose header does not tell it."""

import struct

import numpy as np
import pytest
import soundfile as sf

from guitarclf.audio.recordings import load_segment, open_recording, read_segment
from guitarclf.data.importers.folders import read_folders
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


@pytest.fixture
def vbr(tmp_path, rng):
    """(path, samples): an MP3 of changing bit rate, quiet at first, that has lost the frame with its header."""
    if sf.__version__ < "0.13":
        pytest.skip("this soundfile writes no MP3 of changing bit rate")
    quiet, loud = 1e-4 * rng.standard_normal(2 * 44100), 0.3 * rng.standard_normal(2 * 44100)
    path = tmp_path / "whole.mp3"
    sf.write(path, np.concatenate([quiet, loud, quiet]), 44100, bitrate_mode="VARIABLE", compression_level=0.2)
    samples, _ = sf.read(path, dtype="float32")
    content = path.read_bytes()
    second = content.index(content[:2], content.index(b"Xing") + 4)
    bare = tmp_path / "bare.mp3"
    bare.write_bytes(content[second:])
    return bare, samples


def test_an_mp3_without_a_header_is_read_to_its_end(vbr):
    path, samples = vbr
    with sf.SoundFile(path) as word:
        assert abs(word.frames - len(samples)) > 44100  # the decoder's word is off by more than a second
    with open_recording(path) as recording:
        assert abs(recording.frames - len(samples)) <= 3 * 1152  # what the lost frame told: delay and padding
        whole = read_segment(recording, 0, recording.frames, sample_rate=44100)
        for start in (0, 60_000, 120_000, 200_000):
            stretch = read_segment(recording, start, 22050, sample_rate=44100)
            np.testing.assert_allclose(stretch, whole[start : start + 22050], atol=1e-5)
    loudness = np.sqrt(np.convolve(whole**2, np.ones(4410) / 4410, "same"))
    assert abs(np.flatnonzero(loudness > 0.2)[0] - 2 * 44100) < 4410


@pytest.mark.parametrize("container", ["wav", "flac", "aiff"])
def test_a_tag_before_a_recording_is_skipped(container, write_wav, tone):
    path = write_wav(tone, f"note.{container}", subtype="PCM_16")
    plain = path.read_bytes()
    path.write_bytes(b"ID3\x04\x00\x00" + bytes([0, 0, 0, 100]) + bytes(100) + plain)
    with open_recording(path) as recording:
        assert recording.frames == len(tone)
        np.testing.assert_allclose(read_segment(recording, 0, len(tone), sample_rate=RATE), tone, atol=1e-4)
    path.write_bytes(b"ID3\x04\x00\x00" + bytes([0, 0, 0, 100]) + bytes(100) + plain[: len(plain) // 2])
    with pytest.raises(
        AudioReadError, match=r"whole recording|readable to its end|frames its header promises|its length"
    ):
        load_segment(path, 0, 1.0, sample_rate=RATE)


@pytest.mark.parametrize("length", [0, 0x7FFFF000, 0xFFFFFFFF])
def test_a_table_made_of_streamed_recordings_has_their_true_lengths(length, tmp_path, tone):
    for label in ("harmonic", "dead_note"):
        path = tmp_path / label / "guitar" / "note.wav"
        path.parent.mkdir(parents=True)
        sf.write(path, tone, RATE, subtype="PCM_16")
        content = bytearray(path.read_bytes())
        struct.pack_into("<I", content, content.index(b"data") + 4, length)
        path.write_bytes(content)
    events, problems = read_folders(tmp_path)
    assert problems == []
    np.testing.assert_allclose(events["offset_sec"], len(tone) / RATE, atol=1e-3)
