"""Checks of a recording's header, made before a decoder sees the file.

Crafted files do harm in decoders of rare formats, so only the formats that guitar data has are passed on to one.
"""

import functools
import os
import stat
from typing import BinaryIO, NamedTuple

from guitarclf.audio.chunks import CONVERT_IT, FORMS, Samples, check_size, find_samples
from guitarclf.errors import AudioReadError
from guitarclf.files.wording import shown

# libsndfile's names of the codecs that are read.
PCM_SUBTYPES = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW")
SUBTYPES = (*PCM_SUBTYPES, "VORBIS", "OPUS", "MPEG_LAYER_III")
# Container -> the suffixes of its files.
SUFFIXES = {
    "WAV": (".wav", ".wave", ".rf64"),
    "FLAC": (".flac",),
    "OGG": (".ogg", ".oga", ".opus"),
    "MP3": (".mp3",),
    "AIFF": (".aif", ".aiff", ".aifc"),
    "CAF": (".caf",),
    "W64": (".w64",),
}
CONTAINER_OF = {"WAVEX": "WAV", "RF64": "WAV", "MPEG": "MP3"}  # libsndfile's name -> ours
OTHER_CONTAINERS = {b"FORM": "an IFF file without audio", b".snd": "AU", b"0&\xb2u": "WMA"}
W64_START = bytes.fromhex("726966662e91cf11a5d628db04c10000")
OTHERS_READ = "AIFF, CAF, MP3, OGG and W64"
MAX_TAGS = 10  # ID3 tags before the sound


class Header(NamedTuple):
    """What the first bytes of a file say: its container (a key of SUFFIXES), where that starts, and its samples.

    ``samples`` is None for the containers that are no row of chunks: FLAC, OGG and MP3.
    """

    container: str
    base: int
    samples: Samples | None


def check_header(path, named: str | None = None) -> Header:
    """Return the Header of a recording that is read here; AudioReadError if a path is no such file.

    ``named`` is how messages call it, and what its suffix is that of; its path unless given.
    """
    name = path if named is None else named
    try:
        with open(path, "rb", opener=_open_regular) as file:
            return read_header(file, name)
    except AudioReadError:
        raise
    except OSError as error:
        raise AudioReadError(
            f"{shown(name)} must be a readable file. {error.strerror}. Check its permissions."
        ) from error


def read_header(file: BinaryIO, name: str) -> Header:
    """Return the Header of an open recording; AudioReadError if it is none that is read here."""
    text = shown(name)
    base = _skip_tags(file)
    start = file.read(16)
    container = _container_of(start)
    if container is None:
        raise AudioReadError(
            f"{text} must be a WAV or FLAC file ({OTHERS_READ} are read too). It is {_what_else(start)}. "
            "Convert or replace it."
        )
    check_suffix(name, container)
    try:
        samples = find_samples(file, container, base) if container in FORMS else None
    except AudioReadError as error:
        raise AudioReadError(f"{text} must be a whole recording. {error}") from None
    return Header(container, base, samples)


def _skip_tags(file: BinaryIO) -> int:
    """Put an open file behind the ID3 tags at its start and return that place."""
    base = 0
    for _ in range(MAX_TAGS):
        file.seek(base)
        tag = file.read(10)
        if len(tag) < 10 or not tag.startswith(b"ID3"):
            break
        length = functools.reduce(lambda high, byte: high << 7 | byte & 0x7F, tag[6:], 0)
        base += 10 + length + (10 if tag[5] & 0x10 else 0)
    file.seek(base)
    return base


def _container_of(start: bytes) -> str | None:
    """Return the container (a key of SUFFIXES) that starts with these sixteen bytes, or None."""
    if start[:4] in (b"RIFF", b"RIFX", b"RF64") and start[8:12] == b"WAVE":
        return "WAV"
    if start[:4] == b"FORM" and start[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    if start == W64_START:
        return "W64"
    for magic, container in ((b"fLaC", "FLAC"), (b"OggS", "OGG"), (b"caff", "CAF")):
        if start.startswith(magic):
            return container
    return "MP3" if len(start) > 2 and start[0] == 0xFF and start[1] & 0xE0 == 0xE0 else None


def _what_else(start: bytes) -> str:
    """Return what a file that is not read here seems to be, in words."""
    if not start:
        return "empty"
    if start[4:8] == b"ftyp":
        return "MP4 or M4A"
    return next((name for magic, name in OTHER_CONTAINERS.items() if start.startswith(magic)), "no audio")


def check_suffix(path, container: str) -> None:
    """Raise AudioReadError if a file's suffix is that of another container."""
    suffix = os.path.splitext(path)[1].lower()
    said = next((name for name, suffixes in SUFFIXES.items() if suffix in suffixes), container)
    if said != container:
        raise AudioReadError(
            f"{shown(path)} must be what its name says, {said}. It is {container}. "
            f"Rename it to end in {SUFFIXES[container][0]}."
        )


def check_format(path, recording) -> None:
    """Raise AudioReadError unless an open SoundFile has a container, codec, rate and channel count that are read."""
    container = CONTAINER_OF.get(recording.format, recording.format)
    if container not in SUFFIXES or recording.subtype not in SUBTYPES:
        raise AudioReadError(
            f"{shown(path)} must be PCM, float, A-law, mu-law, FLAC, OGG or MP3. "
            f"It is {recording.format} {recording.subtype}. {CONVERT_IT}"
        )
    check_suffix(path, container)
    try:
        check_size(recording.channels, recording.samplerate)
    except AudioReadError as error:
        raise AudioReadError(f"{shown(path)} must be a recording. {error}") from None


def _open_regular(path, flags) -> int:
    """Open a regular file and return its handle; AudioReadError, without waiting, for a pipe or a device."""
    handle = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise AudioReadError(
            f"{shown(path)} must be an audio file. It is a pipe or a device. Copy the audio to a file."
        )
    return handle
