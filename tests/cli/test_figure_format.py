"""--figure-format: pictures for the screen and for papers."""

import shutil

import pytest
from commands import call
from small import options_for

STARTS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.fixture
def run_copy(run, tmp_path):
    """A finished run that may be changed."""
    return shutil.copytree(run.folder.root, tmp_path / "run")


def figures(folder):
    return sorted(path.name for path in (folder / "figures").iterdir())


@pytest.mark.parametrize("format", STARTS)
def test_inspect_draws_what_the_suffix_or_the_option_says(small_table, tmp_path, monkeypatch, format):
    monkeypatch.chdir(tmp_path)
    note = small_table.events["audio_path"].iloc[0]
    for asked, drawn in ((["--output", f"mine.{format}"], f"mine.{format}"), (["--figure-format", format], None)):
        name = drawn or f"{note.rpartition('/')[2].rpartition('.')[0]}.{format}"
        for _ in range(2):  # its own figure is drawn again
            assert f"Drawn: {name}" in call("inspect", note, *asked).stdout
        assert (tmp_path / name).read_bytes().startswith(STARTS[format])


def test_inspect_refuses_a_suffix_that_is_another_format(small_table, tmp_path):
    note = small_table.events["audio_path"].iloc[0]
    told = call("inspect", note, "--output", tmp_path / "a.png", "--figure-format", "pdf", code=1).stderr
    assert "--output must end in .pdf. Got" in told
    assert ".png or .svg or .pdf" in call("inspect", note, "--output", tmp_path / "a.jpg", code=1).stderr


@pytest.mark.parametrize("content", [b"%PDF-1.4 of somebody else", b""])
def test_a_pdf_of_somebody_else_stays(small_table, tmp_path, content):
    output = tmp_path / "mine.pdf"
    output.write_bytes(content)
    told = call("inspect", small_table.events["audio_path"].iloc[0], "--output", output, code=1).stderr
    assert "--output must be a new file" in told
    assert output.read_bytes() == content


def test_eval_draws_for_papers_beside_what_is_there(run_copy):
    before = figures(run_copy)
    call("eval", run_copy, "--figure-format", "pdf")
    assert figures(run_copy) == sorted([*before, "confusion_val.pdf"])


def test_a_finished_run_gets_its_learning_curves_in_another_format(run_copy):
    call("train", "--output-dir", run_copy, "--resume", "--figure-format", "svg")
    assert "learning_curves.svg" in figures(run_copy)


def test_a_comparison_draws_nothing(run):
    told = call("eval", run.folder.root, "--against", run.folder.root, "--figure-format", "pdf", code=2).stderr
    assert "--figure-format goes without --against" in told


def test_a_finished_cross_validation_gets_what_an_earlier_version_did_not_write(small_table, tmp_path):
    asked = ["crossval", *options_for(small_table, tmp_path / "cv", crossval__n_splits=2, net__max_epochs=1)]
    call(*asked)
    (tmp_path / "cv" / "scores.tex").unlink()
    (tmp_path / "cv" / "scores.csv").write_text("worked on")
    call(*asked, "--resume", "--figure-format", "pdf")
    assert figures(tmp_path / "cv") == ["tracks.pdf", "tracks.png"]
    assert r"\toprule" in (tmp_path / "cv" / "scores.tex").read_text()
    assert (tmp_path / "cv" / "scores.csv").read_text() == "worked on"
