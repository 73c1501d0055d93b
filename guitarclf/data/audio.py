"""Read stretches of recordings as mono audio at one rate, decoding only what is needed."""

import math
import os
import struct
from pathlib import Path

import numpy as np
import soundfile
import soxr

from guitarclf.errors import AudioReadError

# Neighbouring audio the resampler's filter needs on both sides of a stretch, in seconds.
CONTEXT_SEC = 0.05
STREAMED = 0xFFFFFF00  # a data chunk "this long" is of unknown length
AUDIO_SUFFIXES = (".wav", ".flac")


def load_segment(path, onset, duration, *, sample_rate):
    """Return one stretch of a recording as mono audio.

    Parameters
    ----------
    path : str or Path
        Any file soundfile reads; channels are averaged to mono.
    onset, duration : float
        Start and length in seconds. Before or past the file: zeros, so the
        onset keeps its place in the window.
    sample_rate : int
        Rate of the result in Hz; the file is resampled if it differs.

    Returns
    -------
    segment : ndarray of shape (n_samples,), dtype=float32
        ``n_samples = round(duration * sample_rate)``.

    Raises
    ------
    AudioReadError
        If the file is missing, unreadable, has NaN or infinite samples, or lies
        wholly outside the stretch.
    """
    with open_recording(path) as recording:
        start = round(onset * sample_rate)
        return read_segment(recording, start, round(duration * sample_rate), sample_rate=sample_rate)


def open_recording(path) -> soundfile.SoundFile:
    """Return an open recording, to be used in a ``with`` block; AudioReadError if it is none."""
    if not os.path.isfile(path):
        what = "There is no such file"
        if os.path.isdir(path):
            what = "It is a folder" if find_audio_files(path) else "It is a folder without WAV or FLAC files"
        raise AudioReadError(f"{path} must be an audio file. {what}. Check `audio_path` and --audio-root.")
    try:
        recording = soundfile.SoundFile(os.fspath(path))
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip().rstrip(".")
        raise AudioReadError(f"{path} must be a WAV or FLAC file. {reason}. Convert or replace it.") from error
    problem = "It has no samples" if recording.frames <= 0 else _missing_end(path, recording.format)
    if problem:
        recording.close()
        raise AudioReadError(f"{path} must be a whole recording. {problem}. Replace it.")
    return recording


def _missing_end(path, form: str) -> str | None:
    """Return what is missing of a WAV whose data chunk promises more than the file has.

    libsndfile takes such a file for a shorter one, and a note would be padded with zeros.
    """
    if form not in ("WAV", "WAVEX"):
        return None
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        position = 12  # after "RIFF", the size and "WAVE"
        while position + 8 <= size:
            file.seek(position)
            name, length = struct.unpack("<4sI", file.read(8))
            if name == b"data":
                missing = position + 8 + length - size
                # Recorders that stream leave the length at 0 or at its largest.
                return f"Its last {missing} bytes are missing" if missing > 0 and length < STREAMED else None
            position += 8 + length + length % 2
    return None


def read_segment(recording, start: int, n_samples: int, *, sample_rate: int) -> np.ndarray:
    """Return ``n_samples`` from position ``start``, both counted at ``sample_rate``, of an open recording.

    Equal to resampling the whole file and cutting: the read starts where an input
    and an output sample coincide, with context for the filter on both sides.
    """
    rate_in = recording.samplerate
    n_total = resampled_length(recording.frames, rate_in, sample_rate)
    low, high = max(start, 0), min(start + n_samples, n_total)
    if low >= high:
        raise AudioReadError(
            f"{recording.name} must reach the asked stretch, {start / sample_rate:.3f} s to "
            f"{(start + n_samples) / sample_rate:.3f} s. It is {n_total / sample_rate:.3f} s long. "
            "Check `onset_sec`."
        )
    common = math.gcd(rate_in, sample_rate)
    step_in, step_out = rate_in // common, sample_rate // common
    context = 0 if rate_in == sample_rate else math.ceil(CONTEXT_SEC * sample_rate)
    block = max(0, low - context) // step_out
    stop_in = min(recording.frames, math.ceil((high + context) * rate_in / sample_rate))
    audio = _read_mono(recording, block * step_in, stop_in)
    if rate_in != sample_rate:
        audio = soxr.resample(audio, rate_in, sample_rate, quality="HQ")
    audio = audio[low - block * step_out : high - block * step_out]
    segment = np.zeros(n_samples, dtype=np.float32)
    segment[low - start : low - start + len(audio)] = audio
    return segment


def resampled_length(n_frames: int, rate_in: int, rate_out: int) -> int:
    """Return how many samples a recording has after resampling, as librosa counts them."""
    return math.ceil(n_frames * rate_out / rate_in)


def _read_mono(recording, start: int, stop: int) -> np.ndarray:
    """Return the frames ``start`` to ``stop`` averaged over channels, float32."""
    try:
        recording.seek(start)
        audio = recording.read(stop - start, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise AudioReadError(f"{recording.name} must be readable to its end. {error.error_string}") from error
    if len(audio) < stop - start:
        raise AudioReadError(
            f"{recording.name} must hold the {recording.frames} frames its header promises. "
            f"It ends at frame {start + len(audio)}. The file is truncated; replace it."
        )
    mono = audio[:, 0] if audio.shape[1] == 1 else audio.mean(axis=1)
    if not np.isfinite(mono).all():
        raise AudioReadError(f"{recording.name} must hold finite samples. It has NaN or infinity. Replace it.")
    return mono


def find_audio_files(folder) -> list[Path]:
    """Return every WAV and FLAC file below a folder, sorted by path."""
    return sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file())


def require_audio_files(paths, *, beside=None) -> None:
    """Raise AudioReadError naming the files that do not exist, before long work starts on the others.

    ``beside`` is the table's folder: where the files lie below it, the message says so.
    """
    missing = [path for path in dict.fromkeys(map(str, paths)) if not os.path.isfile(path)]
    if not missing:
        return
    hint = "Check `audio_path` and --audio-root."
    if beside is not None and _lies_below(Path(beside), missing[0]):
        hint = f"It lies beside the table: pass --audio-root {beside}."
    raise AudioReadError(f"{missing[0]} must be an audio file. There is no such file ({len(missing)} missing). {hint}")


def _lies_below(folder: Path, path: str) -> bool:
    """Return whether a file of this name, with some of its parent folders, is below ``folder``."""
    parts = Path(path).parts
    return any(folder.joinpath(*parts[skip:]).is_file() for skip in range(1, len(parts)))
