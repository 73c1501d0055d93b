"""guitarclf annotate: files, one table, the terminal and a stream; what is there is never lost."""

import io
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner
from notes import RATE, decaying_sine

from guitarclf.bundle.folder import seal
from guitarclf.cli import main
from guitarclf.config.files import load_config, write_config
from guitarclf.experiment import annotate as task
from guitarclf.timeline import stream
from guitarclf.timeline.events import COLUMNS


def call(*arguments, stdin=None, code=0):
    told = CliRunner().invoke(main, ["annotate", *map(str, arguments)], input=stdin)
    assert told.exit_code == code, told.output
    return told


def lick(*onsets, seconds=3.0):
    sound = np.zeros(round(seconds * RATE), dtype=np.float32)
    for number, onset in enumerate(onsets):
        note = decaying_sine(196.0 * 1.3**number, 0.6, sample_rate=RATE, decay=0.08)
        start = round(onset * RATE)
        sound[start : start + len(note)] += note
    return sound


@pytest.fixture
def lessons(tmp_path, write_wav):
    """Two recordings of three notes and of two, in folders of their own."""
    for name, onsets in (("a/one.wav", (0.5, 1.1, 1.9)), ("b/two.wav", (0.2, 1.2))):
        (tmp_path / "lessons" / name).parent.mkdir(parents=True)
        write_wav(lick(*onsets), f"lessons/{name}")
    return tmp_path / "lessons"


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_table_goes_to_the_terminal_with_one_header(lessons):
    told = call(lessons)
    table = pd.read_csv(io.StringIO(told.stdout))
    assert tuple(table.columns) == COLUMNS
    assert table["note_id"].tolist() == ["a/one_0001", "a/one_0002", "a/one_0003", "b/two_0001", "b/two_0002"]
    assert table["audio_path"].tolist() == ["a/one.wav"] * 3 + ["b/two.wav"] * 2
    assert "2 recordings: " in told.stderr


def test_a_folder_of_files_has_the_sub_folders_of_the_recordings(lessons, tmp_path):
    told = call(lessons, "--output-dir", tmp_path / "out", "--format", "csv,audacity,jsonl", "--min-confidence", "0")
    names = [f"{stem}{suffix}" for stem in ("a/one", "b/two") for suffix in (".csv", ".jsonl", ".txt")]
    assert sorted(contents(tmp_path / "out")) == ["a/one.csv", "a/one.jsonl", "a/one.txt", "annotate.json", *names[3:]]
    table = pd.read_csv(tmp_path / "out" / "a" / "one.csv")
    assert table["audio_path"].tolist() == ["a/one.wav"] * 3
    next_line = next(line for line in told.stderr.splitlines() if line.startswith("Next:"))
    command = next_line.partition("guitarclf ")[2].split()
    validated = CliRunner().invoke(main, command)
    assert validated.exit_code == 0, validated.output


def test_files_that_are_there_are_replaced_only_when_it_is_asked_for(lessons, tmp_path):
    out = tmp_path / "out"
    call(lessons, "--output-dir", out)
    corrected = b"corrected by ear\n"
    (out / "a" / "one.csv").write_bytes(corrected)
    told = call(lessons, "--output-dir", out, code=1)
    assert "one.csv is there (2 in all). Keep them and write the others with --resume" in told.stderr
    (out / "b" / "two.csv").unlink()
    call(lessons, "--output-dir", out, "--resume")
    assert (out / "a" / "one.csv").read_bytes() == corrected
    assert len(pd.read_csv(out / "b" / "two.csv")) == 2
    told = call(lessons, "--output-dir", out, "--resume")
    assert "nothing to do" in told.stderr
    call(lessons, "--output-dir", out, "--overwrite")
    assert len(pd.read_csv(out / "a" / "one.csv")) == 3


def test_files_of_other_settings_are_not_gone_on_with(lessons, tmp_path):
    out = tmp_path / "out"
    call(lessons, "--output-dir", out)
    told = call(lessons, "--output-dir", out, "--resume", "--min-confidence", "0.9", code=1)
    assert "of the same settings, to add to them. `unknown_below` was" in told.stderr
    (out / "annotate.json").unlink()
    told = call(lessons, "--output-dir", out, "--resume", code=1)
    assert "annotate.json must tell what the files beside it were made with" in told.stderr


