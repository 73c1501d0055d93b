"""Stretches of recordings as mono audio at one rate; only what is needed is decoded."""

import functools
import math
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from guitarclf.audio.folders import AUDIO_SUFFIXES, recordings
from guitarclf.audio.folders import find_audio_files as find_audio_files
from guitarclf.audio.header import OTHERS_READ, check_format, check_header, read_header
from guitarclf.audio.lengths import Named, with_true_length
from guitarclf.audio.mono import averaged, heard
from guitarclf.errors import AudioReadError
from guitarclf.files import places
from guitarclf.files.names import as_path, as_text
from guitarclf.files.spelling import near_miss
from guitarclf.files.urls import is_below, is_url
from guitarclf.files.walk import Walk
from guitarclf.files.wording import shown

CONTEXT_SEC = 0.05  # audio that the resampler's filter needs on both sides of a stretch
MAX_MAGNITUDE = 1e10  # of a sample; some programs write floats at 16- or 32-bit scale
PCM_16_STEP = np.float32(2.0**-15)
MP3_CONTEXT = 16 * 1152  # frames decoded before a stretch of an MP3, whose sound needs what is before it
MAX_STRETCH_BYTES = 256 * 2**20  # decoded at once; a window of a second takes half a megabyte
TRIES = 5  # to open a copy that other processes may remove to make room


def load_segment(
    path: str | Path, onset: float, duration: float, *, sample_rate: int, channel: str | int | None = None
) -> np.ndarray:
    """Return one stretch of a recording as mono audio.

    Parameters
    ----------
    path : str or Path
        A recording of a container in :data:`guitarclf.audio.header.SUFFIXES`.
    onset, duration : float
        Start and length in seconds. Zeros stand for what lies before or past the file.
    sample_rate : int
        Rate of the result in Hz; the file is resampled if it differs.
    channel : {"auto", "mean", "left", "right"}, int or None
        What a model hears of the channels, without DC: ``window.channel``, as :func:`guitarclf.audio.mono.heard` takes
        it. None averages the channels and leaves the samples as they are.

    Returns
    -------
    segment : ndarray of shape (n_samples,), dtype=float32
        ``n_samples = round(duration * sample_rate)``.

    Raises
    ------
    AudioReadError
        If the file is missing or unreadable, or if the stretch lies wholly outside it, is silent, or
        has NaN or infinite samples.
    """
    with open_recording(path) as recording:
        start = round(onset * sample_rate)
        n_samples = round(duration * sample_rate)
        return read_segment(recording, start, n_samples, sample_rate=sample_rate, channel=channel)


def open_recording(path: str | os.PathLike[str]) -> soundfile.SoundFile:
    """Return an open recording, to be used in a ``with`` block; one at a URL, or in a table, is fetched first.

    Raises AudioReadError if the container, codec, rate, channels or length in its header are not read here.
    """
    path = as_path(os.fspath(path))
    left = TRIES
    while True:
        copy, left = places.local(path, check=functools.partial(read_header, name=path)), left - 1
        try:
            return _opened(copy, path)
        except AudioReadError:
            if copy == path or os.path.exists(copy) or not left:
                raise


def _opened(path: str, named: str) -> soundfile.SoundFile:
    """Return the open recording of a file; ``named`` is its own path, or the place that it is a copy of."""
    problem = _problem_of_place(path)
    if problem:
        raise AudioReadError(f"{shown(named)} must be an audio file. {problem}. {near_miss(named)}Check the path.")
    header = check_header(path, named)
    try:
        # For libsndfile "-" is the standard input. Bytes, because soundfile encodes no name that is not UTF-8.
        name = os.path.join(os.curdir, path) if path.startswith("-") else path
        file = name if as_text(name) == name else os.fsencode(name)
        recording = soundfile.SoundFile(file) if named == path else Named(named, file)
        try:
            check_format(named, recording)
            recording = with_true_length(recording, header, path)
            if recording.frames <= 0:
                raise AudioReadError(f"{shown(named)} must be a whole recording. It has no samples. Replace it.")
        except BaseException:
            recording.close()
            raise
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip().rstrip(".")
        raise AudioReadError(
            f"{shown(named)} must be a WAV or FLAC file ({OTHERS_READ} are read too). {reason}. Convert or replace it."
        ) from error
    return recording


def _problem_of_place(path: str) -> str | None:
    """Return why there is no file at a path, None if there is one."""
    try:
        is_folder = stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return "There is no such file"
    except OSError as error:
        return f"It cannot be opened: {error.strerror}"
    if not is_folder:
        return None
    found = Walk(Path(path))
    if found.root in found.closed:
        return "It is a folder that may not be read"
    return "It is a folder" if recordings(found) else f"It is a folder without recordings ({', '.join(AUDIO_SUFFIXES)})"


