"""Whole runs: train, evaluate, search, validate, inspect, on small tables."""

import json
import shutil

import joblib
import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from small import small_config

from guitarclf.bundle_check import read_description, seal
from guitarclf.config_io import load_config, with_values
from guitarclf.data.events import read_events
from guitarclf.errors import AudioReadError, ConfigError, EventTableError, ParameterError, RunError, SplitError
from guitarclf.experiment.evaluate import evaluate_run
from guitarclf.experiment.inspect import find_event, inspect_event
from guitarclf.experiment.predict import PREDICTION_COLUMNS, events_of_paths, predict_events
from guitarclf.experiment.search import search
from guitarclf.experiment.train import train
from guitarclf.experiment.validate import validate
from guitarclf.persistence import load_pipeline
from guitarclf.training.device import is_available

RUN_FILES = {
    "config.yaml",
    "splits.csv",
    "history.csv",
    "run.log",
    "environment.json",
    "checkpoints",
    "best_model.pt",
    "model",
    "pipeline.joblib",
    "metrics_val.json",
    "figures",
}


def config_for(table, output_dir, **overrides):
    return small_config(
        data__metadata_path=str(table.path),
        data__audio_root=str(table.audio_root),
        output_dir=str(output_dir),
        **overrides,
    )


@pytest.fixture(scope="module")
def run(small_table, tmp_path_factory):
    return train(config_for(small_table, tmp_path_factory.mktemp("runs") / "run"))


def test_run_folder_is_complete(run):
    root = run.folder.root
    assert {path.name for path in root.iterdir()} == RUN_FILES
    assert sorted(path.name for path in root.joinpath("checkpoints").iterdir()) == [f"epoch_{n}.pt" for n in (1, 2, 3)]
    assert sorted(path.name for path in root.joinpath("figures").iterdir()) == [
        "confusion_val.png",
        "learning_curves.png",
    ]
    environment = json.loads((root / "environment.json").read_text())
    assert environment["seed"] == 42
    assert len(environment["data"]["audio"]) == 32


def test_splits_csv_is_the_table_with_track_and_split(run, small_table):
    splits = read_events(run.folder.splits, audio_root=small_table.audio_root)
    assert splits["note_id"].tolist() == small_table.events["note_id"].tolist()
    assert set(splits["split"]) == {"train", "val", "test"}
    assert (splits.groupby("track")["split"].nunique() == 1).all()


def test_every_artefact_holds_the_best_epoch(run, small_table):
    X = small_table.events
    expected = run.pipeline.predict_proba(X)
    np.testing.assert_array_equal(load_pipeline(run.folder.root).predict_proba(X), expected)
    np.testing.assert_array_equal(joblib.load(run.folder.joblib).predict_proba(X), expected)
    best = torch.load(run.folder.best_model, weights_only=True)
    weights = run.pipeline[-1].module_.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in best["weights"].items())
    scores = pd.read_csv(run.folder.history).set_index("epoch")["valid_macro_f1"]
    assert scores[best["epoch"]] == scores.max()


def test_joblib_has_no_callback_that_writes(run):
    names = [name for name, _ in joblib.load(run.folder.joblib)[-1].callbacks]
    assert names == ["weight_average", "best_epoch", "temperature", "lr_scheduler", "early_stopping"]


def test_config_of_a_run_runs_again_to_the_same_weights(run, tmp_path):
    config = with_values(load_config(run.folder.config), {"output_dir": str(tmp_path / "again")}, source="test")
    again = train(config)
    columns = ["epoch", "train_loss", "valid_loss", "valid_macro_f1"]
    pd.testing.assert_frame_equal(
        pd.read_csv(again.folder.history)[columns], pd.read_csv(run.folder.history)[columns], check_exact=True
    )
    weights = run.pipeline[-1].module_.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in again.pipeline[-1].module_.state_dict().items())


def test_given_split_is_honoured(note_table, tmp_path):
    sides = {0: "val", 1: "test"}
    table = note_table(extra={"split": lambda index, row: sides.get(index % 6, "train")})
    run = train(config_for(table, tmp_path / "run", net__max_epochs=1))
    splits = pd.read_csv(run.folder.splits)
    assert (splits["split"] == [sides.get(index % 6, "train") for index in range(30)]).all()
    assert run.report.n_events == 5


