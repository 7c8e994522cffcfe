"""A configuration before it is checked: the YAML's plain data, and the file and line of every key.

YAML is read by the 1.2 core rules, so that `1e-6` is a number and `no` is a word. Overrides
(`rollout.workers=2`, `rewards.0.weight=0.5`) are laid over the data; what they set is placed on the
"command line".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rewards.errors import SettingsError

Key = tuple[str | int, ...]
"""Where a value stands: ("rewards", 0, "weight")."""

COMMAND_LINE = "command line"


def dotted(key: Key) -> str:
    """`rewards.0.weight`"""
    return ".".join(map(str, key))


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a configuration, at `key`."""

    key: Key
    message: str
    also: tuple[Key, ...] = ()
    """Other keys that it is about."""


@dataclass
class Source:
    """Plain data and where each part of it was written."""

    path: Path
    data: dict[str, Any]
    places: dict[Key, str] = field(default_factory=dict)
    """`configs/run.yaml:12`, or `command line`."""
    problems: list[Problem] = field(default_factory=list)
    """What is wrong already: duplicate keys, overrides that fit nowhere."""

    def place(self, key: Key) -> str:
        """Where `key` was written, or the nearest section around it."""
        for length in range(len(key), -1, -1):
            if key[:length] in self.places:
                return self.places[key[:length]]
        raise KeyError(key)

    def get(self, key: Key) -> Any:
        """The value at `key`, or None where nothing was written."""
        value: Any = self.data
        for part in key:
            try:
                value = value[part]
            except (LookupError, TypeError):
                return None
        return value


class _Loader(yaml.SafeLoader):
    """SafeLoader with the plain scalars of YAML 1.2's core schema (YAML 1.1 reads `1e-6` as text and `on` as true)."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9][0-9_]*", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
     list("-+0123456789.")),
    ("merge", r"<<", ["<"]),
):  # fmt: skip
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def _core_float(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _core_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    return int(node.value.replace("_", ""))


_Loader.add_constructor("tag:yaml.org,2002:float", _core_float)
_Loader.add_constructor("tag:yaml.org,2002:int", _core_int)


def read_source(path: Path, overrides: Sequence[str] = ()) -> Source:
    """Read a YAML file and lay overrides over it.

    Args:
        path: the configuration file.
        overrides: `key.path=value`, the value in YAML.

    Raises:
        SettingsError: the file is missing, unreadable or not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = sorted(str(other) for other in path.parent.glob("*.y*ml"))
        there = f" In {path.parent}: {', '.join(near)}." if near else ""
        raise SettingsError(f"there is no configuration file {path}.{there}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the configuration file {path}: {error}") from None
    source = Source(path, {}, {(): str(path)})
    try:
        data = _plain(_Loader(text), source, lambda line: f"{path}:{line}")
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        context = f" ({error.context})" if error.context else ""
        raise SettingsError(f"{path}{line} is not valid YAML: {error.problem}{context}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not valid YAML: {error}") from None
    if data is not None and not isinstance(data, dict):
        raise SettingsError(f"{path} must hold `key: value` lines, not {kind_of(data)}.")
    source.data = data or {}
    for override in overrides:
        _apply(source, override)
    return source


_PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class _Placer:
    """Turns YAML nodes into plain data, noting places and duplicate keys in a source."""

    def __init__(self, loader: _Loader, source: Source, place: Any) -> None:
        self.loader, self.source, self.place = loader, source, place

    def build(self, node: yaml.Node, key: Key) -> Any:
        self.source.places.setdefault(key, self.place(node.start_mark.line + 1))
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN_TAGS:
            raise yaml.MarkedYAMLError(None, None, f"the tag {node.tag} is not allowed", node.start_mark)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*key, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        return self.loader.construct_object(node, deep=True)

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        seen: dict[str, int] = {}
        for name_node, _ in node.value:
            name, line = str(name_node.value), name_node.start_mark.line + 1
            if name in seen and name != "<<":
                first = self.place(seen[name])
                self.source.problems.append(Problem((*key, name), f"written twice; the first is at {first}"))
            seen.setdefault(name, line)
        self.loader.flatten_mapping(node)
        result: dict[str, Any] = {}
        for name_node, value_node in node.value:
            name = str(name_node.value)
            self.source.places[*key, name] = self.place(name_node.start_mark.line + 1)
            result[name] = self.build(value_node, (*key, name))
        return result


def _plain(loader: _Loader, source: Source, place: Any, key: Key = ()) -> Any:
    try:
        node = loader.get_single_node()
        return None if node is None else _Placer(loader, source, place).build(node, key)
    finally:
        loader.dispose()


def _apply(source: Source, override: str) -> None:
    """Lay one `key.path=value` over the data; what does not fit becomes a problem."""
    name, equals, text = override.partition("=")
    parts = name.strip().split(".")
    if not equals or "" in parts:
        source.places[(name,)] = COMMAND_LINE
        source.problems.append(Problem((name,), f"expected key.path=value, got {override!r}"))
        return
    inside: Any = source.data
    key: Key = ()
    for depth, part in enumerate(parts):
        if isinstance(inside, list):
            if not part.isdecimal() or int(part) >= len(inside):
                message = f"`{dotted(key)}` is a list; expected a place in it, 0 to {len(inside) - 1}, got {part!r}"
                _misplaced(source, parts, message)
                return
            key = (*key, int(part))
        elif isinstance(inside, dict):
            key = (*key, part)
        else:
            _misplaced(source, parts, f"`{dotted(key)}` is {kind_of(inside)}: nothing can be set inside it")
            return
        if depth < len(parts) - 1:
            if isinstance(inside, dict) and inside.get(part) is None:
                inside[part] = {}
            inside = inside[key[-1]]
    for old in [old for old in source.places if old[: len(key)] == key]:
        del source.places[old]
    source.places[key] = COMMAND_LINE
    try:
        inside[key[-1]] = _plain(_Loader(text), source, lambda line: COMMAND_LINE, key)
    except yaml.YAMLError:
        source.problems.append(Problem(key, f"the value is not valid YAML: {text!r} (quote it?)"))


def _misplaced(source: Source, parts: Sequence[str], message: str) -> None:
    source.places[tuple(parts)] = COMMAND_LINE
    source.problems.append(Problem(tuple(parts), message))


def kind_of(value: Any) -> str:
    """What a value is, in a user's words: `the number 3`, `a list`, `nothing (null)`."""
    match value:
        case None:
            return "nothing (null)"
        case bool():
            return str(value).lower()
        case str():
            return f"the text {value!r}"
        case int() | float():
            return f"{value}"
        case list():
            return "a list"
        case dict():
            return "a section"
        case _:
            return f"{value!r}"
