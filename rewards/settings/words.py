"""What a configuration field expects, in a user's words; shared by error messages and `ponder check --explain`."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

_SIMPLE = {int: "an integer", float: "a number", str: "text", bool: "true or false", Path: "a path", Any: "anything"}


def expected(field: FieldInfo) -> str:
    """`an integer, at least 1`"""
    return ", ".join([_kind(field.annotation), *_bounds(field.metadata)])


def _kind(annotation: Any) -> str:
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(parts[0])
    if origin is Literal:
        return parts[0] if len(parts) == 1 else "one of " + ", ".join(map(str, parts))
    if origin in (Union, types.UnionType):
        models = [part for part in parts if is_section(part)]
        if len(models) > 1:
            return "a section"
        return " or ".join("null" if part is type(None) else _kind(part) for part in parts)
    if origin is list:
        return f"a list, each {_kind(parts[0])}"
    if origin is tuple:
        return f"a list of {len(parts)}, each {_kind(parts[0])}"
    if origin is dict:
        return "a section of any keys"
    if is_section(annotation):
        return "a section"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "one of " + ", ".join(str(one.value) for one in annotation)
    raise TypeError(
        f"no words for the type {annotation!r} of a configuration field: add them to rewards/settings/words.py"
    )


def _bounds(metadata: Iterable[Any]) -> Iterator[str]:
    for bound in metadata:
        match bound:
            case Ge(ge=limit):
                yield f"at least {limit}"
            case Gt(gt=limit):
                yield f"above {limit}"
            case Le(le=limit):
                yield f"at most {limit}"
            case Lt(lt=limit):
                yield f"below {limit}"
            case MinLen(min_length=limit):
                yield f"at least {limit} of them" if limit > 1 else "not empty"
            case _:
                pattern = getattr(bound, "pattern", None)
                if pattern is not None:
                    yield _pattern_words(str(pattern))


def _pattern_words(pattern: str) -> str:
    """`^(a|b)$` is a list of words; other patterns are shown as they are."""
    inner = pattern.removeprefix("^(").removesuffix(")$")
    if inner != pattern and not set(inner) & set("()[]\\*+?."):
        return "one of " + ", ".join(inner.split("|"))
    return f"matching {pattern}"


def is_section(annotation: Any) -> TypeGuard[type[BaseModel]]:
    """Whether a type is one configuration section."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def sections_in(annotation: Any) -> list[type[BaseModel]]:
    """The sections that a field may hold: `LoraConfig | None` has one, `algorithm` one for each preset."""
    if is_section(annotation):
        return [annotation]
    if get_origin(annotation) is Literal:
        return []
    return [section for part in get_args(annotation) for section in sections_in(part)]


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """The valid word that `word` is probably a misspelling of."""
    found = difflib.get_close_matches(word.lower(), list(valid), n=1, cutoff=0.65)
    return found[0] if found else None


@dataclass(frozen=True)
class Entry:
    """One field of the whole configuration."""

    key: str
    """`rewards.0.weight`; list places are 0."""
    section: str
    """`algorithm (vapo)`: the key of the section around it, with the preset where it has one."""
    field: FieldInfo
    value: Any
    """The default, or PydanticUndefined where the field is needed."""
    description: str
    """The field's docstring; of a preset that only changes a default: its base class's; of a section: its own."""

    @property
    def default(self) -> str:
        """The default as YAML would say it; "" for a section."""
        match self.value:
            case _ if self.value is PydanticUndefined:
                return "needed"
            case None:
                return "null"
            case bool():
                return str(self.value).lower()
            case BaseModel():
                return ""
            case _:
                return str(self.value)


def entries(
    model: type[BaseModel], key: str = "", label: str = "", standing: BaseModel | None = None
) -> Iterator[Entry]:
    """Every field of a configuration: a section's own fields first, then the sections in it.

    Args:
        model: the section.
        key: its key ("" for the whole configuration).
        label: its heading.
        standing: the section that stands there by default, where there is one.
    """
    below: list[Iterator[Entry]] = []
    for name, field in model.model_fields.items():
        path = f"{key}.{name}" if key else name
        value = field.get_default(call_default_factory=True) if standing is None else getattr(standing, name)
        yield Entry(path, label, field, value, _description(model, name))
        inner = f"{path}.0" if get_origin(field.annotation) is list else path
        sections = sections_in(field.annotation)
        for section in sections:
            heading = f"{inner} ({section.model_fields['preset'].default})" if len(sections) > 1 else inner
            below.append(entries(section, inner, heading, value if isinstance(value, section) else None))
    for part in below:
        yield from part


def _description(model: type[BaseModel], name: str) -> str:
    sections = [model, *(base for base in model.__mro__ if is_section(base) and name in base.model_fields)]
    for section in sections:
        if text := section.model_fields[name].description:
            return text
    inner = sections_in(model.model_fields[name].annotation)
    return (inner[0].__doc__ or "").split("\n")[0] if len(inner) == 1 else ""
