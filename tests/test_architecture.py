"""Imports go down the layers only, and the light parts stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from floors import FLOORS, PAGE, with_floors

import guitarclf

ROOT = Path(guitarclf.__file__).parent.parent
LEVEL = {room: -level for level, rooms in enumerate([{"__main__": ""}, *FLOORS]) for room in rooms}
KNOWS_CONFIG = {"config", "pipeline", "dataset", "bundle", "runs", "experiment", "cli"}
MAX_LOOSE_MODULES = 8
HEAVY = {"torch", "skorch", "librosa", "sklearn", "pandas", "matplotlib", "scipy", "numpy", "soundfile"}


def sources():
    """Yield (module's room, file) of the package and of cli/."""
    for path in (ROOT / "guitarclf").rglob("*.py"):
        room = path.relative_to(ROOT / "guitarclf").parts[0].removesuffix(".py")
        if room != "__init__":
            yield room, path
    for path in (ROOT / "cli").glob("*.py"):
        yield "cli", path


def imported_rooms(path):
    """Yield (room, line) of each import of our own package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        assert not getattr(node, "level", 0), f"{path}:{node.lineno}: imports are absolute"
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "guitarclf":
                names = [f"guitarclf.{alias.name}" for alias in node.names if alias.name != "__version__"]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("guitarclf."):
                yield name.split(".")[1], node.lineno


@pytest.mark.parametrize(("room", "path"), list(sources()), ids=lambda value: getattr(value, "name", value))
def test_imports_go_down_only(room, path):
    for target, line in imported_rooms(path):
        is_below = LEVEL[target] < LEVEL[room] or target == room
        assert is_below, f"{path}:{line}: {room} imports {target}, which is not below it"
        assert target != "cli" or room in ("cli", "__main__"), f"{path}:{line}: nothing imports cli"


@pytest.mark.parametrize(("room", "path"), list(sources()), ids=lambda value: getattr(value, "name", value))
def test_only_the_upper_rooms_know_the_config(room, path):
    rooms = {target for target, _ in imported_rooms(path)}
    assert room in KNOWS_CONFIG or "config" not in rooms, path


@pytest.mark.parametrize(("room", "path"), list(sources()), ids=lambda value: getattr(value, "name", value))
def test_features_and_models_meet_in_the_pipeline(room, path):
    rooms = {target for target, _ in imported_rooms(path)}
    assert not (room == "features" and "models" in rooms)
    assert not (room in ("models", "training") and "features" in rooms)


def test_the_site_shows_the_floors():
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_floors(page), "run `make docs-tables`"


def test_every_folder_is_a_room_and_few_modules_lie_loose():
    inside = [path for path in (ROOT / "guitarclf").iterdir() if path.name not in ("__pycache__", "pretrained")]
    rooms = {path.name for path in inside if path.is_dir()}
    loose = {path.stem for path in inside if path.suffix == ".py" and path.stem != "__init__"}
    assert rooms | loose | {"cli"} == LEVEL.keys()
    assert len(loose) <= MAX_LOOSE_MODULES


def test_there_is_no_room_for_leftovers():
    for _, path in sources():
        assert path.stem not in {"utils", "helpers", "common", "misc"}


def test_the_library_does_not_print():
    for room, path in sources():
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        names = [call.func.id for call in calls if isinstance(call.func, ast.Name)]
        assert room == "cli" or "print" not in names, path


@pytest.mark.parametrize("code", ["import guitarclf", "import guitarclf.cli", "import guitarclf.config"])
def test_light_imports_load_nothing_heavy(code):
    script = f"{code}\nimport sys\nprint(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


# What a command may load beside the standard library and this package. Whatever else it needs comes later, or never.
ALWAYS = {"click", "lazy_loader", "typing_extensions"}
SOUND = {"numpy", "soundfile", "soxr", "yaml"}
TABLES = {"pandas", "pyarrow", "dateutil", "six", "pytz", "tzdata", "numexpr", "bottleneck", "cloudpickle"}
MAY_LOAD = {
    "--help": ALWAYS,
    "predict": ALWAYS | SOUND | {"onnxruntime"},
    "validate": ALWAYS | SOUND | TABLES,
}


@pytest.mark.parametrize("command", list(MAY_LOAD))
def test_commands_load_only_what_they_need(command, small_bundle, small_table):
    arguments = {
        "--help": [],
        "predict": ["--model", str(small_bundle), *small_table.events["audio_path"][:2]],
        "validate": ["--metadata-path", str(small_table.path), "--audio-root", str(small_table.audio_root)],
    }
    script = (
        "import sys\nbefore = set(sys.modules)\nfrom guitarclf.cli import main\n"
        f"main({[command, *arguments[command]]!r}, standalone_mode=False)\n"
        "loaded = {name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)\n"
        "print(*sorted(loaded), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stderr.splitlines()[-1].split() if not name.startswith(("_", "cython"))}
    assert loaded - MAY_LOAD[command] == {"guitarclf"}


def test_every_public_name_resolves():
    for name in guitarclf.__all__:
        assert getattr(guitarclf, name) is not None
    with pytest.raises(AttributeError, match="No guitarclf attribute nonsense"):
        _ = guitarclf.nonsense
