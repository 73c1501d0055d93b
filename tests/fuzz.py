"""Feed mutated files to everything that reads one: ``python tests/fuzz.py --cases 20000`` (``make fuzz N=20000``).

Every case is drawn from the seed and its number, so that ``--first NUMBER --cases 1`` plays one again. A case is
sound if it is read, or refused with one of our errors; it fails with any other exception, a warning, more than
10 s, or a peak of memory 1 GiB above the start. Valid files are mutated, half of the bundles with their
checksums computed anew, so that mutations get past them. ``--commands`` runs some through real commands.
"""

import argparse
import contextlib
import faulthandler
import io
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile
import torch
from test_onnx_check import WEIGHTS, field, model, node

from guitarclf.bundle_check import read_description, seal
from guitarclf.config_docs import default_yaml
from guitarclf.config_io import load_config
from guitarclf.data.audacity import parse_labels
from guitarclf.data.events import read_events
from guitarclf.data.idmt import _events, parse_annotation
from guitarclf.errors import GuitarclfError
from guitarclf.features.window import EventWindow, Request
from guitarclf.onnx_check import check_onnx
from guitarclf.persistence import load_pipeline
from guitarclf.training.resuming import read_state

HANG_SEC = 10.0
MAX_GROWTH = 2**30  # bytes
BUNDLE = Path(__file__).parent / "bundles" / "v2" / "model"
HEADER = "note_id,audio_path,onset_sec,offset_sec,pitch_midi,expression_style,label_category,track,split"
TABLE = HEADER + "".join(
    f"\nn{n},a b.wav,{n / 3:.4f},{n / 3 + 0.5:.4f},{40 + n},NO,general_note,t,train" for n in range(9)
)
ANNOTATION = """<?xml version="1.0" encoding="UTF-8"?>
<instrumentRecording><globalParameter><audioFileName>\\a.wav</audioFileName></globalParameter><transcription>
<event><pitch>47</pitch><onsetSec>0.499</onsetSec><offsetSec>1.2</offsetSec><fretNumber>2</fretNumber>
<stringNumber>2</stringNumber><excitationStyle>PK</excitationStyle><expressionStyle>HA</expressionStyle></event>
</transcription></instrumentRecording>"""
DOCTYPE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
LABELS = "0.5\t1.0\tharmonic\n\\\t100\t200\n1,5\t1,5\tdead note\n"
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
    "other": [b"\x00" * 8, b"\xff" * 8],
}