class Stretch(NamedTuple):
    """The frames of a stretch that is given as to :func:`read_segment`, with context around them.

    ``samples`` are `[n_frames, n_channels]` float32; those from ``first`` to before ``last`` are the stretch itself.
    Resampled, the part of them that is in it is ``cut``.
    """

    start: int
    n_samples: int
    samples: np.ndarray
    first: int
    last: int
    cut: slice

    @property
    def meant(self) -> np.ndarray:
        """The frames of the stretch itself."""
        return self.samples[self.first : self.last]


def read_segment(
    recording: soundfile.SoundFile,
    start: int,
    n_samples: int,
    *,
    sample_rate: int,
    channel: str | int | None = None,
) -> np.ndarray:
    """Return ``n_samples`` mono float32 samples of an open recording, from sample ``start`` on.

    Both are counted at ``sample_rate`` (Hz); ``channel`` is as in :func:`load_segment`. The result equals the whole
    file resampled and cut: the read starts where an input and an output sample coincide, with context for the filter
    on both sides.
    """
    stretch = read_stretch(recording, start, n_samples, sample_rate=sample_rate)
    return segment_of(recording, stretch, sample_rate=sample_rate, channel=channel)


def read_stretch(recording: soundfile.SoundFile, start: int, n_samples: int, *, sample_rate: int) -> Stretch:
    """Return the frames that :func:`read_segment` makes its segment of."""
    rate_in = recording.samplerate
    low, high = _within(recording, start, n_samples, sample_rate)
    common = math.gcd(rate_in, sample_rate)
    step_in, step_out = rate_in // common, sample_rate // common
    context = 0 if rate_in == sample_rate else math.ceil(CONTEXT_SEC * sample_rate)
    block = max(0, low - context) // step_out
    stop_in = min(recording.frames, math.ceil((high + context) * rate_in / sample_rate))
    samples = read_samples(recording, block * step_in, stop_in)
    first, last = (place - block * step_in for place in _frames_between(recording, low, high, sample_rate))
    cut = slice(low - block * step_out, high - block * step_out)
    return Stretch(start, n_samples, samples, first, last, cut)


def segment_of(
    recording: soundfile.SoundFile, stretch: Stretch, *, sample_rate: int, channel: str | int | None = None
) -> np.ndarray:
    """Return what :func:`read_segment` does, of frames that are read."""
    rate_in = recording.samplerate
    if channel is None:
        audio = averaged(stretch.samples)
    else:
        # Of the file's samples, so that the resampler meets no step where a file with DC starts or ends.
        try:
            audio = heard(stretch.samples, rate_in, channel, first=stretch.first, last=stretch.last)
        except AudioReadError as error:
            raise AudioReadError(f"{shown(recording.name)} must have the channel asked for. {error}") from None
    if rate_in != sample_rate:
        audio = soxr.resample(audio, rate_in, sample_rate, quality="HQ")
    audio = audio[stretch.cut]
    low = max(stretch.start, 0)
    if not audio.any():
        high = low + stretch.cut.stop - stretch.cut.start
        raise AudioReadError(
            f"{shown(recording.name)} must hold sound. It is silent from {low / sample_rate:.3f} s to "
            f"{high / sample_rate:.3f} s. Check `onset_sec`, or replace it."
        )
    if len(audio) == stretch.n_samples:
        return audio
    n_before = low - stretch.start
    return np.pad(audio, (n_before, stretch.n_samples - n_before - len(audio)))


def _within(recording: soundfile.SoundFile, start: int, n_samples: int, sample_rate: int) -> tuple[int, int]:
    """Return the part of a stretch that lies in its recording, both in samples at ``sample_rate``."""
    n_total = resampled_length(recording.frames, recording.samplerate, sample_rate)
    low, high = max(start, 0), min(start + n_samples, n_total)
    if n_samples > MAX_STRETCH_BYTES // 4:
        raise AudioReadError(
            f"A stretch must be at most {MAX_STRETCH_BYTES // 4 // sample_rate} s long. "
            f"Got {n_samples / sample_rate:.3g} s. Ask for less at once."
        )
    if low >= high:
        raise AudioReadError(
            f"{shown(recording.name)} must reach the asked stretch, {start / sample_rate:.3f} s to "
            f"{(start + n_samples) / sample_rate:.3f} s. It is {n_total / sample_rate:.3f} s long. "
            "Check `onset_sec`."
        )
    return low, high


