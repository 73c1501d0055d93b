"""The YAML that configurations are written in: YAML 1.2's scalars, no tags, no aliases, no key twice.

With PyYAML and not ruamel.yaml, which is slower, reads ``1_000`` and ``2020-01-01`` in older files as other values,
and does not refuse tags and aliases either.
"""

import re
from typing import Any

import yaml

from guitarclf.files.wording import shortened

MAX_REASON = 300  # characters of a reason in a message
TEXT = "tag:yaml.org,2002:str"
# How the parser's words begin -> ours, with what to do.
IN_OUR_WORDS = {
    "mapping values are not allowed here": "a `:` stands where none can: put a value that has one in quotes, give keys "
    "of one section the same indent, and end the line above in `:` if it is a section",
    "found character '\\t'": "there is a tab; indent with spaces",
    "could not find expected ':'": "this line, or the one above, lacks its `:`",
    "expected <block end>": "the indent is not that of the lines above, or a quote ends early; "
    "give keys of one section the same",
    "expected alphabetic or numeric": 'a text begins with * or &; put it in quotes, "*"',
    "expected ',' or": "a bracket is not closed, or a comma is missing",
    "expected the node content": "a bracket is not closed, or a value is missing",
    "found unexpected end of stream": "a quote or a bracket is not closed",
    "did not find expected": "a quote or a bracket is not closed, or a value is missing",
    "found unknown escape character": 'there is a backslash in double quotes; use single quotes, or / for "\\"',
    "expected escape sequence": 'there is a backslash in double quotes; use single quotes, or / for "\\"',
    "found character": "a value begins with a character that has a meaning in YAML; put it in quotes",
    "found unhashable key": "a key must be one text",
}


class ConfigLoader(yaml.SafeLoader):
    """YAML 1.2's scalars: only true and false are booleans (``NO`` is a style), ``1e-3`` is a number.

    A key is a text as it is written (``01`` is a style too). One that stands twice in one mapping is refused: YAML
    would keep the last without a word. So are tags (``!!python/...``), which could make objects, and aliases, by
    which a few lines expand to billions.
    """

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        mark: Any = event.start_mark
        if isinstance(event, yaml.events.AliasEvent):
            raise yaml.composer.ComposerError(None, None, f"aliases such as *{event.anchor} are not read", mark)
        if event.tag is not None:
            raise yaml.composer.ComposerError(None, None, f"tags such as {event.tag} are not read", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key in [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice in one section", key.start_mark
                )
            seen.add(key.value)
            key.tag = TEXT if key.tag != "tag:yaml.org,2002:merge" else key.tag
        return super().construct_mapping(node, deep)


YAML_1_1_SCALARS = tuple(f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float", "timestamp"))
ConfigLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in YAML_1_1_SCALARS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
ConfigLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
ConfigLoader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
ConfigLoader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))
ConfigLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|nan)$"),
    list("-+.0123456789"),
)


class ConfigDumper(yaml.SafeDumper):
    """Quotes a text that ConfigLoader would read as another value, such as ``1e3``."""


ConfigDumper.yaml_implicit_resolvers = {
    first: [
        *ConfigLoader.yaml_implicit_resolvers.get(first, []),
        *yaml.SafeDumper.yaml_implicit_resolvers.get(first, []),
    ]
    for first in {*ConfigLoader.yaml_implicit_resolvers, *yaml.SafeDumper.yaml_implicit_resolvers}
}


def from_yaml(text: str) -> Any:
    """Return the value of a YAML text; ValueError if it cannot be read, with line and reason in one line."""
    try:
        return yaml.load(text, Loader=ConfigLoader)
    except RecursionError as error:
        raise ValueError("It is nested too deep") from error
    except yaml.MarkedYAMLError as error:
        raise ValueError(_in_our_words(error, text)) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ValueError(f"Line {line}: there is a character that is no text, {chr(error.character)!r}") from error
    except (yaml.YAMLError, ValueError, TypeError, IndexError) as error:  # YAML's scalars raise these
        raise ValueError(shortened(" ".join(str(error).split()), MAX_REASON)) from error


def _in_our_words(error: yaml.MarkedYAMLError, text: str) -> str:
    """Return the line that YAML's error is about, counted from 1, what is wrong there, and what the line says."""
    problem = error.problem or "it cannot be read"
    words = next((ours for theirs, ours in IN_OUR_WORDS.items() if problem.startswith(theirs)), problem)
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return words
    lines = text.splitlines()
    said = lines[mark.line].strip() if mark.line < len(lines) else ""
    return f"Line {mark.line + 1}: {words}" + (f". It says {shortened(said)!r}" if said else "")


def to_yaml(content: dict) -> str:
    """Return a mapping as a YAML text that is read back to an equal one."""
    return yaml.dump(content, Dumper=ConfigDumper, sort_keys=False, allow_unicode=True)