def test_files_of_other_settings_are_not_added_to(lessons, tmp_path):
    call(lessons / "a", "--output-dir", tmp_path / "out")
    told = call(lessons / "b", "--output-dir", tmp_path / "out", "--only", "harmonic", code=1)
    assert "`only` was [] and is ['harmonic']" in told.stderr
    call(lessons / "b", "--output-dir", tmp_path / "out")
    assert sorted(contents(tmp_path / "out")) == ["annotate.json", "one.csv", "two.csv"]


def test_a_table_that_was_finished_and_corrected_is_not_gone_on_with(lessons, tmp_path):
    call(lessons, "--combined", tmp_path / "all.csv")
    (tmp_path / "all.csv").write_bytes(b"corrected by ear\n")
    told = call(lessons, "--combined", tmp_path / "all.csv", "--resume", "--output-dir", tmp_path / "out")
    assert "all.csv is there, and stays as it is" in told.stderr
    assert (tmp_path / "all.csv").read_bytes() == b"corrected by ear\n"
    assert len(contents(tmp_path / "out")) == 3
    told = call(lessons, "--combined", tmp_path / "all.csv", "--resume")
    assert "nothing to do" in told.stderr


def test_what_a_killed_command_left_unfinished_is_removed(lessons, tmp_path):
    (tmp_path / "out" / "a").mkdir(parents=True)
    (tmp_path / "out" / "a" / ".one.csv.123.unfinished").touch()
    (tmp_path / ".all.csv.123.unfinished").touch()
    call(lessons, "--output-dir", tmp_path / "out", "--combined", tmp_path / "all.csv", "--resume")
    assert not list(tmp_path.rglob("*.unfinished"))
    assert not list(tmp_path.rglob(".lock"))


def test_a_recording_that_fails_has_its_row_and_is_tried_again(lessons, tmp_path, write_wav):
    out, broken = tmp_path / "out", lessons / "broken.wav"
    broken.write_bytes(b"RIFF")
    told = call(lessons, "--output-dir", out, "--combined", tmp_path / "all.csv", code=1)
    assert "1 of 3 recordings could not be read, or not to their end." in told.stderr
    for path in (out / "broken.csv", tmp_path / "all.csv"):
        row = pd.read_csv(path).iloc[-1]
        assert row["audio_path"] == "broken.wav"
        assert "must be" in row["error"]
    write_wav(lick(0.3), "lessons/broken.wav")
    call(lessons, "--output-dir", out, "--resume")
    table = pd.read_csv(out / "broken.csv")
    assert len(table) == 1
    assert table["error"].isna().all()
    assert json.loads((out / "annotate.json").read_text())["failed"] == {}


def test_a_table_of_a_recording_that_failed_stays_if_it_was_corrected(lessons, tmp_path, write_wav):
    out, broken = tmp_path / "out", lessons / "broken.wav"
    broken.write_bytes(b"RIFF")
    asked = ("--output-dir", out, "--format", "csv,jsonl")
    call(lessons, *asked, code=1)
    (out / "broken.csv").write_bytes(b"corrected by ear\n")
    before = (out / "broken.jsonl").read_bytes()
    told = call(lessons, *asked, "--resume", code=1)
    assert f"changed since, and stay as they are: {out / 'broken.csv'}\n" in told.stderr
    assert (out / "broken.csv").read_bytes() == b"corrected by ear\n"
    assert (out / "broken.jsonl").read_bytes() == before
    write_wav(lick(0.3), "lessons/broken.wav")
    call(lessons, *asked, "--resume")
    assert (out / "broken.csv").read_bytes() == b"corrected by ear\n"
    assert (out / "broken.jsonl").read_bytes() != before
    told = call(lessons, *asked, "--resume")
    assert "nothing to do" in told.stderr
    assert "changed" not in told.stderr


