"""Read a Config from YAML or JSON, override it, write it."""

import dataclasses
import difflib
import json
import types
import typing
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from guitarclf.config import Config, leaves, to_dict
from guitarclf.config.dialect import from_yaml, to_yaml
from guitarclf.errors import ConfigError, ParameterError
from guitarclf.files.whole import write_text
from guitarclf.files.wording import shortened, shown
from guitarclf.parameters import retired

MAX_BYTES = 2**17  # of a configuration file; YAML is read at some 100 kB a second
Overrides = Iterable[str] | Mapping[str, Any]
Defaults = Callable[[dict[str, Any]], Mapping[str, Any]]
NOT_SAID = object()
# What people type out of habit from other programs -> where it lives here.
HABITS = {
    "num_epochs": "net.max_epochs",
    "n_epochs": "net.max_epochs",
    "epochs": "net.max_epochs",
    "learning_rate": "net.lr",
    "optimizer": "net.optimizer.weight_decay",
    "hidden_size": "net.module.rnn_hidden_size",
    "num_layers": "net.module.rnn_num_layers",
    "bidirectional": "net.module.rnn_bidirectional",
    "sr": "window.sample_rate",
    "duration": "window.target_duration",
    "hop": "logmel.hop_length",
    "val_size": "training.valid_size",
    "early_stopping_patience": "training.patience",
    "class_weights": "net.class_weight",
    "random_state": "seed",
    "metadata_csv": "data.metadata_path",
    "audio_dir": "data.audio_root",
    "num_mels": "logmel.n_mels",
}


def load_config(
    path: str | Path | None = None, overrides: Overrides = (), *, defaults: Defaults = lambda raw: {}
) -> Config:
    """Return the Config of a YAML or JSON file, with overrides on top.

    Parameters
    ----------
    path : str, Path or None
        The file; None stands for the defaults.
    overrides : iterable of str, or mapping
        ``"net.lr=3e-4"`` strings, values in YAML; or a dotted path -> value mapping.
    defaults : callable
        What is given (nested dicts) -> a dotted path -> value mapping for keys that are not among it, in the place of
        our own defaults; see `said`.

    Raises
    ------
    ConfigError
        For an unknown key (the nearest name is suggested) or a value that breaks its rule.
    """
    raw = {} if path is None else _parse_mapping(_read(Path(path)), path)
    source = "the configuration" if path is None else shown(path)
    return config_from_dict(raw, source=source, changes=_parse_overrides(overrides), defaults=defaults)


def parse_config(content: bytes, source: str | Path) -> Config:
    """Return the Config of a YAML or JSON file's bytes; ``source``, its path, is named in messages."""
    return config_from_dict(_parse_mapping(content, source), source=shown(source))


def with_values(config: Config, values: Mapping[str, Any], *, source: str) -> Config:
    """Return a config with the values at some dotted paths replaced and checked."""
    return config_from_dict(to_dict(config), source=source, changes=values.items())


def config_from_dict(
    raw: dict,
    *,
    source: str = "the configuration",
    changes: Iterable[tuple[str, Any]] = (),
    defaults: Defaults = lambda raw: {},
) -> Config:
    """Return the Config of nested dicts, with (dotted path, value) changes; ``source`` is named in messages."""
    try:
        for path, value in changes:
            _put(raw, path, value)
        for path, value in defaults(raw).items():
            if said(raw, path, NOT_SAID) is NOT_SAID:
                _put(raw, path, value)
        return _build(Config, raw, "")
    except (ConfigError, ParameterError) as error:
        raise ConfigError(f"{source}: {error}") from None


def said(raw: Mapping[str, Any], path: str, otherwise: Any = None) -> Any:
    """Return the value at a dotted path of nested dicts, ``otherwise`` where there is none."""
    section, _, rest = path.partition(".")
    if section not in raw:
        return otherwise
    inner = {} if raw[section] is None and rest else raw[section]
    if not rest or not isinstance(inner, Mapping):  # a section that is none: told where it is built
        return inner
    return said(inner, rest, otherwise)


def write_config(config: Config, path: str | Path) -> None:
    """Write a Config as YAML that ``load_config`` reads back to an equal one."""
    write_text(path, to_yaml(to_dict(config)))


