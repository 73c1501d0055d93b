"""The true length of a recording: the decoder's word is compared with what is in the file, and put right or refused.

libsndfile believes the header. A FLAC or WAV from a pipe has no length in it, and of an MP3 without a header it knows
only the length of the first frame.
"""

import functools
import io
import os
import struct
from typing import NamedTuple

import numpy as np
import soundfile

from guitarclf.audio.chunks import CONVERT_IT, Samples
from guitarclf.audio.header import Header
from guitarclf.errors import AudioReadError
from guitarclf.files.wording import shown

MAX_BYTES = 256 * 2**20  # of a file, or of its samples, that is put right in memory
WIDTHS = {
    "PCM_S8": 1,
    "PCM_U8": 1,
    "PCM_16": 2,
    "PCM_24": 3,
    "PCM_32": 4,
    "FLOAT": 4,
    "DOUBLE": 8,
    "ALAW": 1,
    "ULAW": 1,
}
MAX_TRIMMED = 8  # frames of an MP3 that its header, the encoder's delay and the padding may take
# kbit/s of an MPEG-1 and an MPEG-2 layer III frame, and samples per second, by their codes.
BIT_RATES = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


class Named(soundfile.SoundFile):
    """An open recording under another name than that of the file that it is read from, or of one in memory."""

    name = property(lambda self: self.given_name)

    def __init__(self, name: str, file):
        self.given_name = name
        super().__init__(file)


def with_true_length(recording: soundfile.SoundFile, header: Header, path: str) -> soundfile.SoundFile:
    """Return an open recording of the file at a path, or a corrected one if its decoder is wrong about its length.

    Raises
    ------
    AudioReadError
        If the length cannot be put right.
    """
    if header.samples is not None:
        return _checked_pcm(recording, header.samples, path)
    if header.container == "FLAC":
        return _checked_flac(recording, header.base, path)
    if header.container == "MP3":
        return _checked_mp3(recording, header.base, path)
    return recording


def _checked_pcm(recording: soundfile.SoundFile, samples: Samples, path: str) -> soundfile.SoundFile:
    n_frames = samples.n_bytes // (WIDTHS[recording.subtype] * recording.channels)
    if samples.patch is not None and recording.frames != n_frames:
        place, length = samples.patch
        content = _content(recording, path)
        recording = _replaced(recording, content[:place] + length + content[place + len(length) :])
    if recording.frames != n_frames:
        raise AudioReadError(
            f"{shown(recording.name)} must have the length that its header says. That is {recording.frames} frames, "
            f"and its samples are {n_frames}. {CONVERT_IT}"
        )
    return recording


def _checked_flac(recording: soundfile.SoundFile, base: int, path: str) -> soundfile.SoundFile:
    with open(path, "rb") as file:
        file.seek(base)
        start = file.read(42)
        longest = 4 * int.from_bytes(start[10:12], "big") * recording.channels + 1024  # bytes of a frame
        file.seek(max(0, os.fstat(file.fileno()).st_size - longest))
        tail = file.read()
    total = int.from_bytes(start[21:26], "big") & (2**36 - 1)
    true = flac_length(start, tail, total)
    if true is None and total == 0:
        raise AudioReadError(
            f"{shown(recording.name)} must have its length in its header, or end in a whole frame. It has not. "
            "Convert or replace it."
        )
    if true is None or true == total:
        return recording
    content = bytearray(_content(recording, path))
    content[base + 21 : base + 26] = (int.from_bytes(start[21:26], "big") - total + true).to_bytes(5, "big")
    return _replaced(recording, bytes(content))


def flac_length(start: bytes, tail: bytes, total: int) -> int | None:
    """Return how many samples a FLAC has, from its first 42 bytes and its last ones; None if that cannot be told.

    The last frame says where it starts. It is believed if that is as in the header, ``total``, or if the checksum over
    it is right.
    """
    if tail[-128:].startswith(b"TAG"):
        tail = tail[:-128]
    block = int.from_bytes(start[10:12], "big")
    place = len(tail)
    while (place := tail.rfind(b"\xff", 0, place)) >= 0:
        length = _flac_end(tail[place : place + 16], block)
        if length and (length == total or _crc16(tail[place:]) == 0):
            return length
    return None


def _flac_end(frame: bytes, block: int) -> int | None:
    """Return the number of the sample behind a FLAC frame with this header, None if the bytes are no header.

    ``block`` is the size of the blocks of a stream in which all but the last have the same.
    """
    if len(frame) < 9 or frame[1] & 0xFE != 0xF8 or frame[3] & 1:
        return None
    n_more = 8 - (frame[4] ^ 0xFF).bit_length()  # leading ones of the number's first byte, as in UTF-8
    n_bytes = n_more or 1
    if n_more == 1 or n_more > 7 or any(byte & 0xC0 != 0x80 for byte in frame[5 : 4 + n_bytes]):
        return None
    number = frame[4] & (0x7F >> n_more)
    for byte in frame[5 : 4 + n_bytes]:
        number = number << 6 | byte & 0x3F
    code, rest = frame[2] >> 4, frame[4 + n_bytes :] + bytes(2)  # the last frame may be short
    if code == 0:
        return None
    sizes = {1: 192, 6: rest[0] + 1, 7: int.from_bytes(rest[:2], "big") + 1}
    size = sizes.get(code) or (576 << code - 2 if code < 6 else 256 << code - 8)
    return number * (1 if frame[1] & 1 else block) + size