@pytest.mark.parametrize("asked", ["--pitch", "--clips", "--format"])
def test_a_recording_that_vanishes_when_it_was_heard_fails_alone(lessons, tmp_path, monkeypatch, asked):
    out = tmp_path / "out"
    more = [asked, *{"--pitch": [], "--clips": [tmp_path / "clips"], "--format": ["csv,html"]}[asked]]
    really = stream.Listener.events_of

    def vanishing(self, path, **how):
        yield from really(self, path, **how)
        if path.endswith("one.wav"):
            os.unlink(path)

    monkeypatch.setattr(stream.Listener, "events_of", vanishing)
    told = call(lessons, "--output-dir", out, "--combined", tmp_path / "all.csv", *more, code=1)
    assert "1 of 2 recordings could not be read, or not to their end." in told.stderr
    assert "one.wav must be an audio file. There is no such file." in told.stderr
    for table in (out / "a" / "one.csv", tmp_path / "all.csv"):
        of_it = pd.read_csv(table).query("audio_path == 'a/one.wav'")
        assert of_it["error"].isna().tolist() == [True, True, True, False]
    assert len(pd.read_csv(out / "b" / "two.csv")) == 2
    assert list(json.loads((out / "annotate.json").read_text())["failed"]) == ["a/one.wav"]
    if asked == "--clips":
        assert {path.parent.name for path in (tmp_path / "clips").rglob("*.wav")} == {"b"}


@pytest.mark.parametrize("how", [(), ("--resume",), ("--overwrite",)])
def test_a_folder_of_clips_is_listed_once(lessons, tmp_path, monkeypatch, write_wav, how):
    write_wav(lick(0.3), "lessons/a/three.wav")
    clips = tmp_path / "clips"
    if how:
        call(lessons, "--output-dir", tmp_path / "out", "--clips", clips)
    (clips / "a").mkdir(parents=True, exist_ok=True)
    listed, really = [], os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder=".": listed.append(str(folder)) or really(folder))
    call(lessons, "--output-dir", tmp_path / "out", "--clips", clips, *how)
    assert listed.count(str(clips / "a")) == 1
    assert sorted(path.name[:9] for path in clips.rglob("*.wav")) == [
        "one_00000",
        "one_00001",
        "one_00001",
        "three_000",
        "two_00000",
        "two_00001",
    ]


@pytest.mark.parametrize("failed", ['["broken.wav"]', '{"broken.wav": 1}', '{"broken.wav": "csv"}', "null"])
def test_a_state_that_tells_of_no_digests_is_refused(lessons, tmp_path, failed):
    call(lessons, "--output-dir", tmp_path / "out")
    state = tmp_path / "out" / "annotate.json"
    state.write_text(state.read_text().replace('"failed": {}', f'"failed": {failed}'))
    told = call(lessons, "--output-dir", tmp_path / "out", "--resume", code=1)
    assert "annotate.json must tell what the files beside it were made with" in told.stderr


@pytest.mark.parametrize("n_before", [0, 1])
def test_a_command_that_was_killed_goes_on_to_the_same_bytes(lessons, tmp_path, monkeypatch, n_before):
    asked = ("--output-dir", tmp_path / "out", "--format", "csv,jsonl", "--combined", tmp_path / "all.csv")
    call(lessons, *asked)
    whole, combined = contents(tmp_path / "out"), (tmp_path / "all.csv").read_bytes()
    for name in whole:
        (tmp_path / "out" / name).unlink()
    (tmp_path / "all.csv").unlink()
    heard, really = [], task.Annotator.timeline

    def until_killed(self, recording, tell):
        if len(heard) == n_before:
            raise KeyboardInterrupt
        heard.append(recording)
        return really(self, recording, tell)

    monkeypatch.setattr(task.Annotator, "timeline", until_killed)
    call(lessons, *asked, code=130)
    assert not (tmp_path / "all.csv").exists()
    monkeypatch.setattr(task.Annotator, "timeline", lambda *args: heard.append(args[1]) or really(*args))
    call(lessons, *asked, "--resume")
    assert len(heard) == 2  # none twice
    assert contents(tmp_path / "out") == whole
    assert (tmp_path / "all.csv").read_bytes() == combined
    assert not list(tmp_path.glob(".all.csv*"))


def test_a_table_of_all_that_is_finished_stays_when_a_command_goes_on(lessons, tmp_path):
    table = tmp_path / "all.csv"
    call(lessons, "--combined", table)
    table.write_bytes(b"corrected by ear\n")
    told = call(lessons, "--combined", table, "--resume")
    assert table.read_bytes() == b"corrected by ear\n"
    assert "all.csv is there, and stays as it is" in told.stderr
    told = call(lessons, "--combined", table, code=1)
    assert "--combined must be a new file." in told.stderr
    call(lessons, "--combined", table, "--overwrite")
    assert len(pd.read_csv(table)) == 5


