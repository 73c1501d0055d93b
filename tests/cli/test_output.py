"""Where commands write: files of the user stay, streams are written, and any name passes."""

import csv
import io
import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from guitarclf.cli import main
from guitarclf.files.whole import is_stream
from guitarclf.runs.journal import unfinished_path
from guitarclf.timeline.review import least_sure

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names of bytes, /dev/full and /dev/stdout")


def call(*args, code=0):
    """Run a command and return click's result, having checked its exit code."""
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def start(*args, **options):
    """Run a command in a process of its own, and return it when it is done."""
    settings = os.environ | {"ORT_DISABLE_TELEMETRY": "1"} | options.pop("env", {})
    command = [sys.executable, "-m", "guitarclf", *map(str, args)]
    return subprocess.run(command, stderr=subprocess.PIPE, env=settings, check=False, **options)


@pytest.fixture
def odd_folder(small_table, tmp_path):
    """A folder with a recording whose name is not UTF-8, and one whose name is."""
    for note, name in (("note000.wav", "n\udcf6te.wav"), ("note001.wav", "höhe.wav")):
        try:
            (tmp_path / "odd").mkdir(exist_ok=True)
            (tmp_path / "odd" / name).write_bytes((small_table.audio_root / note).read_bytes())
        except OSError:
            pytest.skip("this file system has names in UTF-8 only")
    return tmp_path / "odd"


@pytest.mark.parametrize("command", ["predict", "inspect", "export"])
def test_a_file_that_is_there_is_replaced_only_when_asked(small_table, small_bundle, tmp_path, command):
    path = small_table.events["audio_path"].iloc[0]
    suffix, args = {
        "predict": (".csv", [path, "--model", small_bundle]),
        "inspect": (".png", [path]),
        "export": (".onnx", [small_bundle]),
    }[command]
    output = tmp_path / f"mine{suffix}"
    output.write_text("by hand")
    refusal = call(command, *args, "--output", output, code=1).stderr
    assert f"--output must be a new file. {output} is there. Replace it with --overwrite, " in refusal
    assert output.read_text() == "by hand"
    call(command, *args, "--output", output, "--overwrite")
    assert output.read_bytes()[:7] != b"by hand"
    call(command, *args, "--output", output, code=0 if command == "inspect" else 1)  # its own figure is drawn again


def test_an_import_replaces_a_table_only_when_asked(sound, tmp_path):
    sound("takes/a.wav")
    (tmp_path / "takes/a.txt").write_text("0.1\t0.5\tharmonic\n")
    output = tmp_path / "n.csv"
    output.write_text("by hand")
    args = ["import", "audacity", tmp_path / "takes", "--output", output]
    assert "It exists; replace it with --overwrite, or give another name" in call(*args, code=1).stderr
    assert output.read_text() == "by hand"
    call(*args, "--overwrite")
    assert "a#1" in output.read_text()


@pytest.mark.parametrize("form", ["csv", "json"])
def test_what_to_review_is_the_least_sure_a_class_each_in_turn(small_table, small_bundle, tmp_path, form):
    args = ["predict", *small_table.events["audio_path"], "--model", small_bundle, "--format", form]
    args += ["--min-confidence", "0.35"]
    read = json.loads if form == "json" else lambda text: [*csv.DictReader(io.StringIO(text))]
    every, first = (read(call(*args, *more).stdout) for more in ((), ("--review", "5")))
    assert len(every) == 30
    numbered = ({**row, "confidence": float(row["confidence"])} for row in every)
    assert [row["note_id"] for row in first] == [row["note_id"] for row in least_sure(numbered, 5, label="label")]
    output = tmp_path / "review.csv"
    told = call(*args, "--review", "5", "--output", output).stderr
    assert f"{output}: the 5 least sure of 30 rows: " in told
    call(*args, "--review", "5", "--output", output, "--resume")
    assert "holds something else" in call(*args, "--review", "4", "--output", output, "--resume", code=1).stderr


def test_a_finished_output_is_gone_on_with_only_if_it_is_the_same(small_table, small_bundle, tmp_path):
    output = tmp_path / "p.csv"
    args = ["predict", *small_table.events["audio_path"][:2], "--model", small_bundle, "--output", output]
    call(*args)
    written = output.read_bytes()
    call(*args, "--resume")
    assert output.read_bytes() == written
    output.write_bytes(written.replace(b"note000", b"by hand"))
    assert "is finished and holds something else" in call(*args, "--resume", code=1).stderr
    assert b"by hand" in output.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]
    assert call(*args, "--resume", "--overwrite", code=2)


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize("odd_output", ["p.csv", "p\udcf6.csv", "弦" * 80 + ".csv"])
def test_any_name_passes_through_output_and_resume(odd_folder, small_bundle, tmp_path, form, odd_output):
    output = tmp_path / odd_output
    args = ["predict", odd_folder, "--model", small_bundle, "--format", form]
    printed = call(*args).stdout
    for more in ([], ["--resume"], ["--overwrite"]):
        call(*args, "--output", output, *more)
        text = output.read_text(encoding="utf-8")
        assert text == printed
    rows = json.loads(text) if form == "json" else list(csv.DictReader(io.StringIO(text)))
    assert [row["note_id"] for row in rows] == ["höhe", "n\\udcf6te"]
    assert rows[1]["audio_path"] == f"{odd_folder}/n\\udcf6te.wav"
    assert all(row["label"] for row in rows)


@linux
@pytest.mark.parametrize(
    "env", [{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "cp1252"}]
)
def test_output_is_utf_8_whatever_the_locale(odd_folder, small_bundle, env):
    done = start("predict", odd_folder, "--model", small_bundle, env=env, stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode("utf-8"))))
    assert [row["note_id"] for row in rows] == ["höhe", "n\\udcf6te"]


@linux
def test_a_full_device_is_one_line(small_table, small_bundle):
    path = small_table.events["audio_path"].iloc[0]
    with open("/dev/full", "wb") as full:
        for args in (["--help"], ["predict", path, "--model", small_bundle]):
            done = start(*args, stdout=full)
            assert done.returncode == 1
            assert done.stderr.decode() == (
                "Error: The output must be writable. No space left on device. Make room, or write elsewhere.\n"
            )
    told = call("predict", path, "--model", small_bundle, "--output", "/dev/full", code=1).stderr
    assert "Error: /dev/full must be writable. No space left on device." in told


@linux
def test_a_stream_as_output_is_written_and_goes_on_where_it_is(small_table, small_bundle, tmp_path):
    path = small_table.events["audio_path"].iloc[0]
    args = ["predict", path, "--model", small_bundle]
    expected = call(*args).stdout.encode()
    assert start(*args, "--output", "/dev/stdout", stdout=subprocess.PIPE).stdout == expected
    (tmp_path / "log").write_bytes(b"before\n")
    with open(tmp_path / "log", "ab") as log:
        assert start(*args, "--output", "/dev/stdout", stdout=log).returncode == 0
    assert (tmp_path / "log").read_bytes() == b"before\n" + expected
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
        call(*args, "--output", tmp_path / "pipe")
        assert reader.communicate()[0] == expected
    assert "go with --output and a file" in call(*args, "--output", "/dev/stdout", "--resume", code=2).stderr


@linux
@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/2", "/dev/null", "/dev/full"])
def test_no_rows_are_kept_beside_a_stream(path):
    assert is_stream(path)
    assert unfinished_path(path) is None
