"""The page of a run or a cross-validation, in a browser and on disk."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from notes import write_note_table
from small import config_for

from guitarclf.cli import main
from guitarclf.errors import RunError
from guitarclf.evaluation.metrics import PROBA_COLUMNS, evaluate
from guitarclf.experiment import report_clips, report_tables
from guitarclf.experiment.report import page, write_report
from guitarclf.experiment.report_subject import find_subject
from guitarclf.experiment.train import train
from guitarclf.labels import LABELS
from guitarclf.runs.folder import CrossvalFolder, RunFolder

HOSTILE = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>"
SHOWN = "#notes tbody tr:not([hidden])"


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    """What is said of 30 notes of hostile names: some of each cell of the confusion matrix, one below the threshold."""
    folder = tmp_path_factory.mktemp("hostile")
    names = {"note_id": lambda n, row: f"{HOSTILE} {n}", "track": lambda n, row: f"{HOSTILE} {n % 3}"}
    table = write_note_table(folder / "notes", extra=names)
    run = train(config_for(table, folder / "run", net__max_epochs=2)).folder
    scored = find_subject(run.root, split="all")
    proba = np.random.default_rng(0).dirichlet(np.ones(3), len(scored.rows))
    rows = scored.rows.assign(**dict(zip(PROBA_COLUMNS, proba.T, strict=True)))
    rows["called"] = np.array(LABELS)[proba.argmax(axis=1)]
    rows = rows.assign(confidence=proba.max(axis=1), unknown_below=np.sort(proba.max(axis=1))[:2].mean())
    return replace(scored, rows=rows, report=evaluate(rows["label_category"], proba))


@pytest.fixture(scope="module")
def html(subject):
    return page(subject, title=HOSTILE)


def cell_of(tab, selector=SHOWN):
    """Return what was true and called of the notes that are shown."""
    return tab.eval_on_selector_all(selector, "rows => rows.map(row => row.dataset.cell)")


def test_the_page_says_what_was_scored_and_how_well(subject, html, open_page):
    tab = open_page(html).tab
    assert "30 notes were scored: all rows" in tab.inner_text("header")
    assert tab.inner_text(".score.main .value") == f"{subject.report.macro_f1:.3f}"
    counts = tab.eval_on_selector_all("button.cell .count", "cells => cells.map(cell => Number(cell.textContent))")
    assert counts == np.ravel(subject.report.confusion).tolist()
    assert "For 1 of 30 answers predict says unknown" in tab.inner_text("main")
    assert tab.locator("img.figure").count() == 2
    assert tab.locator("#tracks tbody tr").count() == 9
    assert "net.max_epochs" in tab.inner_text(".settings")
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_it_is_narrow_on_a_phone(html, open_page):
    tab = open_page(html, viewport={"width": 390, "height": 800}).tab
    assert tab.evaluate("document.documentElement.scrollWidth") == 390


def test_hostile_names_stay_text(html, open_page):
    tab = open_page(html).tab
    assert tab.title() == tab.inner_text("h1") == HOSTILE
    assert tab.inner_text(f"{SHOWN} .id >> nth=0").startswith(HOSTILE)
    assert tab.inner_text("#tracks tbody tr td >> nth=0") == f"{HOSTILE} 0"
    assert tab.locator("img[src=x]").count() == 0
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    assert policy.startswith("default-src 'none'; img-src data:; media-src data:; style-src 'sha256-")
    assert "unsafe" not in policy


def test_notes_called_wrongly_come_first_the_surest_on_top(subject, html, open_page):
    tab = open_page(html).tab
    wrong = subject.rows[subject.rows["called"] != subject.rows["label_category"]]
    assert len(cell_of(tab)) == len(wrong)
    sure = tab.eval_on_selector_all(SHOWN, "rows => rows.map(row => Number(row.dataset.confidence))")
    assert sure == sorted(wrong["confidence"].round(6), reverse=True)
    tab.select_option("#which", "right")
    assert len(cell_of(tab)) == 30 - len(wrong)
    tab.select_option("#which", "all")
    assert tab.inner_text(".shown") == "30 of 30 shown"


def test_a_cell_opens_its_notes_and_closes_them_again(subject, html, open_page):
    tab = open_page(html).tab
    n_wrong = len(cell_of(tab))
    counts = subject.rows.groupby(["label_category", "called"]).size()
    for (true, called), count in counts.items():
        tab.click(f"button.cell[data-cell='{true} {called}']")
        assert cell_of(tab) == [f"{true} {called}"] * count
        assert tab.locator("button.cell[aria-pressed=true]").count() == 1
    assert tab.inner_text("#cell") == f"{true} called {called}"
    tab.click("#cell")
    assert len(cell_of(tab)) == n_wrong
    assert tab.locator("button.cell[aria-pressed=true]").count() == 0


def test_cells_tracks_and_classes_narrow_down_together(subject, html, open_page):
    tab = open_page(html).tab
    tab.click("[data-show-track] >> nth=0")
    track = f"{HOSTILE} 0"
    of_track = subject.rows[subject.rows["track"] == track]
    assert len(cell_of(tab)) == len(of_track)
    tab.uncheck("form.filters [value=harmonic]")
    assert len(cell_of(tab)) == (of_track["called"] != "harmonic").sum()
    true, called = of_track[of_track["called"] != "harmonic"][["label_category", "called"]].iloc[0]
    tab.click(f"button.cell[data-cell='{true} {called}']")
    both = (of_track["label_category"] == true) & (of_track["called"] == called)
    assert cell_of(tab) == [f"{true} {called}"] * both.sum()


def test_each_note_plays_its_own_sound(html, open_page):
    opened = open_page(html)
    tab = opened.tab
    sounds = []
    for row in (0, 1):
        tab.click(f"{SHOWN} >> nth={row} >> button.play")
        opened.wait("document.getElementById('clip').currentTime > 0.05")
        sounds.append(tab.evaluate("document.getElementById('clip').src"))
        assert tab.locator(".playing").count() == 1
    opened.wait("document.getElementById('clip').paused")
    assert tab.locator(".playing").count() == 0
    assert len(set(sounds)) == 2
    assert all(sound.startswith("data:audio/ogg;base64,") for sound in sounds)


def test_keys_play_the_note_that_is_chosen_whatever_sounds(html, open_page):
    opened = open_page(html)
    tab = opened.tab
    tab.click(f"{SHOWN} >> nth=0 >> button.play")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press(" ")
    opened.wait("!document.getElementById('clip').paused && document.getElementById('clip').currentTime > 0")
    assert tab.locator(f"{SHOWN} >> nth=1 >> button.playing").count() == 1
    tab.keyboard.press(" ")
    assert tab.locator(".playing").count() == 0
    assert tab.evaluate("document.getElementById('clip').paused")


def test_a_run_without_its_audio_has_a_page_without_sound(run, tmp_path, open_page):
    html = page(find_subject(run.folder.root, audio_root=tmp_path), title="gone")
    tab = open_page(html).tab
    assert "No recording can be read, so there is no sound" in tab.inner_text(".problem")
    assert tab.locator("button.play, audio, #notes").count() == 0
    assert tab.locator("button.cell:not([disabled])").count() == 0
    assert tab.locator("img.figure").count() == 1  # the learning curves
    assert tab.inner_text(".score.main .value").startswith("0.")


def test_several_nets_of_a_note_are_one_row_that_counts_them(subject, open_page):
    rows = pd.concat([subject.rows.assign(repeat=repeat) for repeat in (1, 2)], ignore_index=True)
    report = evaluate(rows["label_category"], rows[PROBA_COLUMNS])
    twice = replace(subject, rows=rows, report=report, kind="crossval", text=HOSTILE, history=[])
    tab = open_page(page(twice, title="cv")).tab
    assert "30 notes of 3 tracks, each scored by 2 nets that have not heard its track." in tab.inner_text("header")
    tab.select_option("#which", "all")
    assert len(cell_of(tab)) == 30
    assert "2 of 2" in tab.inner_text(f"{SHOWN} >> nth=0")
    assert tab.text_content("pre") == HOSTILE
    assert "keeps no learning curves" in tab.inner_text("main")


def test_a_page_is_bounded_and_says_what_it_leaves_out(subject, monkeypatch, open_page):
    monkeypatch.setattr(report_clips, "MAX_NOTES", 10)
    monkeypatch.setattr(report_clips, "MAX_WRONG", 6)
    monkeypatch.setattr(report_clips, "MAX_BYTES", 60_000)
    monkeypatch.setattr(report_tables, "MAX_TRACKS", 2)
    tab = open_page(page(subject, title="part")).tab
    assert "This page holds 10 of 30 notes" in tab.inner_text("#notes-head + p")
    n_heard = tab.locator("button.play").count()
    assert 0 < n_heard < 10
    assert f" {n_heard} can be heard" in tab.inner_text("#notes-head + p")
    assert tab.locator("#tracks tbody tr").count() == 2


def test_a_page_tells_no_folders(subject, html):
    assert str(subject.folder.parent) not in html


def test_the_command_writes_into_the_run_and_replaces_only_pages(run, tmp_path):
    path = run.folder.root / "report_test.html"
    arguments = ["report", str(run.folder.root), "--split", "test"]
    path.write_text('<meta name="generator" content="guitarclf 0.1.0">')
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert f"Written: {path} (" in done.output
    assert "<h1>run</h1>" in path.read_text(encoding="utf-8")
    assert path in run.folder.artefacts
    path.write_text("my own notes")
    with pytest.raises(RunError, match="must replace nothing but a page"):
        write_report(run.folder.root, split="test")
    done = CliRunner().invoke(main, [*arguments, "--output", str(path)])
    assert "--output must be a new file" in done.output
    assert path.read_text() == "my own notes"
    path.unlink()
    done = CliRunner().invoke(main, [*arguments, "--output", str(tmp_path / "page.txt")])
    assert "--output must end in .html" in done.output


def test_a_bundle_gets_its_page_here_and_stays_as_it_is(small_bundle, small_table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(small_bundle.rglob("*"))
    path = write_report(small_bundle, metadata_path=small_table.path, audio_root=small_table.audio_root)
    assert path.resolve() == tmp_path / "report_events.html"
    assert sorted(small_bundle.rglob("*")) == before
    assert "30 notes were scored: the table events" in path.read_text(encoding="utf-8")


def test_what_is_replaced_or_removed_takes_its_page_along(tmp_path):
    (tmp_path / "report_val.html").write_text("")
    assert tmp_path / "report_val.html" in RunFolder(tmp_path).artefacts
    assert tmp_path / "report.html" in CrossvalFolder(tmp_path).artefacts