def test_what_failed_is_tried_again_after_other_recordings_came_into_the_folder(lessons, tmp_path, write_wav):
    out = tmp_path / "out"
    (lessons / "broken.wav").write_bytes(b"RIFF")
    call(lessons / "broken.wav", "--output-dir", out, code=1)
    call(lessons / "a", "--output-dir", out)
    write_wav(lick(0.3), "lessons/broken.wav")
    call(lessons / "broken.wav", "--output-dir", out, "--resume")
    assert pd.read_csv(out / "broken.csv")["error"].isna().all()


def test_rows_of_recordings_with_one_stem_have_different_names_in_their_files_too(tmp_path, write_wav):
    for name in ("takes/one.wav", "takes/one.wave.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_wav(lick(0.5), name)
    (tmp_path / "takes" / "one.wave.wav").rename(tmp_path / "takes" / "one.wave")
    call(tmp_path / "takes", tmp_path / "takes" / "one.wave", "--output-dir", tmp_path / "out")
    names = [pd.read_csv(path)["note_id"].tolist() for path in sorted((tmp_path / "out").glob("*.csv"))]
    assert names == [["one_0001"], ["one.wave_0001"]]


def test_nothing_is_written_where_there_are_clips_already(lessons, tmp_path):
    call(lessons, "--clips", tmp_path / "clips")
    call(lessons, "--clips", tmp_path / "clips", "--output-dir", tmp_path / "out", code=1)
    assert not (tmp_path / "out").exists()


def test_a_table_that_went_into_a_pipe_is_not_told_as_what_to_correct(lessons):
    assert "Next:" not in call(lessons, "--combined", "/dev/stderr").stderr


def test_clips_are_an_event_each(lessons, tmp_path):
    call(lessons, "--clips", tmp_path / "clips", "--min-confidence", "0")
    names = sorted(contents(tmp_path / "clips"))
    assert len(names) == 5
    assert names[0].startswith("a/one_00000.5") or names[0].startswith("a/one_00000.4")


def test_clips_that_a_killed_command_left_are_gone_on_with(lessons, tmp_path):
    call(lessons, "--clips", tmp_path / "clips")
    first = min((tmp_path / "clips").rglob("*.wav"))
    heard = soundfile.read(first)[0]
    names = sorted(contents(tmp_path / "clips"))
    first.unlink()
    call(lessons, "--clips", tmp_path / "clips", "--resume")
    assert sorted(contents(tmp_path / "clips")) == names
    np.testing.assert_array_equal(soundfile.read(first)[0], heard)


def test_onsets_of_a_table_are_taken_instead(lessons, tmp_path):
    rows = [("x1", "a/one.wav", 0.5, 0.9), ("x2", "a/one.wav", 1.9, None)]
    pd.DataFrame(rows, columns=["note_id", "audio_path", "onset_sec", "offset_sec"]).to_csv(tmp_path / "t.csv")
    told = call("--onsets", tmp_path / "t.csv", "--audio-root", lessons)
    table = pd.read_csv(io.StringIO(told.stdout))
    assert table["onset_sec"].tolist() == [0.5, 1.9]
    assert table["offset_sec"].tolist() == [0.9, 2.9]
    assert table["strength_db"].isna().all()
    told = call(lessons, "--onsets", tmp_path / "t.csv", "--audio-root", lessons)
    assert len(pd.read_csv(io.StringIO(told.stdout))) == 2


def test_onsets_of_other_recordings_are_refused_and_those_of_some_are_told(lessons, tmp_path):
    table = tmp_path / "onsets.csv"
    table.write_text("note_id,audio_path,onset_sec\nx,a/one.wav,0.5\n")
    told = call(lessons / "b", "--onsets", table, "--audio-root", lessons, code=1)
    assert "onsets.csv must name recordings that are annotated. It does not name" in told.stderr
    told = call(lessons, "--onsets", table, "--audio-root", lessons)
    assert "1 of 2 recordings are not in" in told.stderr


def test_an_onset_past_the_end_has_an_error_and_does_not_end_before_it_starts(lessons, tmp_path):
    table = tmp_path / "onsets.csv"
    table.write_text("note_id,audio_path,onset_sec\nx,a/one.wav,0.5\ny,a/one.wav,100\n")
    row = pd.read_csv(io.StringIO(call("--onsets", table, "--audio-root", lessons).stdout)).iloc[-1]
    assert "must reach the asked stretch" in row["error"]
    assert (row["onset_sec"], row["offset_sec"]) == (100, 100)


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no UTF-8 are of Linux")
def test_a_table_names_recordings_whose_names_are_no_utf8(lessons, tmp_path):
    path = os.fsdecode(os.fsencode(lessons) + b"/\xf6.wav")
    os.rename(lessons / "a" / "one.wav", path)
    table = tmp_path / "onsets.csv"
    table.write_text("note_id,audio_path,onset_sec,label_category\nx,\\udcf6.wav,0.5,general_note\n")
    given = ("--onsets", table, "--audio-root", lessons)
    assert len(pd.read_csv(io.StringIO(call(path, *given).stdout))) == 1
    assert "onsets            1.0000" in call(path, *given, "--score", table).stdout


def test_events_are_scored_against_a_table(lessons, tmp_path):
    rows = [
        ("x1", "a/one.wav", 0.51, "harmonic"),
        ("x2", "a/one.wav", 1.88, "harmonic"),
        ("x3", "b/two.wav", 2.5, "dead_note"),
    ]
    names = ["note_id", "audio_path", "onset_sec", "label_category"]
    pd.DataFrame(rows, columns=names).to_csv(tmp_path / "true.csv", index=False)
    asked = ("--score", tmp_path / "true.csv", "--audio-root", lessons)
    told = call(lessons, *asked, "--output-dir", tmp_path / "out")
    assert "2 recordings   3 true events, 5 found   within 50 ms" in told.stdout
    score = json.loads((tmp_path / "out" / "score.json").read_text())
    assert score["onsets"]["n_hits"] == 2
    assert [row["onset_sec"] for row in score["missed"]] == [2.5]
    written = tmp_path / "out" / "score.json"
    written.write_text("mine")
    again = call(lessons, *asked, "--output-dir", tmp_path / "out", "--resume")
    assert again.stdout == told.stdout
    assert "score.json is there, and stays as it is: these scores are not in it." in again.stderr
    refused = call(lessons / "b", *asked, "--output-dir", tmp_path / "out", code=1)
    assert "score.json is there. Keep it with --resume, replace it with --overwrite" in refused.stderr
    assert written.read_text() == "mine"
    assert not (tmp_path / "out" / "two.csv").exists()
    written.unlink()
    call(lessons, *asked, "--output-dir", tmp_path / "out", "--resume")
    assert json.loads(written.read_text()) == score
    written.write_text("mine")
    call(lessons, *asked, "--output-dir", tmp_path / "out", "--overwrite")
    assert json.loads(written.read_text()) == score
    assert call(lessons, *asked).stdout == told.stdout
    part = call(lessons / "a", *asked, "--end", "1")
    assert "1 recording   1 true event, 1 found" in part.stdout
    other = call(lessons, "--score", tmp_path / "true.csv", code=1)
    assert "must name recordings that are annotated" in other.stderr


def test_the_least_sure_are_printed_first_for_review(lessons, tmp_path):
    every = pd.read_csv(io.StringIO(call(lessons, "--min-confidence", "0").stdout))
    asked = ("--min-confidence", "0", "--review", "3")
    told = call(lessons, *asked, "--output-dir", tmp_path / "out")
    table = pd.read_csv(io.StringIO(told.stdout))
    assert len(table) == 3
    assert table["note_id"].isin(every["note_id"]).all()
    of_class = table[table["label_category"] == table["label_category"][0]]
    assert of_class["confidence"].is_monotonic_increasing
    assert (
        of_class["confidence"].iloc[0]
        == every.groupby("label_category")["confidence"].min()[table["label_category"][0]]
    )
    assert call(lessons, *asked).stdout == told.stdout
    assert len(pd.read_csv(tmp_path / "out" / "a" / "one.csv")) == 3


def test_a_stream_is_answered_line_by_line():
    sound = (lick(0.5, 1.1, 1.9) * 2**15).astype("<i2").tobytes()
    table = pd.read_csv(io.StringIO(call("-", "--raw", f"s16le,{RATE},1", stdin=sound).stdout))
    np.testing.assert_allclose(table["onset_sec"], [0.5, 1.1, 1.9], atol=0.02)
    assert set(table["audio_path"]) == {"-"}
    told = call("-", "--raw", f"s16le,{RATE},1", stdin=sound + b"\0", code=1)
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(told.stdout)), table)  # the last was not yet over
    assert "1 bytes are left over" in told.stderr


