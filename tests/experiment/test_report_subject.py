"""What a report reads from a run, a bundle and a cross-validation, whole, moved and broken."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from small import config_for

from guitarclf.config.files import load_config, write_config
from guitarclf.errors import AudioReadError, RunError
from guitarclf.evaluation.crossval import summarise
from guitarclf.evaluation.intervals import intervals_of
from guitarclf.experiment.crossval import crossval
from guitarclf.experiment.evaluate import evaluate_run
from guitarclf.experiment.report_subject import find_subject

FIXTURE = Path(__file__).parent.parent / "fixtures" / "v0_1_0"


@pytest.fixture(scope="module")
def cv(small_table, tmp_path_factory):
    """A finished cross-validation of two nets a fold."""
    folder = tmp_path_factory.mktemp("cv") / "cv"
    crossval(config_for(small_table, folder, net__max_epochs=1, crossval__n_splits=2), repeats=2, compare_splits=True)
    return folder


@pytest.mark.parametrize("split", [None, "test", "train"])
def test_a_run_is_scored_as_eval_scores_it(run, split):
    subject = find_subject(run.folder.root, split=split)
    scored = evaluate_run(run.folder.root, split=split)
    assert subject.report == scored.report
    assert subject.macro_f1 == {"note length alone": scored.duration_macro_f1}
    assert (subject.kind, subject.name, len(subject.history)) == ("run", split or "val", 3)
    assert subject.history[-1].keys() >= {"epoch", "train_loss", "is_best"}
    assert subject.path_of(subject.rows["note_id"].iloc[0]).startswith("note0")


def test_a_model_by_itself_is_scored_on_a_table(small_table, small_bundle):
    rows = {"metadata_path": small_table.path, "audio_root": small_table.audio_root}
    subject = find_subject(small_bundle, **rows)
    assert (subject.kind, subject.name, subject.history) == ("model", "events", [])
    assert subject.report.n_events == 30
    with pytest.raises(RunError, match=r"must be a run folder with a splits\.csv"):
        find_subject(small_bundle)


def test_a_run_without_its_audio_has_the_scores_that_are_kept(run, small_table, tmp_path):
    folder = shutil.copytree(run.folder.root, tmp_path / "run")
    kept = evaluate_run(folder, split="val").report
    subject = find_subject(folder, audio_root=tmp_path)
    assert not subject.has_answers
    assert subject.report == kept
    assert len(subject.rows) == kept.n_events
    (folder / "metrics_train.json").unlink(missing_ok=True)
    assert "there is no sound, and the scores are those of metrics_val.json" in subject.problems[0]
    with pytest.raises(AudioReadError, match=r"There is no metrics_train\.json with scores in the run\. Say where"):
        find_subject(folder, split="train", audio_root=tmp_path)


def test_a_recording_that_is_gone_is_left_out_and_told(run, small_table, tmp_path):
    folder = shutil.copytree(run.folder.root, tmp_path / "run")
    audio = shutil.copytree(small_table.audio_root, tmp_path / "audio")
    rows = find_subject(folder, split="train").rows
    gone = audio / small_table.events.set_index("note_id").loc[rows["note_id"].iloc[0], "audio_path"].split("/")[-1]
    gone.unlink()
    subject = find_subject(folder, split="train", audio_root=audio)
    assert subject.rows["note_id"].tolist() == rows["note_id"].tolist()[1:]
    assert f"1 of {len(rows)} notes are left out, as they cannot be read. {gone} " in subject.problems[0]


def test_a_cross_validation_is_reported_from_what_it_wrote(cv):
    subject = find_subject(cv)
    written = json.loads((cv / "crossval.json").read_text())["by track"]
    own, kept = subject.report.to_dict(), written["pooled"]
    scores = [name for name, value in kept.items() if isinstance(value, float)]
    assert [own.pop(name) for name in scores] == pytest.approx([kept.pop(name) for name in scores], rel=1e-12)
    assert own == kept
    assert subject.macro_f1 == {name: scores["macro_f1"] for name, scores in written["baselines"].items()}
    assert (subject.kind, subject.n_notes, len(subject.rows)) == ("crossval", 30, 60)
    assert subject.problems == []
    assert subject.path_of("n003") == "note003.wav"
    assert subject.text.startswith("== random rows ==")


def test_a_cross_validation_without_its_table_has_no_sound(cv, tmp_path):
    folder = shutil.copytree(cv, tmp_path / "cv")
    write_config(
        load_config(cv / "config.yaml", {"data.metadata_path": str(tmp_path / "gone.csv")}), folder / "config.yaml"
    )
    subject = find_subject(folder)
    assert subject.requests == {}
    assert subject.report == find_subject(cv).report
    assert "The table cannot be read, so there is no sound." in subject.problems[0]
    assert "gone.csv" in subject.problems[0]


def test_a_cross_validation_of_0_1_0_is_reported(tmp_path):
    folder = shutil.copytree(FIXTURE / "crossval", tmp_path / "cv")
    shutil.copy(FIXTURE / "expected" / "crossval" / "predictions.csv", folder)
    config = (folder / "config.yaml").read_text().replace("@FIXTURE@", str(FIXTURE))
    (folder / "config.yaml").write_text(config)
    subject = find_subject(folder)
    assert (subject.rows["unknown_below"] == 0).all()
    assert subject.rows["confidence"].between(1 / 3, 1).all()
    own = pd.read_csv(folder / "predictions.csv")
    assert len(subject.rows) == (own["split"] == "by track").sum()


def test_names_that_pandas_takes_for_nothing_stay(cv, tmp_path):
    folder = shutil.copytree(cv, tmp_path / "cv")
    table = pd.read_csv(folder / "predictions.csv", dtype=str, keep_default_na=False)
    table.assign(track="NA", note_id=[f"00{n}" for n in range(len(table))]).to_csv(
        folder / "predictions.csv", index=False
    )
    rows = find_subject(folder).rows
    assert rows["track"].unique().tolist() == ["NA"]
    assert rows["note_id"].str.startswith("00").all()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no,table\n1,2\n",
        "a,b\n1,2,3,4\n",
        b"\xff\xfe\x00",
        "note_id,track,label_category,called,repeat,p_harmonic\n",
    ],
)
def test_predictions_that_are_none_are_told_in_one_line(cv, tmp_path, content):
    folder = shutil.copytree(cv, tmp_path / "cv")
    (folder / "predictions.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RunError, match=r"predictions\.csv must hold the predictions of a cross-validation") as caught:
        find_subject(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "content"), [("history.csv", "a,b\n1,2\n"), ("environment.json", "{")])
def test_a_broken_file_of_a_run_is_named(run, tmp_path, name, content):
    folder = shutil.copytree(run.folder.root, tmp_path / "run")
    (folder / name).write_text(content)
    with pytest.raises(RunError, match=rf"{name} must .* Remove it, or restore it"):
        find_subject(folder)


def test_what_cannot_be_reported_says_what_can(cv, tmp_path):
    with pytest.raises(RunError, match="reported as it was scored"):
        find_subject(cv, split="val")
    folder = shutil.copytree(cv, tmp_path / "cv")
    (folder / "predictions.csv").unlink()
    with pytest.raises(RunError, match=r"must hold a finished cross-validation\. .*--resume"):
        find_subject(folder)
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "search_config.yaml").write_text("seed: 1\n")
    with pytest.raises(RunError, match=r"is a search\. Name .*search/best"):
        find_subject(tmp_path / "search")
    with pytest.raises(RunError, match="must be a run folder or a model bundle"):
        find_subject(tmp_path / "nothing")


def test_intervals_of_a_cross_validation_are_those_it_printed(cv):
    subject = find_subject(cv)
    predictions = pd.read_csv(cv / "predictions.csv")
    printed = summarise(predictions[predictions["split"] == "by track"]).intervals
    intervals = intervals_of(subject.rows, subject.report)
    assert intervals.keys() == printed.keys()
    for name, bounds in intervals.items():
        assert bounds == pytest.approx(printed[name])
