"""Long lists go on where they were stopped: predictions keep their rows, searches their fits."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from small import small_config

from guitarclf.bundle.engines import Model
from guitarclf.bundle.folder import model_files
from guitarclf.cli import main
from guitarclf.config.files import with_values
from guitarclf.errors import RunError
from guitarclf.experiment import search as searching
from guitarclf.experiment.candidate_fits import CandidateFits
from guitarclf.runs import journal as keeping

EVENTS = pd.DataFrame({"note_id": list("abcdef"), "audio_path": list("uvwxyz"), "onset_sec": np.arange(6.0)})


CODEC = {
    "to_plain": lambda chunk: chunk.to_dict("list"),
    "from_plain": lambda plain, rows: pd.DataFrame(plain).assign(note_id=rows["note_id"].tolist()),
}


def answer(events, size=2):
    """Predict in chunks: numbers that need every digit, and texts that need care."""
    for first in range(0, len(events), size):
        chunk = events.iloc[first : first + size]
        yield pd.DataFrame(
            {
                "note_id": chunk["note_id"].tolist(),
                "p": (chunk["onset_sec"] / 3).tolist(),
                "error": ["é\n,"] * len(chunk),
            }
        )


def predict(path, *, resume, stop_after=None, key="key"):
    """Return the rows, and the ids that had to be predicted."""
    asked, chunks = [], []

    def count(places):
        for part in keeping.stretches(places, 2):
            chunk = next(answer(EVENTS[part.start : part.stop]))
            asked.extend(chunk["note_id"])
            yield part.start, chunk

    for _, chunk in keeping.Journal(path, key, resume=resume, **CODEC).go_on(EVENTS, count):
        chunks.append(chunk)
        if len(chunks) == stop_after:
            break
    return pd.concat(chunks, ignore_index=True), asked


def test_rows_that_are_done_are_kept(tmp_path):
    whole, _ = predict(tmp_path / "whole", resume=False)
    predict(tmp_path / "rows", resume=False, stop_after=2)
    again, asked = predict(tmp_path / "rows", resume=True)
    assert asked == ["e", "f"]
    pd.testing.assert_frame_equal(again, whole, check_exact=True)
    again, asked = predict(tmp_path / "rows", resume=True)
    assert asked == []
    pd.testing.assert_frame_equal(again, whole, check_exact=True)


def journal_of(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in [{"key": "key"}, *lines]))
    return keeping.Journal(path, "key", resume=True, what="letters")


def test_parts_that_come_in_any_order_are_kept_and_put_in_order(tmp_path):
    lines = [{"first": 4, "n_items": 1, "part": ["E"]}, {"first": 1, "n_items": 2, "part": ["B", "C"]}]
    asked = []

    def work(places):
        asked.extend(places)
        return ((place, ["ABCDEF"[place]]) for place in reversed(places))

    pairs = list(journal_of(tmp_path / "rows", lines).go_on("abcdef", work))
    assert asked == [0, 3, 5]
    assert pairs == [(4, ["E"]), (1, ["B", "C"]), (5, ["F"]), (3, ["D"]), (0, ["A"])]
    again = keeping.Journal(tmp_path / "rows", "key", resume=True).go_on("abcdef", lambda places: iter(()))
    assert list(keeping.in_order(again)) == [["A"], ["B", "C"], ["D"], ["E"], ["F"]]


def test_parts_that_were_written_without_their_places_follow_each_other(tmp_path):
    lines = [{"n_items": 2, "part": ["A", "B"]}, {"n_items": 1, "part": ["C"]}]
    kept = journal_of(tmp_path / "rows", lines).go_on("abc", lambda places: iter(()))
    assert list(kept) == [(0, ["A", "B"]), (2, ["C"])]


@pytest.mark.parametrize("first", [-1, 0, 5])
def test_parts_of_other_items_are_refused(tmp_path, first):
    lines = [{"first": 0, "n_items": 1, "part": ["A"]}, {"first": first, "n_items": 2, "part": ["B", "C"]}]
    with pytest.raises(RunError, match="must hold each of 6 letters once"):
        list(journal_of(tmp_path / "rows", lines).go_on("abcdef", lambda places: iter(())))


@pytest.mark.parametrize(
    ("places", "ranges"),
    [
        ([], []),
        ([3], [range(3, 4)]),
        (range(5), [range(2), range(2, 4), range(4, 5)]),
        ([0, 1, 2, 5, 6, 9], [range(2), range(2, 3), range(5, 7), range(9, 10)]),
    ],
)
def test_places_are_cut_into_stretches_without_gaps(places, ranges):
    assert keeping.stretches(places, 2) == ranges


def test_a_device_keeps_no_rows(small_table):
    assert keeping.unfinished_path("/dev/null") is None
    path = small_table.events["audio_path"].iloc[0]
    assert CliRunner().invoke(main, ["predict", path, "--output", "/dev/null"]).exit_code == 0


@pytest.mark.parametrize("missing", [1, 10, 10_000])
def test_a_line_cut_short_is_done_again(tmp_path, missing):
    predict(tmp_path / "rows", resume=False, stop_after=2)
    content = (tmp_path / "rows").read_bytes()
    (tmp_path / "rows").write_bytes(content[:-missing])
    again, _ = predict(tmp_path / "rows", resume=True)
    assert again["note_id"].tolist() == list("abcdef")
    assert again["p"].tolist() == (EVENTS["onset_sec"] / 3).tolist()


def test_rows_of_other_events_or_another_model_are_refused(tmp_path):
    predict(tmp_path / "rows", resume=False, stop_after=1)
    with pytest.raises(RunError, match=r"must hold rows of the same model, events and settings to go on with"):
        predict(tmp_path / "rows", resume=True, key="other")
    assert predict(tmp_path / "rows", resume=False, key="other")[1] == list("abcdef")


def test_the_key_is_of_the_model_the_events_and_the_settings(tmp_path):
    files = model_files("pretrained")
    assert [path.name for path in files][:2] == ["config.yaml", "model.json"]
    keys = {
        keeping.prediction_key(files, ["a", "b"], None),
        keeping.prediction_key(files, ["a", "b"], "harmonic=0.1"),
        keeping.prediction_key(files, ["b", "a"], None),
        keeping.prediction_key(files[:1], ["a", "b"], None),
    }
    assert len(keys) == 4
    assert keeping.prediction_key(files[::-1], ["a", "b"], None) in keys


def test_a_predict_that_was_interrupted_goes_on(small_table, tmp_path, monkeypatch):
    output = tmp_path / "p.csv"
    args = ["predict", str(small_table.audio_root), "--engine", "torch", "--output", str(output)]
    monkeypatch.setattr(Model, "rows_at_once", 10)
    whole = CliRunner().invoke(main, [*args[:-1], str(tmp_path / "whole.csv")])
    assert whole.exit_code == 0, whole.output
    original, n_calls = Model.run, []

    def interrupted(*parts):
        n_calls.append(1)
        if len(n_calls) == 3:
            raise KeyboardInterrupt
        return original(*parts)

    monkeypatch.setattr(Model, "run", interrupted)
    assert CliRunner().invoke(main, args).exit_code == 130
    assert not output.exists()
    done = CliRunner().invoke(main, [*args, "--resume"])
    assert done.exit_code == 0, done.output
    assert "20 of 30 events were done before" in done.stderr
    assert len(n_calls) == 4
    assert output.read_text() == (tmp_path / "whole.csv").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.csv", "whole.csv"]
    assert CliRunner().invoke(main, ["predict", "x.wav", "--resume"]).exit_code == 2


def config_for(table, output_dir, **changes):
    config = small_config(
        data__metadata_path=str(table.path), data__audio_root=str(table.audio_root), output_dir=str(output_dir)
    )
    values = {"search.params": {"net.lr": [1e-2, 1e-3, 1e-5]}, "search.n_splits": 2, "net.max_epochs": 1}
    return with_values(config, values | changes, source="test")


@pytest.mark.slow
def test_a_search_that_was_interrupted_keeps_its_fits(small_table, tmp_path, monkeypatch):
    whole = searching.search(config_for(small_table, tmp_path / "whole"))
    original, asked = CandidateFits.__call__, []

    def interrupted(fits, job):
        asked.append(job)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return original(fits, job)

    monkeypatch.setattr(CandidateFits, "__call__", interrupted)
    config = config_for(small_table, tmp_path / "search")
    with pytest.raises(KeyboardInterrupt):
        searching.search(config)
    with pytest.raises(RunError, match="already holds a run, unfinished"):
        searching.search(config)
    with pytest.raises(RunError, match=r"`search\.n_splits` must be as in the run to go on with --resume"):
        searching.search(config_for(small_table, tmp_path / "search", **{"search.n_splits": 3}), resume=True)
    result = searching.search(config, resume=True)
    assert asked == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 1), (2, 0), (2, 1)]
    columns = [name for name in whole.table if name != "mean_fit_sec"]
    pd.testing.assert_frame_equal(result.table[columns], whole.table[columns], check_exact=True)
    weights = [folder / "best" / "model" / "weights.safetensors" for folder in (whole.folder, result.folder)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    again = searching.search(config, resume=True)
    assert len(asked) == 7
    assert again.best == whole.best
    (tmp_path / "search" / "mine.txt").write_text("kept")
    searching.search(
        config_for(small_table, tmp_path / "search", **{"search.params": {"net.lr": [1e-3]}}), overwrite=True
    )
    assert (tmp_path / "search" / "mine.txt").exists()
    assert len(pd.read_csv(tmp_path / "search" / "search_results.csv")) == 1
