"""Tape: the last seconds of a stream of sound, read as an open recording is."""

from collections import deque
from typing import Literal

import numpy as np

from guitarclf.errors import AudioReadError


class Tape:
    """The sound of a stream so far, of which the last ``held_sec`` seconds can be read.

    It has what :func:`guitarclf.audio.recordings.read_segment` asks of an open recording; ``frames`` grows.
    """

    format, subtype = "RAW", "FLOAT"

    def __init__(self, rate: int, channels: int, *, held_sec: float, name: str = "-") -> None:
        self.samplerate, self.channels, self.name = rate, channels, name
        self.n_held = round(held_sec * rate)
        self.blocks: deque[np.ndarray] = deque()
        self.first = self.frames = self.place = 0  # the first frame that is held, the one after the last, the next read

    @property
    def seconds(self) -> float:
        """Length of the stream so far."""
        return self.frames / self.samplerate

    def add(self, samples: np.ndarray) -> None:
        """Take in what comes next, `[n_samples, n_channels]` float32."""
        self.blocks.append(samples)
        self.frames += len(samples)
        while self.frames - self.first - len(self.blocks[0]) >= self.n_held:
            self.first += len(self.blocks.popleft())

    def last(self, seconds: float) -> np.ndarray:
        """Return the last seconds, or what is held of them, `[n_samples, n_channels]`."""
        self.seek(max(self.first, self.frames - round(seconds * self.samplerate)))
        return self.read(self.frames - self.place)

    def seek(self, frame: int) -> int:
        """Go to a frame, counted from the start of the stream."""
        self.place = frame
        return frame

    def read(self, frames: int, dtype: Literal["float32"] = "float32", always_2d: bool = True) -> np.ndarray:
        """Return the next frames, `[n_frames, n_channels]`; AudioReadError if they are held no longer."""
        if self.place < self.first:
            raise AudioReadError(
                f"The stream must be read within {self.n_held / self.samplerate:g} s. "
                f"{self.place / self.samplerate:.3f} s of it are gone at {self.seconds:.3f} s."
            )
        parts, at, end = [], self.first, self.place + frames
        for block in self.blocks:
            if at < end and at + len(block) > self.place:
                parts.append(block[max(0, self.place - at) : end - at])
            at += len(block)
        self.place = end
        return np.concatenate([np.zeros((0, self.channels), dtype=np.float32), *parts])