def test_run_without_validation_rows_keeps_the_last_epoch(note_table, tmp_path):
    table = note_table(extra={"split": lambda index, row: "train"})
    run = train(config_for(table, tmp_path / "run", net__max_epochs=2))
    assert run.report is None
    assert torch.load(run.folder.best_model, weights_only=True)["epoch"] == 2


def test_nothing_is_written_when_the_input_is_wrong(small_table, tmp_path):
    output = tmp_path / "run"
    wrong_root = with_values(config_for(small_table, output), {"data.audio_root": str(tmp_path)}, source="test")
    with pytest.raises(AudioReadError, match=r"There is no such file \(30 missing\)"):
        train(wrong_root)
    assert not output.exists()


def test_missing_files_beside_the_table_are_hinted_at(small_table, tmp_path):
    config = with_values(
        config_for(small_table, tmp_path / "run"), {"data.audio_root": str(tmp_path / "audio")}, source="test"
    )
    with pytest.raises(AudioReadError, match=f"pass --audio-root {small_table.path.parent}"):
        train(config)


def test_folder_of_another_run_is_refused(run, small_table):
    with pytest.raises(RunError, match="must be new or empty"):
        train(config_for(small_table, run.folder.root))


def test_evaluation_writes_metrics_and_figure(run):
    result = evaluate_run(run.folder.root, split="test")
    written = json.loads(run.folder.metrics("test").read_text())
    assert written["macro_f1"] == result.report.macro_f1
    assert written["labels"] == ["harmonic", "dead_note", "general_note"]
    assert np.sum(written["confusion"]) == result.report.n_events
    assert (run.folder.figures / "confusion_test.png").stat().st_size > 5000


def test_evaluation_of_another_table(run, note_table):
    table = note_table("others", n_notes=12, seed=5)
    result = evaluate_run(run.folder.root, metadata_path=table.path, audio_root=table.audio_root)
    assert (result.name, result.report.n_events) == ("events", 12)
    assert run.folder.metrics("events").is_file()


def test_evaluation_without_labels_says_to_predict(run, note_table, tmp_path):
    table = note_table("others", n_notes=6)
    pd.read_csv(table.path).drop(columns="label_category").to_csv(tmp_path / "unlabelled.csv", index=False)
    with pytest.raises(EventTableError, match="use `guitarclf predict`"):
        evaluate_run(run.folder.root, metadata_path=tmp_path / "unlabelled.csv", audio_root=table.audio_root)


def test_empty_split_is_refused(note_table, tmp_path):
    table = note_table(extra={"split": lambda index, row: "val" if index % 6 == 0 else "train"})
    run = train(config_for(table, tmp_path / "run", net__max_epochs=1))
    with pytest.raises(SplitError, match="test has none"):
        evaluate_run(run.folder.root, split="test")


def test_predictions_keep_order_and_unreadable_rows(run, small_table, tmp_path):
    paths = [*small_table.events["audio_path"][:3], str(tmp_path / "absent.wav"), small_table.events["audio_path"][5]]
    table = pd.concat(predict_events(load_pipeline(run.folder.root), events_of_paths(paths)))
    assert list(table.columns) == list(PREDICTION_COLUMNS)
    assert table["audio_path"].tolist() == paths
    assert table["label"].eq("").tolist() == [False, False, False, True, False]
    assert "There is no such file" in table["error"].iloc[3]
    np.testing.assert_allclose(table[["p_harmonic", "p_dead_note", "p_general_note"]].sum(axis=1).iloc[0], 1, atol=1e-5)


def test_folder_stands_for_its_audio_files(small_table):
    events = events_of_paths([small_table.audio_root])
    assert events["note_id"].tolist() == [f"note{n:03d}" for n in range(30)]


def test_search_ranks_candidates_and_trains_the_best(small_table, tmp_path):
    config = config_for(small_table, tmp_path / "search", net__max_epochs=1)
    params = {"search.params": {"net.lr": ["1e-2", 1e-5], "window.sample_rate": [22050]}}
    result = search(with_values(config, params, source="test"))
    assert result.table["rank"].tolist() == sorted(result.table["rank"])
    written = pd.read_csv(tmp_path / "search" / "search_results.csv")
    assert written["net.lr"].tolist() == result.table["net.lr"].astype(float).tolist()
    assert load_config(tmp_path / "search" / "best_config.yaml").net.lr == float(result.best["net.lr"])
    assert result.run.folder.root == tmp_path / "search" / "best"
    assert result.run.folder.bundle.is_dir()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "`search.params` must name at least one key"),
        ({"net.module.typo": [8]}, "must hold keys under window, logmel, net. Got `net.module.typo`"),
        ({"net.lr": []}, "must give `net.lr` at least one value"),
        ({"logmel.n_mels": [0]}, "`logmel.n_mels` must be at least 1. Got 0"),
    ],
)
def test_bad_search_is_refused_before_any_fit(small_table, tmp_path, params, message):
    config = config_for(small_table, tmp_path / "search")
    with pytest.raises(ConfigError, match=message):
        search(with_values(config, {"search.params": params}, source="test"))


