"""The chunks of a WAV, AIFF, CAF or W64 file: its format, and how many bytes of samples really are in it."""

import os
import struct
from typing import BinaryIO, NamedTuple

from guitarclf.errors import AudioReadError

MIN_RATE, MAX_RATE = 1_000, 384_000  # Hz
MAX_CHANNELS = 32
MAX_CHUNKS = 10_000  # of a file; a real one has a dozen
STREAMED = 0x7FFF0000  # a length of this or more that the file does not have stands for "not known", as from a pipe
MAX_LEFT_OVER = 1024  # bytes after the last chunk that are taken for rubbish and not for samples
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
# Codecs of AIFF-C and CAF: PCM of either byte order, float, A-law, mu-law.
APPLE_CODECS = (b"NONE", b"twos", b"sowt", b"in24", b"in32", b"fl32", b"fl64", b"alaw", b"ulaw", b"raw ", b"lpcm")
CONVERT_IT = "Convert it to WAV or FLAC."


class Form(NamedTuple):
    """How a container writes its chunks: what precedes them, a chunk's header, and the two that matter.

    ``before_samples`` are the bytes of the data chunk before its samples. In W64 a length counts the header too.
    """

    skip: int
    header: str
    align: int
    format_name: bytes
    data_name: bytes
    before_samples: int = 0


FORMS = {
    "WAV": Form(12, "<4sI", 2, b"fmt ", b"data"),
    "AIFF": Form(12, ">4sI", 2, b"COMM", b"SSND", 8),
    "CAF": Form(8, ">4sq", 1, b"desc", b"data", 4),
    "W64": Form(40, "<16sQ", 8, b"fmt ", b"data"),
}


class Samples(NamedTuple):
    """The place of the first byte of a file's samples, and how many bytes there are of them.

    ``patch`` is the true length, and its place, where libsndfile does not understand the one that is written.
    """

    start: int
    n_bytes: int
    patch: tuple[int, bytes] | None = None


def find_samples(file: BinaryIO, container: str, base: int = 0) -> Samples:
    """Return where the samples of an open file are, whose container starts at byte ``base``.

    Raises AudioReadError, which does not name the file, if its format is none that is read, or if the length of its
    samples is not that of what is there.
    """
    form = FORMS[container]
    file.seek(base)
    is_big = file.read(4) == b"RIFX"
    header = form.header.replace("<", ">") if is_big else form.header
    size, position, described = file.seek(0, os.SEEK_END), base + form.skip, False
    n_header, long_size, samples = struct.calcsize(header), None, None
    for _ in range(MAX_CHUNKS + 1):
        if position + n_header > size or (samples and not _is_chunk(file, position, header, size)):
            break
        file.seek(position)
        name, length = struct.unpack(header, file.read(n_header))
        name = name[:4]
        if container == "W64":
            length -= n_header
        if name == form.format_name:
            if described:
                raise AudioReadError("It has two descriptions of its format. Replace it.")
            described = True
            _check_format(file.read(max(0, min(length, 40))), container, is_big)
        if name == b"ds64" and container == "WAV" and position + n_header + 16 <= size:
            (long_size,) = struct.unpack("<8xQ", file.read(16))
        if name == form.data_name and samples is None:
            if long_size is not None and length == 0xFFFFFFFF:
                length = long_size
            samples = _samples(file, form, position + n_header, length, size, header)
            length = samples.start - position - n_header + samples.n_bytes
        if length < 0:
            raise AudioReadError(f"A chunk in it has a length of {length} bytes. Replace it.")
        position += n_header + length + -(n_header + length) % form.align
    else:
        raise AudioReadError(f"It has more than {MAX_CHUNKS} chunks. Replace it.")
    if not described:
        raise AudioReadError("It has no description of its format. Replace it.")
    if samples is None:
        raise AudioReadError("It has no samples. Replace it.")
    _check_left_over(file, base, min(position, size), size, samples)
    return samples