def _read(path: Path) -> bytes:
    name = shown(path)
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{name} must be a readable YAML or JSON file. It is a folder, a pipe or a device.")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{name} must be a readable YAML or JSON file. {error.strerror}. Check the path.") from error
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{name} must have at most {MAX_BYTES // 2**10} KB. It has more. Is it a configuration?")
    return content


def _parse_mapping(content: bytes, source: str | Path) -> dict[str, Any]:
    """Return the top-level mapping in a file's bytes: JSON if the name of ``source`` ends in .json, else YAML."""
    name = shown(source)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name} must be a readable YAML or JSON file. {error}") from error
    try:
        is_json = Path(source).suffix.lower() == ".json"
        raw = json.loads(text, object_pairs_hook=_each_key_once) if is_json else from_yaml(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name} must be valid YAML or JSON. {error}") from error
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise ConfigError(f"{name} must hold sections such as `net:` at its top. Got {type(raw).__name__}.")
    return raw


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the keys and values of an object in JSON as a dict; ValueError for a key that stands there twice."""
    content = dict(pairs)
    if len(content) < len(pairs):
        doubled = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {shortened(doubled)!r} stands twice in one object")
    return content


def _build(section: Any, raw: Any, prefix: str) -> Any:
    """Return a section, and those below it, of nested dicts."""
    if not isinstance(raw, dict):
        raise ConfigError(f"`{prefix.rstrip('.')}` must be a section of keys. Got {shortened(repr(raw))}.")
    known = {item.name: item.type for item in dataclasses.fields(section)}
    values = {}
    for key, value in raw.items():
        path = f"{prefix}{key}"
        if path in retired.OFF:
            retired.require_off(path, coerce(value, float))
        elif key not in known:
            raise ConfigError(f"unknown key `{prefix}{shortened(str(key))}`. {suggest(prefix, str(key))}")
        elif dataclasses.is_dataclass(known[key]):
            values[key] = _build(known[key], {} if value is None else value, f"{path}.")
        else:
            retired.require_current(path, value)
            values[key] = coerce(value, known[key])
    return section(**values)


def coerce(value: Any, wanted: Any) -> Any:
    """Return a value read from text as its leaf's type where that is unambiguous, else unchanged."""
    if isinstance(wanted, types.UnionType):
        options = typing.get_args(wanted)
        if value is None or (isinstance(value, str) and str in options):
            return value
        return coerce(value, next((o for o in options if o not in (str, type(None))), str))
    origin = typing.get_origin(wanted) or wanted
    if origin is list and isinstance(value, list | tuple):
        (item_type,) = typing.get_args(wanted) or (Any,)
        return [coerce(item, item_type) for item in value]
    if origin is dict and isinstance(value, dict):
        return {str(key): coerce(item, typing.get_args(wanted)[1]) for key, item in value.items()}
    if wanted in (int, float) and isinstance(value, str | int | float) and not isinstance(value, bool):
        return _coerce_number(value, wanted)
    return value


def _coerce_number(value: str | int | float, wanted: type) -> str | int | float:
    with suppress(ValueError, OverflowError):  # a text that is no number, an integer above all floats
        number = float(value)
        if wanted is float:
            return number
        if number.is_integer() and not isinstance(value, int):
            return int(number)
    return value


def suggest(prefix: str, key: str) -> str:
    """Return where an unknown key probably belongs, as a sentence."""
    paths = [path for path, _ in leaves()]
    if key in HABITS:
        return f"Here it is `{HABITS[key]}`."
    same_name = [path for path in paths if path.split(".")[-1] == key]
    if same_name:
        return f"Here it is {' or '.join(f'`{path}`' for path in same_name)}."
    names = {path.split(".")[-1]: path for path in paths} | {path: path for path in [*paths, *_sections()]}
    close = difflib.get_close_matches(prefix + key, names, n=1) or difflib.get_close_matches(key, names, n=1)
    if close:
        return f"Did you mean `{names[close[0]]}`?"
    return "`guitarclf config show` lists every key."


def _parse_overrides(overrides: Overrides) -> list[tuple[str, Any]]:
    if isinstance(overrides, Mapping):
        return list(overrides.items())
    pairs = []
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"An override must look like net.lr=3e-4. Got {shortened(text)!r}.")
        try:
            pairs.append((key.strip(), from_yaml(value)))
        except ValueError as error:
            raise ConfigError(
                f"The value of {shortened(key.strip())!r} must be valid YAML. Got {shortened(value)!r}. "
                f"{str(error).removeprefix('Line 1: ')}."
            ) from error
    return pairs


def _put(raw: dict, path: str, value: Any) -> None:
    """Set the value at a dotted path of nested dicts, making the sections it needs."""
    if isinstance(value, dict) and path in _sections():  # --set "net={lr: 1e-3}" leaves the rest of net as it is
        for key, item in value.items():
            _put(raw, f"{path}.{key}", item)
        return
    *parents, last = path.split(".")
    for name in parents:
        if raw.get(name) is None:
            raw[name] = {}
        raw = raw[name]
        if not isinstance(raw, dict):
            raise ConfigError(f"unknown key `{shortened(path)}`: `{shortened(name)}` has no keys below it.")
    raw[last] = value


def _sections() -> list[str]:
    return sorted({path.rpartition(".")[0] for path, _ in leaves()} - {""})
