"""The configuration in words: configs/default.yaml and the README's table, written from the dataclasses.

``python -m guitarclf.config.docs`` (``make docs``) rewrites both in a checkout; a test compares them.
"""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from guitarclf.config import Config, get_value, leaves
from guitarclf.parameters.rules import Parameters

TABLE_START, TABLE_END = "<!-- config keys: written by `make docs` -->", "<!-- end of config keys -->"


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


def markdown_table() -> str:
    """Return every key with its default, unit and meaning as a Markdown table."""
    rows = ["| key | default | unit | meaning |", "|---|---|---|---|"]
    for path, leaf in leaves():
        unit = leaf.metadata["unit"]
        rows.append(f"| `{path}` | `{_as_yaml(get_value(Config(), path))}` | {unit} | {leaf.metadata['doc']} |")
    return "\n".join(rows)


def with_table(readme: str) -> str:
    """Return the README's text with the table between its markers replaced."""
    before, _, rest = readme.partition(TABLE_START)
    _, _, after = rest.partition(TABLE_END)
    return f"{before}{TABLE_START}\n{markdown_table()}\n{TABLE_END}{after}"


def _as_yaml(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}".replace("e-0", "e-")
    return json.dumps(value)


if __name__ == "__main__":
    checkout = Path(__file__).resolve().parent.parent.parent
    (checkout / "configs" / "default.yaml").write_text(default_yaml(), encoding="utf-8")
    readme = checkout / "README.md"
    readme.write_text(with_table(readme.read_text(encoding="utf-8")), encoding="utf-8")
