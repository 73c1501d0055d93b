"""In a notebook: what draws itself, and what is told while something works. A small one is executed as by Jupyter."""

import nbclient
import nbformat
import pytest
from small import SMALL_NET

pytestmark = pytest.mark.slow
TRAINING = f"""
from guitarclf import build_pipeline, load_config, read_events
events = read_events(TABLE, audio_root=ROOT)
pipeline = build_pipeline(load_config(overrides={SMALL_NET!r})).set_params(net__verbose=1, logmel__cache=None)
pipeline.fit(events, events["label_category"], net__groups=events["track"])
"""
CELLS = {
    "training": TRAINING,
    "pipeline": "pipeline",
    "progress": """
from guitarclf.files.progress import Progress
with Progress(10, desc="counting") as bar:
    bar.update(10)
""",
    "inspect": "import guitarclf\nguitarclf.inspect(events['audio_path'][0])",
    "report": "guitarclf.evaluate(events['label_category'], guitarclf.predict_by_label(pipeline, events))",
    "timeline": "guitarclf.annotate(events['audio_path'][:2])",
    "pyplot": """
import matplotlib.pyplot as plt
(plt.get_fignums(), plt.rcParams["font.size"])
""",
}


@pytest.fixture(scope="module")
def outputs(small_table):
    """The outputs of each cell, by its name."""
    names = f"TABLE, ROOT = {str(small_table.path)!r}, {str(small_table.audio_root)!r}"
    cells = [nbformat.v4.new_code_cell(source) for source in (names, *CELLS.values())]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return dict(zip(CELLS, (cell.outputs for cell in notebook.cells[1:]), strict=True))


def shown(outputs, media_type):
    """Return what the outputs of a cell show of a media type, joined."""
    return "".join(output.data.get(media_type, "") for output in outputs if "data" in output)


def printed(outputs, stream):
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == stream)


def test_verbose_prints_epochs(outputs):
    lines = printed(outputs["training"], "stdout").splitlines()
    columns = lines[0].split()
    assert "valid_macro_f1" in columns
    assert len(set(columns)) == len(columns)
    assert [line.split()[0] for line in lines if line.split()[0].isdigit()] == ["1", "2", "3"]


def test_a_pipeline_has_its_html_form(outputs):
    html = shown(outputs["pipeline"], "text/html")
    for name in ("EventWindow", "LogMelSpectrogram", "NoteEventClassifier"):
        assert name in html


def test_a_bar_is_drawn_below_the_cell(outputs):
    assert "counting" in printed(outputs["progress"], "stderr")


def test_an_event_is_drawn(outputs):
    assert shown(outputs["inspect"], "image/png").startswith("iVBORw0KGgo")  # PNG, in base64


def test_a_report_is_a_table(outputs):
    assert "<caption>30 notes, macro-F1" in shown(outputs["report"], "text/html")


def test_what_annotate_returns_is_drawn(outputs):
    html = shown(outputs["timeline"], "text/html")
    assert html.count("data:image/png") == 2
    assert "<th>note_id</th>" in html


def test_nothing_is_left_in_pyplot(outputs):
    assert shown(outputs["pyplot"], "text/plain") == "([], 10.0)"
