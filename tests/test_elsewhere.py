"""Tables and recordings at URLs: every command says what it says of the same files here, and fetches each once."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet as pq
from small import config_for, small_config
from stores import settled

from guitarclf.audio.recordings import load_segment
from guitarclf.cli import main
from guitarclf.data.events import read_events
from guitarclf.errors import AudioReadError, ConfigError, EventTableError, ParameterError, RunError
from guitarclf.experiment.annotate import recordings_of
from guitarclf.experiment.crossval import crossval
from guitarclf.experiment.evaluate import evaluate_run
from guitarclf.experiment.train import train
from guitarclf.files import fetched


def said(*arguments, code=0):
    """Return what a command prints."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == code, (done.stdout, done.stderr, done.exception)
    return done.stdout


@pytest.fixture
def elsewhere(bucket, small_table):
    """The small table's folder in a bucket."""
    return bucket.upload(small_table.path.parent, "notes/")


class Same:
    """A table like another, elsewhere."""

    def __init__(self, url):
        self.path, self.audio_root = f"{url}/events.csv", f"{url}/audio"


def test_training_and_scores_are_those_of_the_files_here(elsewhere, bucket, small_table, run, tmp_path):
    again = train(config_for(Same(elsewhere), tmp_path / "run")).folder
    run = run.folder
    weights = [folder.root / "model" / "weights.safetensors" for folder in (run, again)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    splits = [folder.splits.read_bytes() for folder in (run, again)]
    assert splits[0] == splits[1]
    config = (again.root / "config.yaml").read_text()
    assert f"audio_root: {elsewhere}/audio" in config
    assert f"metadata_path: {elsewhere}/events.csv" in config
    bucket.forget()
    assert evaluate_run(again.root).report.to_dict() == evaluate_run(run.root).report.to_dict()
    assert bucket.requests("GET") == []
    train(config_for(Same(elsewhere), tmp_path / "run"), resume=True)
    bucket.put("notes/audio/note000.wav", (small_table.audio_root / "note001.wav").read_bytes())
    with pytest.raises(RunError, match="audio"):
        train(config_for(Same(elsewhere), tmp_path / "run"), resume=True)


def test_a_warm_run_fetches_no_recording_and_a_changed_one_is_fetched_anew(elsewhere, bucket, small_table, tmp_path):
    def fetched_by(name):
        bucket.forget()
        train(config_for(Same(elsewhere), tmp_path / name, net__max_epochs=1))
        return [line.split()[1].rpartition("/")[2] for line in bucket.requests("GET")]

    names = fetched_by("first")
    assert len(names) == len(set(names)) == 26  # the table, and what is trained on
    assert fetched_by("second") == []
    fetched.clear()
    assert set(fetched_by("third")) == {"events.csv"}  # features are kept by URL and version
    bucket.put(f"notes/audio/{names[-1]}", (small_table.audio_root / "note000.wav").read_bytes())
    assert fetched_by("fourth") == [names[-1]]
    models = [(tmp_path / name / "model" / "weights.safetensors").read_bytes() for name in ("first", "third", "fourth")]
    assert models[0] == models[1] != models[2]


def test_predictions_of_a_table_are_those_of_the_files_here(elsewhere, small_table, small_bundle):
    table = ["--model", small_bundle, "--metadata-path"]
    here = said("predict", *table, small_table.path, "--audio-root", small_table.audio_root)
    assert said("predict", *table, f"{elsewhere}/events.csv", "--audio-root", f"{elsewhere}/audio") == here
    assert said("predict", *table, small_table.path, "--audio-root", f"{elsewhere}/audio") == here


def test_a_folder_stands_for_the_recordings_below_it(elsewhere, bucket, small_table, small_bundle):
    bucket.put("notes/audio/._note000.wav", b"of macOS")
    bucket.put("notes/audio/x.m4a", b"another format")
    done = CliRunner().invoke(main, ["predict", "--model", str(small_bundle), f"{elsewhere}/audio"])
    here = pd.read_csv(pd.io.common.StringIO(said("predict", "--model", small_bundle, small_table.audio_root)))
    there = pd.read_csv(pd.io.common.StringIO(done.stdout))
    assert there["audio_path"].tolist() == [f"{elsewhere}/audio/note{number:03d}.wav" for number in range(30)]
    pd.testing.assert_frame_equal(there.drop(columns="audio_path"), here.drop(columns="audio_path"))
    assert "left out: 1 of a format that is not read (.m4a), 1 of macOS" in done.stderr


def test_timelines_of_a_folder_are_named_below_it(elsewhere, small_table, tmp_path):
    below = {}
    for name, folder in (("there", elsewhere), ("here", small_table.path.parent)):
        options = ["--output-dir", tmp_path / name, "--combined", tmp_path / f"{name}.csv"]
        said("annotate", folder, *options)
        below[name] = {path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*.csv")}
        assert len(below[name]) == 30
    assert below["there"] == below["here"]
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
    for path in below["here"]:
        assert (tmp_path / "there" / path).read_bytes() == (tmp_path / "here" / path).read_bytes()
    said("annotate", elsewhere, "--output-dir", tmp_path / "there", "--resume")


def test_the_root_of_urls_is_what_they_share(bucket):
    for key in ("x/a.wav", "x/y/b.wav"):
        bucket.put(key, b"x")
    root, recordings = recordings_of([f"{bucket.url}/x/y", f"{bucket.url}/x/a.wav"])
    assert root == f"{bucket.url}/x"
    assert [(each.audio_path, each.stem) for each in recordings] == [("y/b.wav", "y/b"), ("a.wav", "a")]
    for other in ("s3://other/x.wav", "a.wav"):
        with pytest.raises(ParameterError, match="PATHs must lie in one folder, or below one host or bucket"):
            recordings_of([f"{bucket.url}/x/a.wav", other])


def test_names_from_a_store_do_not_lead_out_of_a_folder(bucket, caplog):
    for key in ("x/../../a.wav", "x//b.wav", "x/./c.wav", "x/d.wav", "x/e\0.wav"):
        bucket.put(key, b"x")
    assert [each.stem for each in recordings_of([f"{bucket.url}/x"])[1]] == ["d"]
    assert "left out: 4 of a name that no file here can have" in caplog.text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe that has a name")
def test_a_recording_in_a_store_is_none_of_the_files_of_the_working_folder(bucket, tmp_path, monkeypatch):
    bucket.put("x/a.wav", b"x")
    os.mkfifo(tmp_path / "a.wav")
    monkeypatch.chdir(tmp_path)
    assert [each.stem for each in recordings_of([f"{bucket.url}/x"])[1]] == ["a"]


def test_onsets_and_true_events_of_a_table_find_their_recordings(elsewhere):
    table = ["--onsets", f"{elsewhere}/events.csv", "--score", f"{elsewhere}/events.csv"]
    assert "30 true" in said("annotate", *table, "--audio-root", f"{elsewhere}/audio").replace("notes", "true")[:2000]


def test_other_commands_take_urls_too(elsewhere, small_table, small_bundle, tmp_path):
    table = ["--metadata-path", f"{elsewhere}/events.csv", "--audio-root", f"{elsewhere}/audio"]
    here = said("validate", small_table.path, "--audio-root", small_table.audio_root)
    assert said("validate", f"{elsewhere}/events.csv", *table[2:]) == here
    said("eval", small_bundle, *table)
    said("report", small_bundle, *table, "--output", tmp_path / "page.html")
    assert "data:audio" in (tmp_path / "page.html").read_text()
    said("inspect", *table, "--note-id", "n000", "--model", small_bundle, "--output", tmp_path / "note.png")
    said("inspect", f"{elsewhere}/audio/note000.wav", "--output", tmp_path / "note2.png")
    said("cache", "show")


@pytest.mark.slow
def test_cross_validation_is_that_of_the_files_here(elsewhere, small_table, tmp_path):
    for name, table in (("there", Same(elsewhere)), ("here", small_table)):
        crossval(config_for(table, tmp_path / name, net__max_epochs=1, crossval__n_splits=2))
    tables = [(tmp_path / name / "predictions.csv").read_bytes() for name in ("there", "here")]
    assert tables[0] == tables[1]


def test_a_table_over_the_web_names_its_recordings_as_files(web, tmp_path, write_wav, make_tone, small_bundle):
    names = ["C#3 50%.wav", "x/ä?.wav"]
    for name in names:
        settled(write_wav(make_tone(220), f"web/{name}"))
    (tmp_path / "web" / "metadata.csv").write_text(
        "file_name,label\n" + "\n".join(f"{name},harmonic" for name in names)
    )
    there = said("predict", "--model", small_bundle, "--metadata-path", f"{web.url}/web/metadata.csv")
    assert there == said("predict", "--model", small_bundle, "--metadata-path", tmp_path / "web" / "metadata.csv")
    pages = said("predict", "--model", small_bundle, f"{web.url}/web/")
    assert pages.count("dead_note") + pages.count("general_note") + pages.count("harmonic") >= 3


def test_sound_in_a_table_elsewhere_is_that_in_the_table_here(bucket, small_table, small_bundle, tmp_path):
    names = [path.name for path in sorted(small_table.audio_root.iterdir())]
    sounds = [{"bytes": (small_table.audio_root / name).read_bytes(), "path": name} for name in names]
    table = pa.Table.from_pandas(pd.read_csv(small_table.path).drop(columns="audio_path")).append_column(
        "audio", [sounds]
    )
    pq.write_table(table, tmp_path / "notes.parquet", row_group_size=7)
    url = bucket.put("x/notes.parquet", (tmp_path / "notes.parquet").read_bytes())
    there = said("predict", "--model", small_bundle, "--metadata-path", url)
    here = said("predict", "--model", small_bundle, "--metadata-path", tmp_path / "notes.parquet")
    files = said(
        "predict", "--model", small_bundle, "--metadata-path", small_table.path, "--audio-root", small_table.audio_root
    )
    assert there == here
    assert "n003,notes.parquet/3/note003.wav," in here
    assert [line.split(",")[3:] for line in here.splitlines()] == [line.split(",")[3:] for line in files.splitlines()]
    run = train(small_config(data__metadata_path=url, output_dir=str(tmp_path / "run"), net__max_epochs=1)).folder
    assert run.splits.read_text().count("notes.parquet/") == 30
    evaluate_run(run.root)


def test_the_bound_is_kept_while_notes_are_read(elsewhere, small_table, fresh_copies):
    sizes = [path.stat().st_size for path in small_table.audio_root.iterdir()]
    fetched.keep_below(4 * max(sizes) / 1e9)
    for number in [*range(30), 0]:
        name = f"note{number:03d}.wav"
        there = load_segment(f"{elsewhere}/audio/{name}", 0.0, 0.5, sample_rate=8000)
        assert np.array_equal(there, load_segment(small_table.audio_root / name, 0.0, 0.5, sample_rate=8000))
        assert fetched.size()[1] <= fetched.limit_bytes()
    assert 1 < fetched.size()[0] < 10


def test_the_bound_of_a_configuration_is_kept_by_validate(elsewhere, small_table, fresh_copies, tmp_path):
    sizes = [path.stat().st_size for path in small_table.audio_root.iterdir()]
    (tmp_path / "bound.yaml").write_text(f"data: {{cache_gb: {4 * max(sizes) / 1e9}}}")
    said(
        "validate", f"{elsewhere}/events.csv", "--audio-root", f"{elsewhere}/audio", "--config", tmp_path / "bound.yaml"
    )
    assert 1 < fetched.size()[0] < 10


def test_a_copy_that_goes_before_it_is_opened_is_fetched_again(elsewhere, monkeypatch):
    from guitarclf.files import places

    url, local, n_gone = f"{elsewhere}/audio/note000.wav", places.local, []

    def gone_once(path, **settings):
        copy = local(path, **settings)
        if not n_gone:
            n_gone.append(copy)
            shutil.rmtree(fetched.folder())
        return copy

    monkeypatch.setattr(places, "local", gone_once)
    assert len(load_segment(url, 0.0, 0.5, sample_rate=8000)) == 4000


def test_a_large_object_that_is_no_audio_is_not_fetched(bucket, monkeypatch):
    content = b"no audio" * 500_000
    url = bucket.put("x.wav", content)
    with pytest.raises(AudioReadError, match=r"s3://.*/x\.wav must be a WAV or FLAC file .* It is no audio"):
        load_segment(url, 0.0, 0.5, sample_rate=8000)
    assert [line.split('" ')[1][:3] for line in bucket.requests("GET")] == ["206"]
    assert fetched.size() == (0, 0)


def test_recordings_elsewhere_than_the_root_are_refused_unless_allowed(elsewhere, small_table, write_csv, small_bundle):
    row = {"note_id": "a", "audio_path": f"{elsewhere}/audio/note000.wav", "onset_sec": 0, "label_category": "harmonic"}
    path = write_csv([row])
    message = CliRunner().invoke(main, ["predict", "--metadata-path", str(path)])
    assert message.exit_code == 1
    assert "must be inside the audio root" in message.stderr
    (path.parent / "c.json").write_text(json.dumps({"data": {"allow_outside_root": True}}))
    table = said("predict", "--metadata-path", path, "--config", path.parent / "c.json")
    assert f"a,{elsewhere}/audio/note000.wav,0.0," in table
    assert "a,note000.wav,0.0," in said("predict", "--metadata-path", path, "--audio-root", f"{elsewhere}/audio")


SECRET = "s3://me:secret@b/x"


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", f"{SECRET}/a.wav"],
        ["annotate", SECRET],
        ["predict", "--metadata-path", f"{SECRET}/t.csv"],
        ["predict", "--metadata-path", "{table}", "--audio-root", SECRET],
        ["validate", f"{SECRET}/t.csv"],
        ["train", "--metadata-path", f"{SECRET}/t.csv"],
        ["train", "--metadata-path", "{table}", "--audio-root", SECRET],
        ["train", "--set", f"training.background_path={SECRET}/t.csv"],
        ["validate", "{secret_table}"],
        ["predict", "--metadata-path", "{secret_table}"],
    ],
)
def test_a_password_in_a_url_is_refused_and_not_printed(arguments, small_table, write_csv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    row = {"note_id": "a", "audio_path": f"{SECRET}/a.wav", "onset_sec": 0, "label_category": "harmonic"}
    tables = {"table": small_table.path, "secret_table": write_csv([row])}
    done = CliRunner().invoke(main, [argument.format(**tables) for argument in arguments])
    assert done.exit_code != 0
    assert "s3://***@b/x" in done.stdout + done.stderr
    assert "secret@" not in done.stdout + done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_table_at_a_url_is_told_by_its_url(bucket):
    url = bucket.put("t.csv", b"note_id,audio_path,onset_sec,label_category\na,a.wav,-1,harmonic\n")
    with pytest.raises(EventTableError, match=rf"{url}, line 2: `onset_sec` must be"):
        read_events(url)
    for content, message in ((b"", "must begin with a line of column names"), (b"\xff\xfe\xff", "in UTF-8")):
        with pytest.raises(EventTableError, match=f"{url}.*{message}"):
            read_events(bucket.put("t.csv", content))
    with pytest.raises(EventTableError, match=r"The table s3://.*none.csv must be there to be read"):
        read_events(f"{bucket.url}/none.csv")
    with pytest.raises(EventTableError, match="must begin with PAR1"):
        read_events(bucket.put("t.parquet", b"no Parquet"))


def test_a_configuration_with_a_url_of_another_scheme_is_refused():
    with pytest.raises(ConfigError, match=r"`data.audio_root`: ftp://x must begin with s3://"):
        small_config(data__audio_root="ftp://x")


def test_a_host_that_a_table_names_is_not_asked(web, write_csv, write_wav, make_tone, tmp_path):
    settled(write_wav(make_tone(220), "a.wav"))
    cells = {"onset_sec": 0, "offset_sec": 0.5, "label_category": "harmonic"}
    path = write_csv([{"note_id": "a", "audio_path": f"{web.url}/a.wav", **cells}])
    for command in (["validate", path], ["predict", "--metadata-path", path], ["train", "--metadata-path", path]):
        done = CliRunner().invoke(main, [*map(str, command)])
        assert done.exit_code == 1
        assert "the audio root" in done.stdout + done.stderr
    skip = ["--set", "data.on_bad_audio=skip", "--output-dir", str(tmp_path / "run")]
    assert CliRunner().invoke(main, ["train", "--metadata-path", str(path), *skip]).exit_code == 1
    assert web.seen == []
