"""The YAML that configurations are written in: YAML 1.2's scalars, no tags, no aliases, no key twice.

With PyYAML and not ruamel.yaml, which is slower, reads ``1_000`` and ``2020-01-01`` in older files as other values,
and does not refuse tags and aliases either.
"""

import re
from collections import Counter
from typing import Any

import yaml

from guitarclf.files.wording import shortened

MAX_REASON = 300  # characters of a reason in a message


class ConfigLoader(yaml.SafeLoader):
    """YAML 1.2's scalars: only true and false are booleans (``NO`` is a style), ``1e-3`` is a number.

    A key that stands twice in one mapping is refused: YAML would keep the last without a word. So are tags
    (``!!python/...``), which could make objects, and aliases, by which a few lines expand to billions.
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
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        doubled = [key for key, count in Counter(keys).items() if count > 1]
        if doubled:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {doubled[0]!r} stands twice in one section", node.start_mark
            )
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
    """Return the value of a YAML text; ValueError with a reason of one line if it cannot be read."""
    try:
        return yaml.load(text, Loader=ConfigLoader)
    except RecursionError as error:
        raise ValueError("It is nested too deep") from error
    except (yaml.YAMLError, ValueError, TypeError, IndexError) as error:  # YAML's scalars raise these
        raise ValueError(shortened(" ".join(str(error).split()), MAX_REASON)) from error


def to_yaml(content: dict) -> str:
    """Return a mapping as a YAML text that is read back to an equal one."""
    return yaml.dump(content, Dumper=ConfigDumper, sort_keys=False, allow_unicode=True)
