"""The floors of the house, from the top: what each room holds. The architecture test checks imports against this list.

``python tests/support/floors.py`` (part of ``make docs``) writes it into the page "How it is built".
"""

from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "explanation" / "built.md"
START, END = "<!-- floors: written by `make docs` -->", "<!-- end of floors -->"
FLOORS = [
    {"cli": "one thin click command a file; installed as guitarclf.cli"},
    {"experiment": "the tasks: train, evaluate, report, predict, search, crossval, validate, import, inspect, demo"},
    {"timeline": "events of whole recordings: found, classified, and written in the formats that other tools read"},
    {"bundle": "a model on disk: found, checked, loaded, asked"},
    {
        "pipeline": "build_pipeline(config): steps window, logmel, net",
        "dataset": "the same features as a torch Dataset",
        "runs": "folders that commands write into, and going on with what was begun there",
        "cluster": "run_unordered: jobs in processes of this machine, or on a Dask cluster",
    },
    {
        "training": "the net as a scikit-learn classifier, its callbacks, its checkpoints",
        "onnx": "a model as an ONNX file: written, checked, run",
        "evaluation": "scores, baselines and figures, from tables and arrays only",
        "pages": "what pages for a browser share: template, styles, scripts, sound and pictures",
        "workers": "what runs in a process that works for another, and what both must have in common",
    },
    {
        "features": "scikit-learn transformers: windows and log-mel, and the store of features",
        "data": "tables of events, splits, importers, modelled guitars",
        "config": "the typed configuration, its files and its tables",
    },
    {
        "models": "torch modules: the CRNN, its augmentation, loss and calibration",
        "audio": "recordings, windows of sound, mel spectrograms",
    },
    {
        "files": "whole files, locks, digests, progress, the wording of messages",
        "priors": "Bayes' rule on the shares of the classes",
    },
    {"parameters": "defaults, choices and rules of window, logmel and net: said once, without torch"},
    {"labels": "the three classes and their order", "errors": "what can go wrong, as one tree"},
]


def as_text() -> str:
    """Return the floors as a block of Markdown, the lowest with number 1."""
    lines = []
    for above, rooms in enumerate(FLOORS):
        lines += [f"{len(FLOORS) - above:2}  {room:12}{holds}" for room, holds in rooms.items()]
    return "\n".join(["```text", *lines, "```"])


def with_floors(page: str) -> str:
    """Return the page's text with the block between its markers replaced."""
    before, _, rest = page.partition(START)
    return f"{before}{START}\n{as_text()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_floors(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
