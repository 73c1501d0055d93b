"""Every page with code is walked from top to bottom, as it would be pasted, in a folder with what it speaks of."""

import json
import shutil
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
from commands import call
from joblib.externals.loky import get_reusable_executor
from pages import CHECKOUT, PAGES, blocks
from small import small_config
from walk import make_folder, run_node, run_python, run_shell, write_shims

import guitarclf

# Pages whose blocks have a test of their own: tests/docs/test_correct.py does by hand what that page asks for.
ELSEWHERE = {"docs/correct.md"}
WALKED = [page for page in PAGES if blocks(page, "sh", "python", runs=True) and page not in ELSEWHERE]
# What a page makes by itself, and so must not find.
MADE = {
    "docs/start.md": ["lessons"],
    "docs/tutorials/lesson.md": ["lessons"],
    "docs/tutorials/forty_wavs.md": ["my_wavs"],
}
# What a page goes on with: a model of one's own, other notes.
WITH_A_RUN = {"docs/reference/behaviour.md"}


@pytest.fixture(scope="module")
def spoken_of(tmp_path_factory, run):
    """A folder with all that the pages speak of: copy it, do not change it."""
    folder = tmp_path_factory.mktemp("pages") / "folder"
    folder.mkdir()
    make_folder(folder, run.folder.root)
    write_shims(folder.parent / "programs")
    return folder


@pytest.fixture
def place(page, spoken_of, tmp_path, monkeypatch):
    """The folder in which a page is walked."""
    folder = tmp_path / "here"
    shutil.copytree(spoken_of, folder)
    for name in MADE.get(page, []):
        shutil.rmtree(folder / name, ignore_errors=True)
    if page in WITH_A_RUN:
        shutil.copy(folder / "notes.csv", folder / "other.csv")
        shutil.copytree(folder / "audio", folder / "other_audio")
    monkeypatch.chdir(folder)
    get_reusable_executor().shutdown(wait=True)  # workers of another test would be in another folder
    monkeypatch.setattr(guitarclf, "Config", lambda: small_config(net__max_epochs=1), raising=False)
    return folder


def walk(page, spoken_of):
    """Run the blocks of sh and Python of a page in turn; return the names that those of Python leave."""
    names: dict = {}
    for block in blocks(page, "sh", "python", runs=True):
        if block.language == "sh":
            run_shell(block, spoken_of.parent / "programs")
        else:
            run_python(block, names)
    return names


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # what scikit-learn says of a few notes is no fault of a page
@pytest.mark.parametrize("page", WALKED)
def test_a_page_runs_as_pasted(page, place, spoken_of):
    walk(page, spoken_of)


def test_the_answer_that_start_shows_is_the_one_that_comes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (shown,) = blocks("docs/start.md", "text")
    run_python(blocks("docs/start.md", "python")[0], {})
    told, came = shown.text.split(), call("predict", "notes").stdout.splitlines()[:2]
    assert told[0] == came[0]
    for cell, other in zip(told[1].split(","), came[1].split(","), strict=True):
        assert cell == other or float(cell) == pytest.approx(float(other), abs=1e-3)


@contextmanager
def served(folder):
    """Give the address at which the files of a folder are served."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *told):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def modules_with(name: str):
    """Return the folder of npm packages in which `make javascript` puts one; skip the test where it is not."""
    modules = CHECKOUT / "build" / "node" / "node_modules"
    if not (modules / name).is_dir():
        pytest.skip(f"`make javascript` runs this: it needs npm, and {name} from it")
    return modules


in_javascript = pytest.mark.parametrize("page", ["docs/tutorials/app.md"])


@pytest.mark.slow
@in_javascript
def test_node_answers_as_python(page, place, spoken_of):
    modules, names = modules_with("onnxruntime-node"), walk(page, spoken_of)
    (block,) = blocks(page, "js", runs=True)
    run_node(block, modules)
    answer = json.loads((place / "answer.json").read_text())
    np.testing.assert_allclose(answer["probabilities"], names["probabilities"][0], atol=1e-4)
    np.testing.assert_allclose(answer["confidence"], names["confidence"][0], atol=1e-4)
    assert answer["label"] == names["label"]


@pytest.mark.slow
@in_javascript
def test_a_browser_answers_as_python(page, place, spoken_of, browser):
    modules, names = modules_with("onnxruntime-web"), walk(page, spoken_of)
    (block,) = blocks(page, "html")
    (place / "page.html").write_text(f"<!doctype html>\n{block.text}", encoding="utf-8")
    (place / "dist").symlink_to(modules / "onnxruntime-web" / "dist")
    with served(place) as address, browser.new_page() as tab:
        complaints = []
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.goto(f"{address}/page.html")
        tab.set_input_files("#file", "note.wav")
        tab.wait_for_function("document.getElementById('answer').textContent", timeout=60_000)
        assert tab.inner_text("#answer") == names["label"]
        assert complaints == []