def _samples(file: BinaryIO, form: Form, start: int, length: int, size: int, header: str) -> Samples:
    """Return the Samples of a data chunk whose content starts at ``start`` and is said to have ``length`` bytes."""
    there, patch = size - start, None
    is_known = length >= 0 and not (length >= STREAMED and length > there)  # at its largest, or -1, from a pipe
    if length == 0 and there > 0 and not _is_chunk(file, start, header, size):
        is_known = False
    if not is_known:
        if length <= 0 and form in (FORMS["WAV"], FORMS["CAF"]):
            kind = header[0] + header[-1]
            patch = start - struct.calcsize(kind), struct.pack(kind, min(there, 0xFFFFFFFF))
        length = there
    if length > there:
        # libsndfile takes such a file for a shorter one, and a note would be padded with zeros.
        raise AudioReadError(f"Its last {length - there} bytes are missing. Replace it.")
    if length <= form.before_samples:
        raise AudioReadError("It has no samples. Replace it.")
    return Samples(start + form.before_samples, length - form.before_samples, patch)


def _is_chunk(file: BinaryIO, position: int, header: str, size: int) -> bool:
    """Return whether the bytes at a place can be a chunk: a name in ASCII, and a length that the file has."""
    n_header = struct.calcsize(header)
    if position + n_header > size:
        return False
    file.seek(position)
    name, length = struct.unpack(header, file.read(n_header))
    return name[:4].isascii() and name[:4].decode().isprintable() and 0 <= length <= size - position


def _check_left_over(file: BinaryIO, base: int, position: int, size: int, samples: Samples) -> None:
    """Raise AudioReadError if what follows the last chunk, at ``position``, may be samples."""
    n_left = size - position
    file.seek(position)
    start = file.read(min(n_left, MAX_LEFT_OVER))
    if n_left >= MAX_LEFT_OVER and start.strip(b"\0") and not start.startswith((b"TAG", b"ID3", b"APETAGEX")):
        raise AudioReadError(
            f"Its header gives it {samples.n_bytes} bytes of samples, and {n_left} more follow that are no chunk. "
            "Replace it."
        )


def _check_format(content: bytes, container: str, is_big: bool) -> None:
    """Raise AudioReadError unless a description of a format has a codec, bits, channels and rate that are read."""
    if container in ("WAV", "W64"):
        return _check_fmt(content, ">" if is_big else "<")
    if len(content) < (18 if container == "AIFF" else 32):
        raise AudioReadError("The description of its format is cut short. Replace it.")
    codec = content[8:12] if container == "CAF" else content[18:22] or b"NONE"
    if codec not in APPLE_CODECS and codec.lower() not in APPLE_CODECS:
        raise AudioReadError(
            f"It is {codec.decode('latin-1')!r}, and PCM, float, A-law and mu-law are read. {CONVERT_IT}"
        )
    return None


def _check_fmt(fmt: bytes, order: str) -> None:
    """Raise AudioReadError unless a ``fmt`` chunk has a codec, bits, channels and rate that are read."""
    if len(fmt) < 16:
        raise AudioReadError("The description of its format is cut short. Replace it.")
    codec, channels, rate, _, _, bits = struct.unpack(f"{order}HHIIHH", fmt[:16])
    if codec == EXTENSIBLE and len(fmt) >= 26:
        (codec,) = struct.unpack(f"{order}H", fmt[24:26])
    if codec not in CODECS:
        name = OTHER_CODECS.get(codec, f"codec 0x{codec:04x}")
        raise AudioReadError(f"It is {name}, and PCM, float, A-law and mu-law are read. {CONVERT_IT}")
    if codec == 0x0001 and bits not in PCM_BITS:
        raise AudioReadError(f"It is PCM of {bits} bits, and 8, 16, 24 and 32 are read. {CONVERT_IT}")
    check_size(channels, rate)


def check_size(channels: int, rate: int, advice: str = CONVERT_IT) -> None:
    """Raise AudioReadError, with advice, unless a count of channels and a sample rate (Hz) are read."""
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioReadError(f"It has {channels} channels, and 1 to {MAX_CHANNELS} are read. {advice}")
    if not MIN_RATE <= rate <= MAX_RATE:
        raise AudioReadError(f"Its sample rate is {rate} Hz, and {MIN_RATE} to {MAX_RATE} are read. {advice}")
