"""Sounds that are no note, from the user's own files, in training, searches and reports."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from click.testing import CliRunner
from notes import RATE, noise_click
from small import config_for, options_for

from guitarclf.cli import main
from guitarclf.config.files import with_values
from guitarclf.data.background import read_background
from guitarclf.data.events import read_events
from guitarclf.errors import AudioReadError, EventTableError, RunError
from guitarclf.experiment.background import background_rows
from guitarclf.experiment.candidate_fits import KeptFeatures
from guitarclf.experiment.join import join
from guitarclf.experiment.search import search
from guitarclf.experiment.tables import config_events, other_events
from guitarclf.experiment.train import train
from guitarclf.experiment.validate import validate
from guitarclf.pipeline import build_pipeline
from guitarclf.training.net import NoteEventClassifier


@pytest.fixture
def clips(tmp_path, rng):
    """A table of six clips that are no note, of three families, and near silence among them."""
    folder = tmp_path / "noises"
    folder.mkdir()
    for number in range(6):
        sf.write(folder / f"{number}.wav", noise_click(rng, 0.8, amplitude=10.0 ** -min(number, 3), decay=1.0), RATE)
    rows = pd.DataFrame({"audio_path": [f"{n}.wav" for n in range(6)], "family": ["hum", "hiss", "taps"] * 2})
    rows.to_csv(folder / "clips.csv", index=False)
    return folder / "clips.csv"


def rows_of(config):
    return background_rows(config, build_pipeline(config)["logmel"])


def label_last_rows(table, n_rows=3):
    """Label the last rows of a NoteTable no_note."""
    rows = pd.read_csv(table.path, dtype=str)
    rows.loc[rows.index[-n_rows:], "label_category"] = "no_note"
    rows.to_csv(table.path, index=False)
    return table


def test_rows_have_no_label_and_are_never_for_validation(small_table, clips, tmp_path):
    config = config_for(small_table, tmp_path / "run", training__background_path=str(clips))
    rows = rows_of(config)
    assert rows.is_background.tolist() == [True] * 6
    assert not rows.has_validation
    assert set(rows.events["repeats"]) == {2}
    assert rows.events["family"].tolist() == ["hum", "hiss", "taps"] * 2
    assert np.shape(rows.features)[0] == 6
    assert len(rows_of(config_for(small_table, tmp_path / "run"))) == 0


def test_rows_of_the_table_come_first_and_their_track_is_their_family(note_table, clips, tmp_path):
    table = label_last_rows(note_table())
    config = config_for(table, tmp_path / "run", training__background_path=str(clips), training__repeat_background=5)
    events = rows_of(config).events
    assert events["family"].tolist() == ["track3", "track4", "track5"] + ["hum", "hiss", "taps"] * 2
    assert events["from_table"].tolist() == [True] * 3 + [False] * 6
    assert set(events["repeats"]) == {5}
    assert len(config_events(config)) == 27


def test_train_learns_from_them_and_resumes_with_the_same_only(note_table, clips, tmp_path, monkeypatch):
    table, seen = label_last_rows(note_table()), []
    fit = NoteEventClassifier.fit
    monkeypatch.setattr(NoteEventClassifier, "fit", lambda net, X, y, **by: (seen.append(by), fit(net, X, y, **by))[1])
    options = options_for(table, tmp_path / "run", training__background_path=clips, net__max_epochs=1)
    result = CliRunner().invoke(main, ["train", *options])
    assert result.exit_code == 0, result.output
    assert "3 rows are no_note: to train on alone" in result.stderr
    splits, rows = pd.read_csv(tmp_path / "run" / "splits.csv"), pd.read_csv(table.path)
    assert "no_note" not in set(splits["label_category"])
    scored = splits.loc[splits["split"] != "train", "track"]
    own = rows[rows["label_category"] == "no_note"]
    n_sounds = 6 + (~own["track"].isin(scored)).sum()  # those of the tracks that are scored are left out with them
    assert n_sounds < 9
    assert f"sounds that are no note: {n_sounds} of" in result.stderr
    assert seen[0]["repeats"][seen[0]["no_note"]].tolist() == [2] * n_sounds
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["data"]["background"]
    moved = clips.rename(clips.with_name("moved.csv"))
    config = config_for(table, tmp_path / "run", training__background_path=str(moved), net__max_epochs=1)
    assert train(config, resume=True).report is None
    moved.write_text("\n".join(moved.read_text().splitlines()[:-1]))
    with pytest.raises(RunError, match="The background must be as in the run to go on with --resume"):
        train(config, resume=True)
    with pytest.raises(RunError, match="The background must be as in the run"):
        train(with_values(config, {"training.background_path": None}, source="test"), resume=True)


def test_every_fit_of_a_search_trains_on_them_and_scores_notes_alone(small_table, clips, tmp_path, monkeypatch):
    seen = []
    fit = NoteEventClassifier.fit
    monkeypatch.setattr(NoteEventClassifier, "fit", lambda net, X, y, **by: (seen.append(by), fit(net, X, y, **by))[1])
    config = config_for(small_table, tmp_path / "s", training__background_path=str(clips), net__max_epochs=1)
    search(with_values(config, {"search.params": {"net.lr": [1e-3]}}, source="test"))
    assert [by["no_note"].sum() for by in seen] == [6] * 4  # three folds, and the best
    assert (
        sum((~by["no_note"]).sum() for by in seen[:3]) == 2 * 25
    )  # each note in two of three folds; 5 are for testing
    assert set(seen[0]["repeats"][seen[0]["no_note"]]) == {2}


def test_a_search_without_them_has_the_rows_of_the_table(small_table, tmp_path):
    config = config_for(small_table, tmp_path / "s")
    events = read_events(small_table.path, audio_root=small_table.audio_root)
    assert len(KeptFeatures(events).of(config)) == len(events)


def test_what_cannot_be_used_is_refused_before_the_work_or_left_out_and_listed(small_table, clips, tmp_path):
    config = config_for(small_table, tmp_path / "run", training__background_path=str(clips), net__max_epochs=1)
    (clips.parent / "3.wav").write_bytes(b"no audio")
    with pytest.raises(AudioReadError, match=r"3\.wav must be a WAV or FLAC file"):
        train(config)
    skip = {"data.on_bad_audio": "skip", "data.max_bad_fraction": 0.2}
    run = train(with_values(config, skip, source="test")).folder
    bad = pd.read_csv(run.bad_audio)
    assert bad["note_id"].tolist() == [f"{clips}, line 5"]
    (clips.parent / "3.wav").unlink()
    with pytest.raises(AudioReadError, match=r"3\.wav must be an audio file. There is no such file \(1 missing\)"):
        config_events(config)


def test_a_recording_is_of_one_table_only(small_table, tmp_path):
    path = small_table.audio_root / "note000.wav"
    (tmp_path / "link.wav").symlink_to(path)
    (tmp_path / "clips.csv").write_text("audio_path\nlink.wav\n")
    config = config_for(small_table, tmp_path / "run", training__background_path=str(tmp_path / "clips.csv"))
    with pytest.raises(EventTableError, match=r"must hold no recording of the table of notes. .*link\.wav is in both"):
        config_events(config)


def test_a_table_without_notes_is_refused(note_table, tmp_path):
    table = label_last_rows(note_table(), 30)
    with pytest.raises(EventTableError, match=r"must hold notes. Its 30 rows are all no_note"):
        config_events(config_for(table, tmp_path / "run"))


def test_scores_leave_them_out_with_their_number(note_table, small_table, tmp_path, caplog):
    table = label_last_rows(note_table())
    caplog.set_level("INFO", "guitarclf")
    data = config_for(table, tmp_path).data
    assert len(other_events(data, table.path, table.audio_root, require_labels=True)) == 27
    assert "left out 3 rows that are no_note: they are not scored" in caplog.text
    assert len(other_events(data, table.path, table.audio_root, require_labels=False)) == 30


def test_validate_counts_them_in_a_line_of_their_own(note_table):
    table = label_last_rows(note_table())
    found = validate(table.path, table.audio_root)
    assert found.problems == []
    assert found.summary[0] == "27 events in 27 files, 6 tracks"
    assert "no_note              3   beside them: to train on, and never scored" in found.summary


def test_validation_groups_are_drawn_among_the_notes(small_pipeline, small_table):
    X = np.asarray(small_pipeline[:-1].transform(small_table.events))
    y, groups = small_table.events["label_category"].to_numpy(), small_table.events["track"].to_numpy()
    net = NoteEventClassifier(max_epochs=1, device="cpu", valid_size=0.3).initialize_for(X.shape[1:])
    alone = net.get_split_datasets(X, y, groups=groups)
    more = np.concatenate([X, X[:4]]), np.append(y, y[:4]), np.append(groups, groups[:4])
    no_note = np.arange(len(more[0])) >= len(X)
    both = net.get_split_datasets(more[0], more[1], groups=more[2], no_note=no_note)
    assert len(both[0]) == len(alone[0]) + 4
    assert len(both[1]) == len(alone[1])


def test_tables_of_several_folders_are_joined(note_table, tmp_path):
    folders = []
    for seed, name in enumerate(("first", "second")):
        table = note_table(name, n_notes=6, seed=seed)
        rows = pd.read_csv(table.path, dtype=str)
        rows.assign(audio_path="audio/" + rows["audio_path"]).to_csv(table.path.with_name("metadata.csv"), index=False)
        folders.append(str(table.path.parent))
    events = read_events(join(tmp_path / "runs" / "both.csv", folders))
    assert len(events) == 12
    assert events["note_id"].is_unique
    assert events["audio_path"].iloc[-1] == f"{folders[1]}/audio/note005.wav"


def test_a_table_of_notes_is_no_table_of_what_is_none(note_table, tmp_path):
    table = note_table()
    with pytest.raises(EventTableError, match=r"must name sounds that are no note\. This row is labelled harmonic"):
        read_background(table.path)


def test_validate_checks_them_too(note_table, clips, tmp_path):
    table = note_table()
    config = config_for(table, tmp_path / "run", training__background_path=str(clips))
    assert "sounds that are no note: 6 of 3 families" in validate(table.path, table.audio_root, config=config).summary
    (clips.parent / "2.wav").write_bytes(b"no sound")
    assert any(
        "clips.csv, line 4: " in problem for problem in validate(table.path, table.audio_root, config=config).problems
    )
    clips.write_text("file\nx.wav\n")
    problems = validate(table.path, table.audio_root, config=config).problems
    assert any("must have the column audio_path" in problem for problem in problems)
