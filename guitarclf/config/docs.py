"""The configuration in words: configs/default.yaml, the tables of keys on the pages, and what a key means.

``python -m guitarclf.config.docs`` (``make docs``) rewrites them in a checkout; a test compares them.
"""

import dataclasses
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from guitarclf.config import Config, get_value, leaves
from guitarclf.config.files import suggest
from guitarclf.errors import ConfigError
from guitarclf.files.wording import shortened
from guitarclf.parameters.rules import Parameters, rule_of

IN_PYTHON = ("window", "logmel", "net")  # sections that are steps of the Pipeline
TABLE_START, TABLE_END = "<!-- config keys: written by `make docs` -->", "<!-- end of config keys -->"
# The keys that people change first, which README shows.
CHANGED_FIRST = (
    "data.columns",
    "data.labels",
    "data.on_bad_audio",
    "window.target_duration",
    "window.channel",
    "logmel.n_mels",
    "net.batch_size",
    "net.max_epochs",
    "net.lr",
    "net.priors",
    "net.unknown_share",
    "net.module.rnn_hidden_size",
    "training.add_modelled",
    "training.init_from",
    "seed",
)
PAGES = {"README.md": CHANGED_FIRST, "docs/reference/config.md": ()}  # page -> the keys that its table has; (): all


def default_yaml() -> str:
    """Return every key with its default, its explanation and unit in a comment, as YAML."""
    lines = ["# Every key with its default. A run's own config.yaml has the same shape.", *_yaml_lines(Config())]
    return "\n".join(lines) + "\n"


def _yaml_lines(section: Parameters, indent: str = "") -> Iterator[str]:
    for item in dataclasses.fields(section):
        value = getattr(section, item.name)
        if isinstance(value, Parameters):
            yield f"{indent}{item.name}:"
            yield from _yaml_lines(value, f"{indent}  ")
        else:
            key, unit = f"{indent}{item.name}: {_as_yaml(value)}", item.metadata["unit"]
            yield f"{key:46} # {item.metadata['doc']}" + (f" [{unit}]" if unit else "")


def markdown_table(only: Collection[str] = ()) -> str:
    """Return keys with their default, unit and meaning as a Markdown table: those of ``only``, or all."""
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for path, leaf in leaves():
        if not only or path in only:
            unit = f" {leaf.metadata['unit']}" if leaf.metadata["unit"] else ""
            rows.append(f"| `{path}` | `{_as_yaml(get_value(Config(), path))}`{unit} | {leaf.metadata['doc']} |")
    return "\n".join(rows)


def with_table(page: str, only: Collection[str] = ()) -> str:
    """Return a page's text with the table between its markers replaced."""
    before, _, rest = page.partition(TABLE_START)
    return f"{before}{TABLE_START}\n{markdown_table(only)}\n{TABLE_END}{rest.partition(TABLE_END)[2]}"


def explained_key(key: str) -> str:
    """Return what a key of the configuration means, its rule, unit and default; of a section, what its keys mean.

    ConfigError, with the nearest name, if there is none of that name. ``net__lr`` is ``net.lr``.
    """
    path = key.replace("__", ".")
    known = dict(leaves())
    below = [name for name in known if name.startswith(f"{path}.")]
    if below:
        width = max(map(len, below)) + 2
        return "\n".join(f"{name:{width}}{known[name].metadata['doc']}" for name in below)
    if path not in known:
        section, _, last = path.rpartition(".")
        raise ConfigError(f"unknown key `{shortened(key)}`. {suggest(f'{section}.' if section else '', last)}")
    leaf = known[path]
    told = {
        "meaning": leaf.metadata["doc"],
        "must be": rule_of(leaf),
        "unit": leaf.metadata["unit"],
        "default": _as_yaml(get_value(Config(), path)),
        "in Python": path.replace(".", "__") if path.split(".")[0] in IN_PYTHON else "",
    }
    return "\n".join([path, *(f"  {name:11}{text}" for name, text in told.items() if text)])


def _as_yaml(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}".replace("e-0", "e-")
    return json.dumps(value)


if __name__ == "__main__":
    checkout = Path(__file__).resolve().parent.parent.parent
    (checkout / "configs" / "default.yaml").write_text(default_yaml(), encoding="utf-8")
    for name, keys in PAGES.items():
        page = checkout / name
        page.write_text(with_table(page.read_text(encoding="utf-8"), keys), encoding="utf-8")
