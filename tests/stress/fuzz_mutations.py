"""Changes to valid files: bits, numbers, stretches moved, cut and doubled, words of the file's language."""

import random
import re
import struct

WORDS = {
    "csv": [b",", b";", b"\t", b'"', b"\n", b"\r\n", b"\xef\xbb\xbf", b"nan", b"inf", b"1e999", b"-1", b"\0", b"../x"],
    "yaml": [
        b"&a ",
        b"*a",
        b"!!python/name:os.system ",
        b"<<: ",
        b"? ",
        b"- ",
        b"{",
        b"[",
        b": ",
        b"|\n",
        b"%YAML 9",
        b"!!set ",
    ],
    "xml": [
        b"<event>",
        b"</event>",
        b"&lt;",
        b"&x;",
        b"<!DOCTYPE x>",
        b"<![CDATA[",
        b"]]>",
        b"<?x?>",
        b"nan",
        b"1e999",
    ],
    "json": [b"{", b"[", b"null", b"true", b"1e999", b"-1", b'"', b"NaN", b"99999999999999999999"],
    "audio": [b"fmt ", b"data", b"LIST", b"RIFF", b"fact", b"\x11\x00", b"\xfe\xff", b"fLaC", b"OggS", b"\xff\xfb"],
    "parquet": [b"PAR1", b"\x15\x00", b"\x19\x1c", b"\x18\x04", b"\xff\xff\xff\xff\x07", b"ARROW:schema", b"pandas"],
    "other": [b"\x00" * 8, b"\xff" * 8],
}


def mutated(content: bytes, words: list[bytes], rng: random.Random) -> bytes:
    """Return a file with up to eight changes: bits, numbers, stretches moved, cut, doubled, words of its language."""
    data = bytearray(content)
    for _ in range(rng.choice([0, 1, 1, 1, 1, 1, 2, 3, 8])):
        # A third of the changes hit the first bytes, where headers are.
        place = rng.randrange(min(len(data), 64) if rng.random() < 0.3 else len(data)) if data else 0
        length = min(rng.choice([1, 2, 4, 8, 64, 1000]), len(data) - place)
        kind = rng.randrange(12)
        if kind == 0 and data:
            data[place] ^= 1 << rng.randrange(8)
        elif kind == 1 and data:
            data[place] = rng.randrange(256)
        elif kind == 2:
            number = rng.choice([0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
            data[place : place + 4] = struct.pack(rng.choice("<>") + "I", number)
        elif kind == 3:
            del data[place : place + length]
        elif kind == 4:
            data[place:place] = data[place : place + length] * rng.choice([1, 2, 50])
        elif kind == 5:
            data[place:place] = rng.randbytes(rng.choice([1, 4, 100]))
        elif kind == 6:
            data = data[:place]
        elif kind == 7:
            data[place:place] = rng.choice(words) * rng.choice([1, 1, 1, 100, 3000])
        elif kind < 11:
            numbers = list(re.finditer(rb"[0-9.]+", data))
            if numbers:
                start, end = rng.choice(numbers).span()
                data[start:end] = rng.choice([b"0", b"-1", b"1", b"7.5", b"1e9", b"1e-9", b"nan", b"9" * 30, b"x"])
        else:
            other = rng.randrange(len(data)) if data else 0
            data[other : other + length] = data[place : place + length]
    return bytes(data)
