"""Checks of a recording's header, made before a decoder sees the file.

Crafted files do harm in decoders of rare formats, so only the formats that guitar data has are passed on to one.
"""

import os
import stat
import struct

from guitarclf.errors import AudioReadError
from guitarclf.files.wording import shown

MIN_RATE, MAX_RATE = 1_000, 384_000  # Hz
MAX_CHANNELS = 32
MAX_CHUNKS = 10_000  # of a WAV; a real one has a dozen
STREAMED = 0xFFFFFF00  # a data chunk "this long" is of unknown length
CODECS = (0x0001, 0x0003, 0x0006, 0x0007)  # PCM, float, A-law, mu-law
EXTENSIBLE = 0xFFFE
OTHER_CODECS = {
    0x0002: "Microsoft ADPCM",
    0x0011: "IMA ADPCM",
    0x0014: "G.723 ADPCM",
    0x0031: "GSM 6.10",
    0x0040: "G.721 ADPCM",
    0x0050: "MPEG layer 1 or 2",
    0x0055: "MP3 in a WAV",
    0x0674: "Ogg Vorbis in a WAV",
}
PCM_BITS = (8, 16, 24, 32)
# libsndfile's names of the codecs that are read.
PCM_SUBTYPES = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW")
SUBTYPES = (*PCM_SUBTYPES, "VORBIS", "OPUS", "MPEG_LAYER_III")
# Container -> the suffixes of its files.
SUFFIXES = {"WAV": (".wav", ".wave"), "FLAC": (".flac",), "OGG": (".ogg", ".oga", ".opus"), "MP3": (".mp3",)}
CONTAINER_OF = {"WAVEX": "WAV", "RF64": "WAV", "MPEG": "MP3"}  # libsndfile's name -> ours
OTHER_CONTAINERS = {b"FORM": "AIFF", b"caff": "CAF", b".snd": "AU", b"riff": "Wave64", b"0&\xb2u": "WMA"}
CONVERT_IT = "Convert it to WAV or FLAC."


def check_header(path) -> None:
    """Raise AudioReadError unless a path is a regular file whose header is that of a recording that is read here."""
    text = shown(path)
    try:
        with open(path, "rb", opener=_open_regular) as file:
            start = file.read(12)
            container = _container_of(start)
            if container is None:
                raise AudioReadError(
                    f"{text} must be a WAV or FLAC file (OGG and MP3 are read too). It is {_what_else(start)}. "
                    "Convert or replace it."
                )
            if not start.startswith(b"ID3"):  # a tag that MP3s have, and some FLACs
                check_suffix(path, container)
            problem = _problem_of_wav(file) if container == "WAV" else None
    except AudioReadError:
        raise
    except OSError as error:
        raise AudioReadError(f"{text} must be a readable file. {error.strerror}. Check its permissions.") from error
    if problem:
        raise AudioReadError(f"{text} must be a whole recording. {problem}")


def _container_of(start: bytes) -> str | None:
    """Return the container (a key of SUFFIXES) that a file's first twelve bytes belong to, or None."""
    if start[:4] in (b"RIFF", b"RIFX", b"RF64") and start[8:12] == b"WAVE":
        return "WAV"
    if start.startswith(b"fLaC"):
        return "FLAC"
    if start.startswith(b"OggS"):
        return "OGG"
    is_mp3 = start[:3] == b"ID3" or (len(start) > 2 and start[0] == 0xFF and start[1] & 0xE0 == 0xE0)
    return "MP3" if is_mp3 else None


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
    problem = _problem_of_size(recording.channels, recording.samplerate)
    if problem:
        raise AudioReadError(f"{shown(path)} must be a recording. {problem}")


def _open_regular(path, flags) -> int:
    """Open a regular file and return its handle; AudioReadError, without waiting, for a pipe or a device."""
    handle = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise AudioReadError(
            f"{shown(path)} must be an audio file. It is a pipe or a device. Copy the audio to a file."
        )
    return handle


def _problem_of_wav(file) -> str | None:
    """Return what is wrong with a WAV's ``fmt`` chunk or the length of its ``data`` chunk, None if nothing is."""
    file.seek(0)
    order = ">" if file.read(4) == b"RIFX" else "<"
    size = os.fstat(file.fileno()).st_size
    position, described = 12, False  # after "RIFF", the size and "WAVE"
    for _ in range(MAX_CHUNKS + 1):
        if position + 8 > size:
            return None if described else "It has no description of its format. Replace it."
        file.seek(position)
        name, length = struct.unpack(f"{order}4sI", file.read(8))
        if name == b"fmt ":
            if described:
                return "It has two descriptions of its format. Replace it."
            described = True
            problem = _problem_of_fmt(file.read(min(length, 40)), order)
            if problem:
                return problem
        if name == b"data":
            if length == 0 and position + 8 == size:
                return "It has no samples. Replace it."
            missing = position + 8 + length - size
            # Recorders that stream leave the length at 0 or at its largest; libsndfile takes a file whose end
            # is missing for a shorter one, and a note would be padded with zeros.
            if missing > 0 and length < STREAMED:
                return f"Its last {missing} bytes are missing. Replace it."
        position += 8 + length + length % 2
    return f"It has more than {MAX_CHUNKS} chunks. Replace it."


def _problem_of_fmt(fmt: bytes, order: str) -> str | None:
    """Return why the codec, bits, channels or rate in a ``fmt`` chunk are not read, None if they are."""
    if len(fmt) < 16:
        return "The description of its format is cut short. Replace it."
    codec, channels, rate, _, _, bits = struct.unpack(f"{order}HHIIHH", fmt[:16])
    if codec == EXTENSIBLE and len(fmt) >= 26:
        (codec,) = struct.unpack(f"{order}H", fmt[24:26])
    if codec not in CODECS:
        name = OTHER_CODECS.get(codec, f"codec 0x{codec:04x}")
        return f"It is {name}, and PCM, float, A-law and mu-law are read. {CONVERT_IT}"
    if codec == 0x0001 and bits not in PCM_BITS:
        return f"It is PCM of {bits} bits, and 8, 16, 24 and 32 are read. {CONVERT_IT}"
    return _problem_of_size(channels, rate)


def _problem_of_size(channels: int, rate: int) -> str | None:
    if not 1 <= channels <= MAX_CHANNELS:
        return f"It has {channels} channels, and 1 to {MAX_CHANNELS} are read. {CONVERT_IT}"
    if not MIN_RATE <= rate <= MAX_RATE:
        return f"Its sample rate is {rate} Hz, and {MIN_RATE} to {MAX_RATE} are read. {CONVERT_IT}"
    return None
