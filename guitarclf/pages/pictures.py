"""Log-mel spectrograms as grey PNGs, of sound of any length in bounded memory."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from guitarclf.audio.mel import log_mel, mel_centers
from guitarclf.pages.render import data_uri
from guitarclf.pages.sound import RATE, resampled

COLUMNS_PER_SEC = 50
HOP, N_FFT, N_MELS, FMIN, FMAX = RATE // COLUMNS_PER_SEC, 1024, 64, 50.0, 10000.0  # samples, bands, Hz
CONTEXT = 2 * HOP  # samples before and after a stretch that its frames reach into
STRETCH = 200 * HOP  # samples whose log-mel is taken at once
MAX_COLUMNS = 90_000  # of a whole picture: half an hour; of what is longer a column is the loudest of some
TILE = 3000  # columns of one PNG
LOWEST_DB, STEP_DB = -110.0, 0.75  # a level is kept in a byte
SHOWN_DB = 75.0  # from black, the loudest, to white
N_GREYS = 32  # more make the file larger and look the same


@dataclass(frozen=True)
class LogMel:
    """The log-mel of a sound.

    ``levels`` are in steps of STEP_DB from LOWEST_DB, `[N_MELS, n_columns]` uint8, low bands first;
    ``columns_per_sec`` is COLUMNS_PER_SEC, or less for what is long.
    """

    levels: np.ndarray
    columns_per_sec: float

    def tiles(self) -> Iterator[tuple[float, float, str]]:
        """Yield (start in seconds, end in seconds, data URI) of each PNG, black where the sound is loud."""
        if not self.levels.size:
            return
        loudest = float(self.levels.max())
        level = np.arange(256)
        share = np.clip((loudest - level) * STEP_DB / SHOWN_DB, 0, 1)
        grey = (np.round(share * (N_GREYS - 1)) * (255 / (N_GREYS - 1))).astype(np.uint8)
        n_columns = self.levels.shape[1]
        for first in range(0, n_columns, TILE):
            last = min(first + TILE, n_columns)
            picture = png(grey[self.levels[::-1, first:last]])
            yield first / self.columns_per_sec, last / self.columns_per_sec, data_uri(picture, "image/png")


def picture(samples: np.ndarray, rate: int) -> str:
    """Return the log-mel of a short mono sound, `[n_samples]`, as the data URI of one PNG, 20 ms a pixel."""
    levels = LogMel(read_log_mel([samples], rate).levels[:, :TILE], COLUMNS_PER_SEC)
    return next(levels.tiles())[2]


def read_log_mel(blocks: Iterable[np.ndarray], rate: int, duration: float = 0.0) -> LogMel:
    """Return the log-mel of mono sound.

    Parameters
    ----------
    blocks : iterable of float32 ndarrays of shape (n_samples,)
        In turn, of any length.
    rate : int
        Samples per second.
    duration : float
        Seconds that will come, which decides how many columns a second has.
    """
    together = max(1, int(np.ceil(duration * COLUMNS_PER_SEC / MAX_COLUMNS)))
    parts, rest = [], np.zeros((N_MELS, 0), dtype=np.uint8)
    for part in _levels(resampled(blocks, rate)):
        rest = np.concatenate([rest, part], axis=1)
        n_whole = rest.shape[1] // together
        whole, rest = rest[:, : n_whole * together], rest[:, n_whole * together :]
        parts.append(whole.reshape(N_MELS, n_whole, together).max(axis=2))
    if rest.size:
        parts.append(rest.max(axis=1, keepdims=True))
    levels = np.concatenate(parts, axis=1) if parts else rest
    return LogMel(levels, COLUMNS_PER_SEC / together)


def bands() -> np.ndarray:
    """Return the centres of the bands in Hz, lowest first, shape (N_MELS,)."""
    return mel_centers(RATE, N_MELS, FMIN, FMAX)


def png(grey: np.ndarray) -> bytes:
    """Return a picture, `[height, width]` uint8 from black to white, as a PNG."""
    height, width = grey.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = np.concatenate(
        [np.zeros((height, 1), dtype=np.uint8), grey], axis=1
    )  # each row begins with its filter: none
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def _levels(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the levels of some frames in turn, `[N_MELS, n_frames]` uint8; a frame begins every HOP samples."""
    held = np.zeros(CONTEXT, dtype=np.float32)
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) >= STRETCH + 2 * CONTEXT:
            yield _levels_within(held[: STRETCH + 2 * CONTEXT])
            held = held[STRETCH:]
    n_left = len(held) - CONTEXT
    if n_left > 0:
        yield _levels_within(np.pad(held, (0, -n_left % HOP + CONTEXT)))


def _levels_within(samples: np.ndarray) -> np.ndarray:
    """Return the levels of the frames between the CONTEXT on both sides."""
    decibels = log_mel(
        samples[None], sample_rate=RATE, n_fft=N_FFT, hop_length=HOP, n_mels=N_MELS, fmin=FMIN, fmax=FMAX
    )[0]
    n_around = CONTEXT // HOP
    inner = decibels[:, n_around : decibels.shape[1] - n_around - 1]
    return np.clip(np.round((inner - LOWEST_DB) / STEP_DB), 0, 255).astype(np.uint8)
