"""Samples without a header: every encoding, and streams that end or are written otherwise than said."""

import io

import numpy as np
import pytest

from guitarclf.audio.raw import ENCODINGS, RawFormat, raw_blocks
from guitarclf.errors import AudioReadError, ParameterError

SAMPLES = np.array([0.0, 0.5, -0.5, -1.0, 0.25, -0.125], dtype=np.float32)


def encoded(encoding: str, samples: np.ndarray) -> bytes:
    """Return samples as a program writes them."""
    if encoding == "u8":
        return (samples * 128 + 128).astype(np.uint8).tobytes()
    if encoding == "s24le":
        wide = (samples.astype(np.float64) * 2**23).astype("<i4")
        return wide.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    kind = ENCODINGS[encoding]
    scale = 2.0 ** (8 * int(kind[-1]) - 1) if kind[1] == "i" else 1
    return (samples.astype(np.float64) * scale).astype(kind).tobytes()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_samples_come_back_from_each_encoding(encoding):
    form = RawFormat.parse(f"{encoding},44100,2")
    (block,) = raw_blocks(io.BytesIO(encoded(encoding, SAMPLES)), form)
    assert block.dtype == np.float32
    np.testing.assert_array_equal(block, SAMPLES.reshape(-1, 2))


def test_a_rate_that_is_not_read_is_told_of_a_stream():
    with pytest.raises(ParameterError, match=r"'s16le,0,1' .* Its sample rate is 0 Hz, .* Record with others\.$"):
        RawFormat.parse("s16le,0,1")


def test_blocks_are_a_tenth_of_a_second_each_but_the_last():
    content = encoded("s16le", np.tile(SAMPLES, 1000))
    lengths = [len(block) for block in raw_blocks(io.BytesIO(content), RawFormat.parse("s16le,22050"))]
    assert lengths == [2205, 2205, 1590]


@pytest.mark.parametrize(
    "text", ["", "s16le", "44100,1", "s16,44100,1", "s16le,44100,0", "s16le,44100,33", "s16le,0,1", "s16le,9999999,1"]
)
def test_a_format_that_is_none_is_refused(text):
    with pytest.raises(ParameterError, match="raw format"):
        RawFormat.parse(text)


def test_a_stream_that_ends_within_a_sample_is_an_error_after_what_it_had():
    blocks = raw_blocks(io.BytesIO(encoded("s16le", SAMPLES) + b"\0"), RawFormat.parse("s16le,44100,1"))
    assert len(next(blocks)) == len(SAMPLES)
    with pytest.raises(AudioReadError, match=r"1 bytes are left over\. Check --raw"):
        next(blocks)


def test_a_sample_that_is_too_large_for_float32_is_infinite_without_a_warning():
    content = np.full(4410, 1e300).tobytes()
    (block,) = raw_blocks(io.BytesIO(content), RawFormat("f64le", 44100, 1))
    assert np.isinf(block).all()