def test_validate_finds_nothing_wrong_with_a_good_table(small_table):
    found = validate(small_table.path, small_table.audio_root)
    assert found.problems == []
    assert found.summary[0] == "30 events in 30 files, 6 tracks"


def test_validate_lists_every_problem(note_table, tmp_path):
    table = note_table()
    rows = pd.read_csv(table.path, dtype=str)
    (table.audio_root / "note001.wav").write_bytes(b"not audio")
    (table.audio_root / "note002.wav").unlink()
    first = (table.audio_root / "note003.wav").read_bytes()
    (table.audio_root / "note004.wav").write_bytes(first)
    rows.loc[5, "label_category"] = "slap"
    rows.loc[6, "onset_sec"] = "30"
    rows.loc[6, "offset_sec"] = "31"
    rows.to_csv(table.path, index=False)
    text = "\n".join(validate(table.path, table.audio_root).problems)
    for part in (
        "line 7: `label_category` must be one of",
        "note001.wav must be a WAV or FLAC file",
        "note002.wav must be an audio file. There is no such file",
        "event 'n006'",
        "identical audio under 2 tracks (track3, track4): n003, n004",
    ):
        assert part in text


@pytest.mark.parametrize("with_model", [False, True])
def test_inspection_draws_a_png(run, small_table, tmp_path, with_model):
    event = find_event(small_table.path, "n004", audio_root=small_table.audio_root)
    scores = inspect_event(event, tmp_path / "event.png", model=run.folder.root if with_model else None)
    assert (tmp_path / "event.png").read_bytes().startswith(b"\x89PNG")
    assert (scores is not None) == with_model
    if with_model:
        assert sum(scores.values()) == pytest.approx(1)


def test_inspecting_an_unknown_note_is_refused(small_table):
    with pytest.raises(EventTableError, match="There is no 'nobody'"):
        find_event(small_table.path, "nobody", audio_root=small_table.audio_root)


def test_tensorboard_events_are_written_when_asked_for(small_table, tmp_path):
    pytest.importorskip("tensorboard")
    run = train(config_for(small_table, tmp_path / "run", net__max_epochs=1, training__tensorboard=True))
    assert list(run.folder.tensorboard.glob("events.out.tfevents.*"))


@pytest.fixture
def foreign_table(note_table):
    """A table in IDMT's terms: other column names, styles for labels, durations for offsets."""
    table = note_table("foreign")
    rows = pd.read_csv(table.path, dtype=str)
    rows["duration_sec"] = rows["offset_sec"].astype(float) - rows["onset_sec"].astype(float)
    rows = rows.rename(columns={"audio_path": "source_audio"}).assign(subset_id="dataset9")
    rows["event_index"] = range(len(rows))
    path = table.path.with_name("parsed.csv")
    rows.drop(columns=["note_id", "offset_sec", "label_category"]).to_csv(path, index=False)
    mapping = {
        "data.metadata_path": str(path),
        "data.columns": {
            "note_id": ["subset_id", "source_audio", "event_index"],
            "audio_path": "source_audio",
            "offset_sec": "duration_sec",
            "label_category": "expression_style",
        },
        "data.labels": {"HA": "harmonic", "DN": "dead_note", "*": "general_note"},
    }
    return table, path, mapping


def test_a_foreign_table_trains_evaluates_and_is_inspected_through_its_mapping(foreign_table, tmp_path):
    table, path, mapping = foreign_table
    config = with_values(config_for(table, tmp_path / "run", net__max_epochs=1), mapping, source="test")
    root = train(config).folder.root
    assert evaluate_run(root, metadata_path=path, audio_root=table.audio_root).report.n_events == 30
    event = find_event(path, "dataset9_note004.wav_4", audio_root=table.audio_root, model=root)
    assert inspect_event(event, tmp_path / "event.png", model=root) is not None
    assert validate(path, table.audio_root, config=config).problems == []


