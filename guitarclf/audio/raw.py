"""Samples without a header, as programs write them into a pipe."""

import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Self

import numpy as np

from guitarclf.audio.chunks import check_size
from guitarclf.errors import AudioReadError, ParameterError

ENCODINGS = {"u8": "u1", "s16le": "<i2", "s16be": ">i2", "s24le": "<i3", "s32le": "<i4", "f32le": "<f4", "f64le": "<f8"}
BLOCK_SEC = 0.1  # of sound that is read at once


class RawFormat(NamedTuple):
    """How the samples of a stream are written: one of ENCODINGS, their rate in Hz, and the channels."""

    encoding: str
    rate: int
    channels: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the format that a text like ``s16le,44100,1`` names; ParameterError if it names none."""
        parts = re.fullmatch(r"\s*(\w+)\s*,\s*(\d{1,7})\s*(?:,\s*(\d{1,4})\s*)?", text)
        if parts is None or parts[1].lower() not in ENCODINGS:
            raise ParameterError(
                f"A raw format must be an encoding ({', '.join(ENCODINGS)}), a rate and the channels, such as "
                f"s16le,44100,1. Got {text!r}."
            )
        found = cls(parts[1].lower(), int(parts[2]), int(parts[3] or 1))
        try:
            check_size(found.channels, found.rate, "Record with others.")
        except AudioReadError as error:
            raise ParameterError(f"The raw format {text!r} must be one that is read. {error}") from None
        return found

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return int(ENCODINGS[self.encoding][-1]) * self.channels

    def decode(self, content: bytes) -> np.ndarray:
        """Return whole frames as float32 of shape (n_samples, n_channels), full scale being 1."""
        kind = ENCODINGS[self.encoding]
        if self.encoding == "s24le":
            octets = np.frombuffer(content, dtype=np.uint8).reshape(-1, 3)
            wide = np.zeros((len(octets), 4), dtype=np.uint8)
            wide[:, 1:] = octets  # in the upper three bytes, so that the sign is right
            samples = wide.view("<i4")[:, 0] / 2.0**31
        elif self.encoding == "u8":
            samples = (np.frombuffer(content, dtype=np.uint8) - 128.0) / 128
        elif kind[1] == "i":
            samples = np.frombuffer(content, dtype=kind) / 2.0 ** (8 * int(kind[-1]) - 1)
        else:
            samples = np.frombuffer(content, dtype=kind)
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused
            return samples.astype(np.float32).reshape(-1, self.channels)


def raw_blocks(stream: BinaryIO, form: RawFormat) -> Iterator[np.ndarray]:
    """Yield what a stream brings, `[n_samples, n_channels]` float32, some BLOCK_SEC at a time, as it comes.

    Samples may be anything that floats can be. Raises AudioReadError if it ends within a frame, after what it had.
    """
    n_bytes = max(1, round(BLOCK_SEC * form.rate)) * form.frame_bytes
    while content := stream.read(n_bytes):
        left_over = len(content) % form.frame_bytes
        samples = form.decode(content[: len(content) - left_over])
        if len(samples):
            yield samples
        if left_over:
            raise AudioReadError(
                f"The stream must end with a whole frame of {form.frame_bytes} bytes, as --raw says. "
                f"{left_over} bytes are left over. Check --raw."
            )