def test_less_sensitive_finds_less(lessons):
    assert len(call(lessons, "--sensitivity", "60").stdout.splitlines()) == 1
    assert len(call(lessons, "--start", "0:01", "--end", "1.5").stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "Give PATHs, or onsets"),
        (("x.wav", "--format", "csv"), "--format goes with --output-dir"),
        (("x.wav", "--output-dir", "o", "--format", "midi"), "'midi' is not one of csv"),
        (("x.wav", "--resume"), "--resume and --overwrite go with --output-dir, --combined or --clips."),
        (("x.wav", "--output-dir", "o", "--resume", "--overwrite"), "--resume or --overwrite, not both"),
        (("-",), "--raw and PATH `-` go together"),
        (("x.wav", "--raw", "s16le,44100,1"), "--raw and PATH `-` go together"),
        (("-", "--raw", "s16le,44100,1", "--output-dir", "o"), "A stream is alone"),
        (("-", "--raw", "s16le,44100,1", "--review", "3"), "A stream is alone"),
        (("-", "x.wav", "--raw", "s16le,44100,1"), "A stream is alone"),
        (("x.wav", "--start", "soon"), "'soon' is no time"),
        (("x.wav", "--only", "hammer"), "'hammer' is not one of harmonic"),
        (("x.wav", "--only", "harmonic", "--score", "t.csv"), "--score is for all events"),
    ],
)
def test_options_that_do_not_go_together_are_told(options, told):
    assert told in call(*options, code=2).stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--sensitivity", "0"), "`onsets.threshold_db` must be"),
        (("--min-gap", "-1"), "`onsets.min_gap` must be"),
        (("--start", "2", "--end", "1"), "before it ends"),
        (("--combined", "none/all.csv"), "There is no folder none"),
    ],
)
def test_values_that_break_a_rule_are_told_in_one_line(lessons, options, told):
    answer = call(lessons, *options, code=1)
    assert told in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