def test_a_table_in_our_terms_is_scored_against_its_own_labels(foreign_table, tmp_path):
    table, _, mapping = foreign_table
    config = with_values(config_for(table, tmp_path / "run", net__max_epochs=1), mapping, source="test")
    root = train(config).folder.root
    rows = pd.read_csv(table.path, dtype=str).assign(expression_style="flageolet")
    rows.to_csv(table.path.with_name("ours.csv"), index=False)
    report = evaluate_run(root, metadata_path=table.path.with_name("ours.csv"), audio_root=table.audio_root).report
    assert {label: score.support for label, score in report.per_class.items()} == dict(
        rows["label_category"].value_counts()
    )


def test_scores_of_a_table_named_like_a_split_overwrite_nothing(run, note_table):
    table = note_table("others", n_notes=6)
    other = table.path.rename(table.path.with_name("val.csv"))
    before = run.folder.metrics("val").read_bytes()
    result = evaluate_run(run.folder.root, metadata_path=other, audio_root=table.audio_root)
    assert result.name == "table_val"
    assert run.folder.metrics("val").read_bytes() == before
    assert result.duration_macro_f1 is not None


def test_a_run_that_fails_before_its_first_epoch_leaves_its_folder_free(note_table, tmp_path):
    table = note_table()
    path = table.audio_root / "note007.wav"
    good = path.read_bytes()
    path.write_bytes(good[:200])
    config = config_for(table, tmp_path / "run", net__max_epochs=1)
    with pytest.raises(AudioReadError, match=r"note007\.wav must be a whole recording"):
        train(config)
    assert not (tmp_path / "run").exists()
    path.write_bytes(good)
    assert train(config).folder.bundle.is_dir()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"net.module.pools": [[4, 4], [16, 2]]}, "`pools` must leave at least one band"),
        ({"net.device": "mps"}, "There is no mps"),
    ],
)
def test_a_net_that_cannot_be_built_is_refused_before_anything_is_written(small_table, tmp_path, settings, message):
    if is_available("mps"):
        pytest.skip("this machine has every device")
    config = with_values(config_for(small_table, tmp_path / "run"), settings, source="test")
    with pytest.raises(ParameterError, match=message):
        train(config)
    assert not (tmp_path / "run").exists()


def test_search_by_log_loss_holds_on_folds_that_lack_a_class(note_table, tmp_path):
    table = note_table(extra={"track": lambda index, row: f"{row['label_category']}{index % 2}"})
    config = config_for(table, tmp_path / "search", net__max_epochs=1)
    config = with_values(
        config, {"search": {"params": {"net.lr": [1e-3]}, "scoring": "neg_log_loss", "n_splits": 2}}, source="test"
    )
    assert np.isfinite(search(config).table["mean_neg_log_loss"]).all()


def test_validate_copes_with_a_table_of_which_nothing_can_be_read(small_table, tmp_path):
    found = validate(small_table.path, tmp_path)
    assert len(found.problems) == 30


def test_validate_finds_the_same_sound_in_another_format_and_a_file_under_two_tracks(note_table):
    table = note_table()
    audio, rate = soundfile.read(table.audio_root / "note003.wav")
    soundfile.write(table.audio_root / "note004.wav", audio, rate, subtype="PCM_24")
    rows = pd.read_csv(table.path, dtype=str)
    rows.loc[6, ["audio_path", "onset_sec"]] = ["note005.wav", "0.2"]
    rows.to_csv(table.path, index=False)
    text = "\n".join(validate(table.path, table.audio_root).problems)
    assert "identical audio under 2 tracks (track3, track4): n003, n004" in text
    assert "note005.wav is under 2 tracks" in text


def test_validate_checks_a_given_split(note_table):
    table = note_table(extra={"split": lambda index, row: "train" if index else "val"})
    assert any("Track 'track0' is in" in problem for problem in validate(table.path, table.audio_root).problems)


def test_files_of_one_name_keep_apart(tmp_path, small_table):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.wav").write_bytes((small_table.audio_root / "note000.wav").read_bytes())
    assert events_of_paths([tmp_path])["note_id"].tolist() == [str(tmp_path / "a" / "x"), str(tmp_path / "b" / "x")]