@functools.cache
def _crc16_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 8
        for _ in range(8):
            value = (value << 1 ^ (0x8005 if value & 0x8000 else 0)) & 0xFFFF
        table.append(value)
    return table


def _crc16(content: bytes) -> int:
    """Return FLAC's checksum; it is 0 over a frame that ends in its own."""
    table, value = _crc16_table(), 0
    for byte in content:
        value = (value << 8 & 0xFFFF) ^ table[value >> 8 ^ byte]
    return value


def _checked_mp3(recording: soundfile.SoundFile, base: int, path: str) -> soundfile.SoundFile:
    status = os.stat(path)
    counted = count_frames(path, base, status.st_size, status.st_mtime_ns)
    n_frames, per_frame = counted.n_frames, counted.per_frame
    # A file that has less than its own header says is cut short, and refused where it ends.
    least = -recording.frames if counted.has_length else 0
    if not n_frames or least <= n_frames * per_frame - recording.frames <= MAX_TRIMMED * per_frame:
        return recording
    channels, rate, name = recording.channels, recording.samplerate, recording.name
    if 4 * n_frames * per_frame * channels > MAX_BYTES:
        raise AudioReadError(
            f"{shown(name)} must have its length in its header, as it is too long to be decoded as a whole. It is an "
            f"MP3 of {n_frames * per_frame / rate:.0f} s without a header. {CONVERT_IT}"
        )
    # libsndfile takes the first frame's length for that of all, and stops there. So one that is as short as
    # can be is put before, it decodes to the end, and the silence of that frame is taken away again.
    with Named(name, io.BytesIO(_shortest(counted.first) + _content(recording, path)[base:])) as longer:
        samples = longer.read((n_frames + 2) * per_frame, dtype="float32", always_2d=True)[per_frame:]
    content = io.BytesIO()
    soundfile.write(content, np.ascontiguousarray(samples), rate, format="WAV", subtype="FLOAT")
    return _replaced(recording, content.getvalue())


class Counted(NamedTuple):
    """The frames of an MP3, the samples in each, the first one's header, and whether that one tells the length."""

    n_frames: int
    per_frame: int
    first: int
    has_length: bool


@functools.lru_cache(maxsize=64)
def count_frames(path: str, base: int, size: int, changed: int) -> Counted:
    """Return what the headers of an MP3's layer III frames say.

    The count is 0 if there are none. ``size`` and ``changed`` tell versions of the file apart.
    """
    with open(path, "rb") as file:
        content = file.read()
    count, first, place, end, has_length = 0, 0, base, len(content) - 4, False
    while 0 <= place <= end:
        (head,) = struct.unpack_from(">I", content, place)
        length = _frame_length(head)
        if length and (not first or (head ^ first) & 0xFFFE0C00 == 0):  # the same version, layer and rate
            if not first:
                first, frame = head, content[place : place + length]
                has_length = any(tag in frame for tag in (b"Xing", b"Info", b"VBRI"))
            count, place = count + 1, place + length
        else:
            place = content.find(b"\xff", place + 1)
    return Counted(count, 1152 if first >> 19 & 3 == 3 else 576, first, has_length)


def _frame_length(head: int) -> int:
    """Return the bytes of a layer III frame with this header, 0 if it is no such header or of free format."""
    version, code, rate = head >> 19 & 3, head >> 12 & 15, head >> 10 & 3
    if head >> 21 != 0x7FF or version == 1 or head >> 17 & 3 != 1 or code in (0, 15) or rate == 3:
        return 0
    is_first = version == 3
    bits = BIT_RATES[is_first][code] * 1000
    return (144 if is_first else 72) * bits // SAMPLE_RATES[version][rate] + (head >> 9 & 1)


def _shortest(head: int) -> bytes:
    """Return a silent frame of the lowest bit rate, like one with this header."""
    head = head & ~(0xF << 12 | 1 << 9) | 1 << 12 | 1 << 16
    return struct.pack(">I", head) + bytes(_frame_length(head) - 4)


def _content(recording: soundfile.SoundFile, path: str) -> bytes:
    """Return the bytes of a recording's file; AudioReadError if they are too many to be put right in memory."""
    if os.path.getsize(path) > MAX_BYTES:
        raise AudioReadError(
            f"{shown(recording.name)} must have its length in its header, or at most {MAX_BYTES // 2**20} MiB. "
            f"It has {os.path.getsize(path) // 2**20}. {CONVERT_IT}"
        )
    with open(path, "rb") as file:
        return file.read()


def _replaced(recording: soundfile.SoundFile, content: bytes) -> soundfile.SoundFile:
    """Close a recording and return one of other bytes under its name."""
    recording.close()
    return Named(recording.name, io.BytesIO(content))