def test_a_csv_loads_neither_torch_nor_pandas_nor_librosa(lessons, tmp_path):
    script = (
        "import sys; from guitarclf.cli import main\n"
        f"main(['annotate', {str(lessons)!r}, '--output-dir', {str(tmp_path / 'out')!r}], standalone_mode=False)\n"
        "print({'torch', 'pandas', 'librosa', 'sklearn', 'skorch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
    assert len(pd.read_csv(tmp_path / "out" / "a" / "one.csv")) == 3


def test_a_configuration_file_replaces_only_the_keys_that_it_names(small_bundle, lessons, tmp_path):
    """Of a model whose own onsets and columns are not the defaults."""
    model = tmp_path / "model"
    shutil.copytree(small_bundle, model)
    config = load_config(model / "config.yaml", {"onsets.min_gap": 0.7, "data.columns": {"onset_sec": "begin"}})
    write_config(config, model / "config.yaml")
    seal(model, json.loads((model / "model.json").read_text()))
    (tmp_path / "begin.csv").write_text("note_id,audio_path,begin\nx,a/one.wav,0.5\n")
    (tmp_path / "onsets.yaml").write_text("onsets: {threshold_db: 1.0}\n")
    (tmp_path / "data.yaml").write_text("data: {columns: {onset_sec: other}}\nonsets:\n")
    given = (lessons, "--model", model, "--config", tmp_path / "onsets.yaml")
    call(*given, "--output-dir", tmp_path / "out")
    said = json.loads((tmp_path / "out" / "annotate.json").read_text())["settings"]["onsets"]
    assert (said["threshold_db"], said["min_gap"]) == (1.0, 0.7)
    table = ("--onsets", tmp_path / "begin.csv", "--audio-root", lessons)
    assert "0.5" in call(*given, *table).stdout
    told = call(lessons, "--model", model, "--config", tmp_path / "data.yaml", *table, code=1)
    assert "other" in told.stderr