def test_training_starts_from_a_model_with_its_features_and_net(run, small_table, tmp_path):
    default = load_config(overrides={"data.metadata_path": str(small_table.path), "net.max_epochs": 1})
    changes = {
        "data.audio_root": str(small_table.audio_root),
        "output_dir": str(tmp_path / "tuned"),
        "training.init_from": str(run.folder.root),
        "net.lr": 1e-9,
        "net.module": {},
    }
    tuned = train(with_values(default, changes, source="test"))
    assert load_config(tuned.folder.config).logmel.n_mels == 32
    ours, theirs = tuned.pipeline[-1].module_, run.pipeline[-1].module_
    assert torch.equal(ours.standardize.mean, theirs.standardize.mean)
    torch.testing.assert_close(ours.head[-1].weight, theirs.head[-1].weight, atol=1e-6, rtol=0)
    assert "start_from" not in dict(tuned.pipeline[-1].callbacks)


@pytest.mark.parametrize(("freeze_epochs", "same"), [(2, True), (1, False)])
def test_a_frozen_encoder_keeps_its_weights_and_the_head_learns(run, small_table, tmp_path, freeze_epochs, same):
    config = config_for(
        small_table,
        tmp_path / "tuned",
        net__max_epochs=2,
        training__patience=0,
        training__init_from=str(run.folder.root),
        training__freeze_epochs=freeze_epochs,
    )
    tuned = train(config)
    last = torch.load(tuned.folder.checkpoints / "epoch_2.pt", weights_only=True)["weights"]
    before = run.pipeline[-1].module_.state_dict()
    encoder = [name for name in last if name.startswith(("blocks.", "rnn.")) and "num_batches" not in name]
    assert all(torch.equal(last[name], before[name]) for name in encoder) is same
    assert not torch.equal(last["head.1.weight"], before["head.1.weight"])


def test_another_net_than_the_models_is_refused(run, small_table, tmp_path):
    config = config_for(
        small_table, tmp_path / "tuned", training__init_from=str(run.folder.root), net__module__rnn_hidden_size=24
    )
    with pytest.raises(ConfigError, match=r"`net\.module\.rnn_hidden_size` must be as in the model.* 16. Got 24"):
        train(config)


def test_a_frozen_encoder_is_free_again_in_the_saved_pipeline(run, small_table, tmp_path):
    config = config_for(small_table, tmp_path / "t", training__init_from=str(run.folder.root), net__max_epochs=1)
    tuned = train(with_values(config, {"training.freeze_epochs": 5}, source="test"))
    module = joblib.load(tuned.folder.joblib)[-1].module_
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert {layer.momentum for layer in module.modules() if isinstance(layer, torch.nn.BatchNorm2d)} == {0.1}


def test_a_model_whose_weights_do_not_fit_is_refused_in_one_line(run, small_table, tmp_path):
    copied = tmp_path / "model"
    shutil.copytree(run.folder.bundle, copied)
    text = (copied / "config.yaml").read_text()
    (copied / "config.yaml").write_text(text.replace("rnn_hidden_size: 16", "rnn_hidden_size: 24"))
    seal(copied, read_description(copied))
    config = config_for(small_table, tmp_path / "t", training__init_from=str(copied))
    with pytest.raises(RunError, match=r"must hold the weights that config\.yaml describes"):
        train(config)
    assert not (tmp_path / "t").exists()


def test_a_search_starts_from_fresh_weights(run, small_table, tmp_path):
    config = config_for(small_table, tmp_path / "s", training__init_from=str(run.folder.root))
    with pytest.raises(ConfigError, match=r"`training\.init_from` must be null in `search`"):
        search(with_values(config, {"search.params": {"net.lr": [1e-3]}}, source="test"))


def test_modelled_notes_join_training_and_not_the_split(small_table, tmp_path):
    run = train(config_for(small_table, tmp_path / "run", net__max_epochs=1, training__add_modelled=60))
    assert len(read_events(run.folder.splits)) == 30
    batches = run.pipeline[-1].history[0]["batches"]
    n_train = sum(batch.get("train_batch_size", 0) for batch in batches)
    n_valid = sum(batch.get("valid_batch_size", 0) for batch in batches)
    n_test = (pd.read_csv(run.folder.splits)["split"] == "test").sum()
    assert n_train + n_valid == 90 - n_test
    assert run.report.n_events < n_valid