def encoded(form: str, subtype: str, channels: int = 1) -> bytes:
    """Return a fifth of a second of noise as a recording."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (4410, channels))
    buffer = io.BytesIO()
    soundfile.write(buffer, noise, 22050, format=form, subtype=subtype)
    return buffer.getvalue()


def state() -> bytes:
    """Return a small file as resume.pt is."""
    buffer = io.BytesIO()
    torch.save(
        {"version": 1, "epoch": 1, "module": {"w": torch.zeros(3)}, "random": {"python": (3, (1, 2), None)}}, buffer
    )
    return buffer.getvalue()


class Target:
    """Something that reads a file: valid files by name, how to read one, and the words of its language."""

    def __init__(self, files, read, words="other", command=None):
        self.files, self.read, self.words, self.command = files, read, WORDS[words], command


def read_sound(path: Path, rng: random.Random) -> None:
    onset = rng.choice([0.0, 0.05, 0.1, 7.0, 1e6])
    _, errors = EventWindow().read([Request(str(path), onset, rng.random() < 0.5)])
    for error in errors.values():
        raise error


def read_bundle(path: Path, rng: random.Random) -> None:
    """Load a bundle in which the file at ``path`` takes the place of its namesake, half the time with new checksums."""
    folder = path.parent / "bundle"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(BUNDLE, folder)
    description = read_description(folder)
    shutil.copyfile(path, folder / path.name)
    if path.name == "model.json":
        with_good_checksums(folder, description)
    elif rng.random() < 0.5:
        seal(folder, description)
    load_pipeline(folder)


def with_good_checksums(folder: Path, good: dict) -> None:
    """Put the right checksums into a mutated description that is still JSON."""
    try:
        description = json.loads((folder / "model.json").read_bytes())
    except (ValueError, RecursionError):
        return
    if isinstance(description, dict) and "files" in description:
        (folder / "model.json").write_text(json.dumps(description | {"files": good["files"]}))


def read_override(path: Path, rng: random.Random) -> None:
    load_config(overrides=[path.read_bytes().decode("utf-8", "replace")])


def read_labels(path: Path, rng: random.Random) -> None:
    parse_labels(path.read_bytes().decode("utf-8", "replace"))


def bundle_command(path: Path) -> list[str]:
    return ["predict", "--model", str(path.parent / "bundle"), str(path.parent / "good.wav")]


def targets() -> dict[str, Target]:
    sounds = {
        "pcm.wav": encoded("WAV", "PCM_16"),
        "float.wav": encoded("WAV", "FLOAT", 2),
        "wide.wav": encoded("WAVEX", "PCM_24", 3),
        "alaw.wav": encoded("WAV", "ALAW"),
        "ima.wav": encoded("WAV", "IMA_ADPCM"),
        "a.flac": encoded("FLAC", "PCM_16"),
        "a.ogg": encoded("OGG", "VORBIS"),
        "a.mp3": encoded("MP3", "MPEG_LAYER_III"),
    }
    bundle = {name: (BUNDLE / name).read_bytes() for name in ("model.json", "config.yaml", "weights.safetensors")}
    graph = model(node("Conv"), node("GRU", field(5, field(1, "hidden") + field(3, 8))), node("Softmax"), WEIGHTS)
    yaml = {"small.yaml": b"net: {lr: 1e-3, module: {pools: [[2, 2]], conv_channels: [8]}}\nseed: 7\n"}
    yaml["full.yaml"] = default_yaml().encode()
    overrides = {
        "set": b"net.module.pools=[[2, 2], [2, 2], [2, 1]]",
        "map": b"data.labels={NO: general_note, '*': harmonic}",
    }
    return {
        "sound": Target(sounds, read_sound, "audio", lambda path: ["predict", str(path)]),
        "table": Target(
            {"t.csv": TABLE.encode(), "s.csv": TABLE.replace(",", ";").replace(".", ",").encode()},
            lambda path, rng: read_events(path, audio_root="audio", require_labels=rng.random() < 0.5),
            "csv",
            lambda path: ["validate", "--metadata-path", str(path)],
        ),
        "config": Target(
            yaml, lambda path, rng: load_config(path), "yaml", lambda path: ["train", "--config", str(path)]
        ),
        "json config": Target(
            {"c.json": b'{"net": {"lr": 0.001}, "seed": 3}'}, lambda path, rng: load_config(path), "json"
        ),
        "override": Target(overrides, read_override, "yaml"),
        "annotation": Target(
            {"a.xml": ANNOTATION.encode(), "d.xml": DOCTYPE.encode()},
            lambda path, rng: _events(parse_annotation(path), 10.0),
            "xml",
            lambda path: ["import", "idmt", str(path.parent), "--output", str(path.parent / "out.csv"), "--overwrite"],
        ),
        "label track": Target({"l.txt": LABELS.encode()}, read_labels, "csv"),
        "bundle": Target(bundle, read_bundle, "json", bundle_command),
        "state": Target({"resume.pt": state()}, lambda path, rng: read_state(path)),
        "onnx": Target({"model.onnx": graph}, lambda path, rng: check_onnx(path)),
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


def peak_memory() -> int:
    """Return the most memory this process had at once, in bytes (Linux; 0 elsewhere)."""
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return int(text.split("VmHWM:")[1].split()[0]) * 1024


def raise_hang(number, frame):
    raise TimeoutError(f"it took more than {HANG_SEC} s")


class Fuzzer:
    """Runs cases in a folder of its own, and counts what became of them."""

    def __init__(self, folder, seed: int = 0):
        self.folder, self.seed = Path(folder), seed
        self.targets = targets()
        self.counts: Counter = Counter()
        self.failures: list[str] = []
        (self.folder / "good.wav").write_bytes(self.targets["sound"].files["pcm.wav"])

    def draw(self, number: int, *, for_command=False):
        """Return the case of a number: (target's name, target, mutated file, random generator)."""
        rng = random.Random(f"{self.seed} {number}")
        name = rng.choice([name for name, target in self.targets.items() if target.command or not for_command])
        target = self.targets[name]
        file_name = rng.choice(list(target.files))
        # Named as a path on the command line might be.
        path = self.folder / file_name
        path.write_bytes(mutated(target.files[file_name], target.words, rng))
        return name, target, path, rng

    def run(self, number: int) -> None:
        """Play one case in this process."""
        name, target, path, rng = self.draw(number)
        signal.signal(signal.SIGALRM, raise_hang)
        signal.setitimer(signal.ITIMER_REAL, HANG_SEC)
        before = peak_memory()
        try:
            target.read(path, rng)
            self.counts[name, "read"] += 1
        except GuitarclfError as error:
            self.counts[name, "refused"] += 1
            if len(str(error).splitlines()) > 21:
                self.fail(number, name, path, f"a message of {len(str(error).splitlines())} lines")
        except Exception:  # what is looked for
            self.fail(number, name, path, traceback.format_exc())
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if peak_memory() - before > MAX_GROWTH:
            self.fail(number, name, path, f"its memory grew to {peak_memory() / 2**20:.0f} MiB")

    def run_command(self, number: int) -> None:
        """Play one case through a real command."""
        name, target, path, rng = self.draw(number, for_command=True)
        if name == "bundle":
            with contextlib.suppress(GuitarclfError):
                read_bundle(path, rng)
        command = [sys.executable, "-m", "guitarclf", *target.command(path)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=20 * HANG_SEC, cwd=self.folder, check=False
            )
        except subprocess.TimeoutExpired:
            self.fail(number, name, path, "the command hung")
            return
        self.counts[name, f"exit code {done.returncode}"] += 1
        told = done.returncode == 0 or done.stderr.strip().splitlines()[-1:] != []
        if done.returncode not in (0, 1) or "Traceback" in done.stderr or not told:
            self.fail(number, name, path, f"exit code {done.returncode}\n{done.stderr}")

    def fail(self, number, name, path, what) -> None:
        self.counts[name, "FAILED"] += 1
        self.failures.append(f"case {number} of seed {self.seed}, {name} {path.name}: {what}")

    def report(self) -> str:
        """Return the counts by target in lines."""
        names = sorted({name for name, _ in self.counts})
        lines = []
        for name in names:
            own = {what: count for (target, what), count in sorted(self.counts.items()) if target == name}
            lines.append(f"{name:12} " + ", ".join(f"{what} {count}" for what, count in own.items()))
        return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--commands", type=int, default=0, help="cases through real commands, after the others")
    settings = parser.parse_args()
    warnings.simplefilter("error")
    faulthandler.enable()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        fuzzer = Fuzzer(folder, settings.seed)
        for run, n_cases in ((fuzzer.run, settings.cases), (fuzzer.run_command, settings.commands)):
            for number in range(settings.first, settings.first + n_cases):
                faulthandler.dump_traceback_later(30 * HANG_SEC, exit=True)  # a hang that no signal ends
                run(number)
        faulthandler.cancel_dump_traceback_later()
        print(fuzzer.report())
        print("\n\n".join(fuzzer.failures[:50]))
        print(
            f"{settings.cases} cases and {settings.commands} commands, {len(fuzzer.failures)} failures, "
            f"{time.monotonic() - started:.0f} s, peak memory {peak_memory() / 2**20:.0f} MiB"
        )
    sys.exit(1 if fuzzer.failures else 0)


if __name__ == "__main__":
    main()
