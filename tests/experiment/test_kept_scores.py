"""The scores of a search that are on disk: what older versions wrote is taken up, and what is damaged is refused."""

import json

import pandas as pd
import pytest
from small import config_for

from guitarclf.config.files import with_values
from guitarclf.errors import RunError
from guitarclf.experiment.candidate_fits import CandidateFits
from guitarclf.experiment.candidates import describe, list_candidates
from guitarclf.experiment.kept_scores import checked_scores, score_journal, scores_of_0_1_0
from guitarclf.experiment.search import search
from guitarclf.files.digest import text_digest
from guitarclf.runs.folder import SearchFolder
from guitarclf.runs.session import OpenRun

CANDIDATES = [{"net.lr": 1e-2}, {"net.lr": 1e-3}, {"net.lr": 1e-5}]
KEY = text_digest(*map(describe, CANDIDATES), "2")


def candidate(*folds, sec=1.5) -> dict:
    """Return a candidate as versions before wrote it."""
    return {"folds": list(folds), "fit_sec": sec}


def write_lines(path, *lines) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def kept(folder) -> dict[int, dict]:
    """Return the fits that a search of CANDIDATES in two folds goes on with, by place."""
    journal = score_journal(OpenRun(SearchFolder(folder), pd.DataFrame(), resume=True), CANDIDATES, 2)
    fits = [(number, fold) for number in range(3) for fold in range(2)]
    return {first: part[0] for first, part in journal.go_on(fits, lambda rest: ())}


def test_whole_candidates_of_the_version_before_become_fits(tmp_path):
    parts = [
        {"first": 0, "n_items": 1, "part": [candidate(0.25, 0.5)]},
        {"n_items": 1, "part": [candidate(0.1, 0.3, sec=2)]},  # 0.2.0 told no place
    ]
    write_lines(tmp_path / "scored.jsonl", {"key": KEY}, *parts)
    found = kept(tmp_path)
    assert {place: fit["score"] for place, fit in found.items()} == {0: 0.25, 1: 0.5, 2: 0.1, 3: 0.3}
    assert [fit["fit_sec"] for fit in found.values()] == [1.5, 1.5, 2, 2]
    assert kept(tmp_path) == found  # from the new journal, which has them now


def test_what_0_1_0_kept_becomes_fits(tmp_path):
    (tmp_path / "scored.json").write_text(json.dumps({"0": candidate(0.2, 0.4)}))
    assert {place: fit["score"] for place, fit in kept(tmp_path).items()} == {0: 0.2, 1: 0.4}


def test_fits_are_kept_in_any_order(tmp_path):
    parts = [{"first": place, "n_items": 1, "part": [{"score": place / 8, "fit_sec": 1}]} for place in (5, 0)]
    write_lines(tmp_path / "finished_fits.jsonl", {"key": KEY}, *parts)
    assert {place: fit["score"] for place, fit in kept(tmp_path).items()} == {5: 0.625, 0: 0.0}


@pytest.mark.parametrize(
    "lines",
    [
        [{"n_items": 1, "part": [candidate(0.1)]}],
        [{"n_items": 1, "part": [{"folds": None, "fit_sec": 1}]}],
        [{"n_items": 1, "part": [7]}],
        [{"n_items": 1, "part": [candidate(0.1, 0.2)]}] * 4,
        [{"n_items": 1, "part": [candidate("a", 0.2)]}],
    ],
)
def test_damaged_candidates_are_refused(tmp_path, lines):
    write_lines(tmp_path / "scored.jsonl", {"key": KEY}, *lines)
    with pytest.raises(RunError, match=r"scored\.jsonl must hold the scores of fits\. .* Begin again with --overwrite"):
        kept(tmp_path)


@pytest.mark.parametrize(
    "text", ['{"0": {"folds": [1]}}', "[1", '{"1": {"folds": [1, 2], "fit_sec": 1}}', '{"0": 1}', "[[]]"]
)
def test_damaged_scores_of_0_1_0_are_refused(tmp_path, text):
    (tmp_path / "scored.json").write_text(text)
    with pytest.raises(RunError, match=r"scored\.json must hold the scores of fits\."):
        scores_of_0_1_0(tmp_path / "scored.json", 2)


@pytest.mark.parametrize("fits", [[], [{"score": 1}], [{"score": None, "fit_sec": 1}], [{"score": 1, "fit_sec": -1}]])
def test_damaged_fits_are_refused(tmp_path, fits):
    with pytest.raises(RunError, match="must hold the scores of fits"):
        checked_scores(fits, 1, tmp_path / "finished_fits.jsonl")


def test_scores_of_other_candidates_are_refused(tmp_path):
    write_lines(tmp_path / "scored.jsonl", {"key": "other"}, {"n_items": 1, "part": [candidate(0.1, 0.2)]})
    with pytest.raises(RunError, match="It holds others"):
        kept(tmp_path)


def test_a_search_of_the_version_before_fits_what_is_left(small_table, tmp_path, monkeypatch):
    asked = []

    def note(fits, job):
        asked.append(job)
        return {"score": 0.0, "fit_sec": 1.0}

    monkeypatch.setattr(CandidateFits, "__call__", note)
    config = config_for(small_table, tmp_path, net__max_epochs=1)
    params = {"search.params": {"net.lr": [1e-2, 1e-3]}, "search.n_splits": 2}
    config = with_values(config, params, source="test")
    search(config)
    (tmp_path / "best" / "model" / "model.json").unlink()  # it is not finished
    (tmp_path / "finished_fits.jsonl").unlink()
    key = text_digest(*map(describe, list_candidates(config)), "2")
    write_lines(tmp_path / "scored.jsonl", {"key": key}, {"n_items": 1, "part": [candidate(0.5, 0.75)]})
    asked.clear()
    table = search(config, resume=True).table
    assert asked == [(1, 0), (1, 1)]
    assert table["mean_f1_macro"].tolist() == [0.625, 0]