def stretch_of(recording: soundfile.SoundFile, start: int, n_samples: int, sample_rate: int) -> tuple[int, int]:
    """Return the first frame and the one after the last of a stretch that is given as to :func:`read_segment`."""
    return _frames_between(recording, *_within(recording, start, n_samples, sample_rate), sample_rate)


def _frames_between(recording: soundfile.SoundFile, low: int, high: int, sample_rate: int) -> tuple[int, int]:
    """Return the first frame and the one after the last between two samples at ``sample_rate``."""
    first, last = (round(place * recording.samplerate / sample_rate) for place in (low, high))
    return first, min(last, recording.frames)


def resampled_length(n_frames: int, rate_in: int, rate_out: int) -> int:
    """Return how many samples ``n_frames`` frames become by resampling, as librosa counts them."""
    return math.ceil(n_frames * rate_out / rate_in)


def read_samples(recording: soundfile.SoundFile, start: int, stop: int) -> np.ndarray:
    """Return the frames from ``start`` to before ``stop``, `[n_frames, n_channels]` float32."""
    name, n_bytes = shown(recording.name), 4 * (stop - start) * recording.channels
    if n_bytes > MAX_STRETCH_BYTES:
        raise AudioReadError(
            f"{name} must need at most {MAX_STRETCH_BYTES // 2**20} MiB for a stretch. It needs {n_bytes // 2**20}: "
            f"{recording.channels} channels at {recording.samplerate} Hz. Convert it, or ask for less at once."
        )
    is_pcm_16 = recording.subtype == "PCM_16"  # libsndfile's own conversion to float is slower
    try:
        first = max(0, start - MP3_CONTEXT) if recording.format in ("MP3", "MPEG") else start
        recording.seek(first)
        audio = recording.read(stop - first, dtype="int16" if is_pcm_16 else "float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise AudioReadError(f"{name} must be readable to its end. {error.error_string} Replace it.") from error
    audio = audio[start - first :]
    if len(audio) < stop - start:
        raise AudioReadError(
            f"{name} must hold the {recording.frames} frames its header promises. "
            f"It ends at frame {start + len(audio)}. The file is truncated; replace it."
        )
    if is_pcm_16:
        return np.multiply(audio, PCM_16_STEP, dtype=np.float32)
    _check_magnitude(audio, name)
    return audio


def _check_magnitude(audio: np.ndarray, name: str) -> None:
    """Raise AudioReadError unless all samples are finite and at most MAX_MAGNITUDE."""
    largest = np.abs(audio).max()  # NaN if one sample is
    if not np.isfinite(largest):
        raise AudioReadError(f"{name} must hold finite samples. It has NaN or infinity. Replace it.")
    if largest > MAX_MAGNITUDE:
        raise AudioReadError(
            f"{name} must hold samples of at most {MAX_MAGNITUDE:g}, full scale being 1. "
            f"It has {largest:.3g}. Replace it."
        )


def require_audio_files(paths: Iterable, *, beside: str | Path | None = None) -> None:
    """Raise AudioReadError if some of the files do not exist.

    ``beside`` is the table's folder: if the first missing file lies below it, the message says so.
    """
    missing = places.missing(map(str, paths))
    if not missing:
        return
    hint = near_miss(missing[0]) + "Check `audio_path` and --audio-root."
    if beside is not None and not is_url(str(beside)) and _lies_below(Path(beside), missing[0]):
        hint = f"It lies beside the table: pass --audio-root {beside}."
    raise AudioReadError(
        f"{shown(missing[0])} must be an audio file. There is no such file ({len(missing)} missing). {hint}"
    )


def outside_root(audio_root: str | Path, paths: Iterable[str]) -> np.ndarray:
    """Return for each path whether its name leads out of a folder, as ``../x.wav`` does; links are not resolved.

    What is at another URL than the root is outside.
    """
    given, root = str(audio_root), as_text(os.path.join(os.path.abspath(audio_root), ""))

    @functools.cache
    def is_outside(path: str) -> bool:
        if is_url(path) or is_url(given):
            return not is_below(given, path)
        path = os.fspath(path)
        name = path[len(root) :] if path.startswith(root) else ""
        # It cannot lead out, and is not taken apart, which of many files takes long.
        is_plain = name[:1] not in ("", ".", "/", os.sep) and ".." not in name
        return not (is_plain or os.path.abspath(path).startswith(root))

    return np.array([is_outside(path) for path in paths], dtype=bool)


def _lies_below(folder: Path, path: str) -> bool:
    """Return whether ``folder`` holds a file of this name, or of this name and some of its parent folders."""
    parts = Path(path).parts
    return any(folder.joinpath(*parts[skip:]).is_file() for skip in range(1, len(parts)))
