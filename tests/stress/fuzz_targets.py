"""Everything that reads a file, with the valid files that are mutated for it."""

import json
import random
import shutil
from pathlib import Path

from fuzz_files import (
    ANNOTATION,
    BUNDLE,
    DOCTYPE,
    LABELS,
    bundle_files,
    configurations,
    graph,
    parquet_tables,
    sounds,
    state,
    text_tables,
)
from fuzz_mutations import WORDS

from guitarclf.audio.recordings import open_recording
from guitarclf.audio.windows import Request
from guitarclf.bundle.folder import Bundle, seal
from guitarclf.bundle.pipelines import load_pipeline
from guitarclf.config.files import load_config
from guitarclf.data.events import read_events
from guitarclf.data.importers.audacity import parse_labels
from guitarclf.data.importers.idmt import _events, parse_annotation
from guitarclf.features.window import EventWindow
from guitarclf.files.places import inside_of
from guitarclf.onnx.check import check_onnx_bytes
from guitarclf.training.checkpoint import read_state


class Target:
    """Something that reads a file: valid files by name, how to read one, and the words of its language.

    ``in_child`` says that a crash of what reads it would end the process, so that another one has to.
    """

    def __init__(self, files, read, words="other", command=None, *, in_child=False):
        self.files, self.read, self.words, self.command = files, read, WORDS[words], command
        self.in_child = in_child


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
    description = Bundle.open(folder).description
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


def read_events_table(path: Path, rng: random.Random) -> None:
    events = read_events(path, audio_root="audio", require_labels=rng.random() < 0.5)
    for name in events["audio_path"].unique()[:3]:
        if inside_of(name):
            open_recording(name).close()


def validate_command(path: Path) -> list[str]:
    return ["validate", "--metadata-path", str(path)]


def targets() -> dict[str, Target]:
    """Return what is fuzzed by name."""
    overrides = {
        "set": b"net.module.pools=[[2, 2], [2, 2], [2, 1]]",
        "map": b"data.labels={NO: general_note, '*': harmonic}",
    }
    return {
        "sound": Target(sounds(), read_sound, "audio", lambda path: ["predict", str(path)]),
        "table": Target(text_tables(), read_events_table, "csv", validate_command),
        "parquet": Target(parquet_tables(), read_events_table, "parquet", validate_command, in_child=True),
        "config": Target(
            configurations(),
            lambda path, rng: load_config(path),
            "yaml",
            lambda path: ["train", "--config", str(path)],
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
        "bundle": Target(bundle_files(), read_bundle, "json", bundle_command),
        "state": Target({"resume.pt": state()}, lambda path, rng: read_state(path)),
        "onnx": Target({"model.onnx": graph()}, lambda path, rng: check_onnx_bytes(path.read_bytes())),
    }
