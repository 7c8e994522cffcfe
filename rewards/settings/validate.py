"""From plain data to a section, or all that is wrong with it at once, in a user's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rewards.config import RewardConfig
from rewards.errors import SettingsError
from rewards.settings.source import COMMAND_LINE, Key, Problem, Source, dotted, kind_of
from rewards.settings.words import entries, expected, nearest, sections_in

Model = TypeVar("Model", bound=BaseModel)


def checked(
    source: Source,
    model: type[Model],
    *,
    file_keys: Sequence[Sequence[Any]] = (),
    check: Callable[[Model], Iterable[Problem]],
) -> Model:
    """The section that the data of a file make.

    Args:
        source: what was read.
        model: the section's class.
        file_keys: keys that name files (`int` stands for every place of a list, `str` for every key of a mapping);
            relative ones are looked up beside the file, those on the command line in the current folder.
        check: finds what is wrong with a section beyond its types.

    Raises:
        SettingsError: with all mistakes.
    """
    _locate_files(source, source.path.parent.resolve(), file_keys)
    problems = [*source.problems]
    section = _validated(source, model, problems)
    if section is not None:
        wrong = {problem.key for problem in problems}
        problems += [p for p in check(section) if not _touches(wrong, (p.key, *p.also))]
    if problems or section is None:
        raise SettingsError(_report(problems, source))
    return section


def _locate_files(source: Source, folder: Path, file_keys: Sequence[Sequence[Any]]) -> None:
    """Make relative file names absolute."""
    for pattern in file_keys:
        for key in _matching(source, pattern):
            value, holder = source.get(key), source.get(key[:-1])
            if isinstance(value, str) and not (key[-1] == "use" and ".py:" not in value):
                base = Path.cwd() if source.place(key) == COMMAND_LINE else folder
                holder[key[-1]] = str(base / Path(value).expanduser())


def _matching(source: Source, pattern: Sequence[Any], key: Key = ()) -> Iterator[Key]:
    """The keys in the data that a pattern names (`int`: every place of a list, `str`: every key of a mapping)."""
    if not pattern:
        yield key
        return
    inside, first = source.get(key), pattern[0]
    if first is int and isinstance(inside, list):
        for index in range(len(inside)):
            yield from _matching(source, pattern[1:], (*key, index))
    elif first is str and isinstance(inside, dict):
        for name in inside:
            yield from _matching(source, pattern[1:], (*key, name))
    elif isinstance(inside, dict) and first in inside:
        yield from _matching(source, pattern[1:], (*key, first))


def _validated(source: Source, model: type[Model], problems: list[Problem]) -> Model | None:
    """The section that the data make, with what is wrong in it added to `problems`.

    After a mistake the rest is still checked, with the wrong values left out (so that their defaults stand in).
    None where that cannot be done, because something needed is missing.
    """
    remaining = Source(source.path, deepcopy(source.data))
    while True:
        try:
            return model.model_validate(remaining.data)
        except ValidationError as error:
            found = list(_translate(error.errors(include_url=False), model))
        known = [problem.key for problem in problems]
        # A section that lacks what was wrong in it is no news.
        problems += [p for p in found if not any(key[: len(p.key)] == p.key for key in known)]
        for problem in sorted(found, key=lambda p: str(p.key), reverse=True):
            holder, last = remaining.get(problem.key[:-1]), problem.key[-1:]
            if not last or not isinstance(holder, dict) or last[0] not in holder:
                return None
            del holder[last[0]]


def _touches(wrong: set[Key], keys: Iterable[Key]) -> bool:
    """Whether one of `keys` is wrong already, or lies inside or around something wrong."""
    return any(a[: len(b)] == b or b[: len(a)] == a for a in wrong for b in keys)


def _report(problems: Sequence[Problem], source: Source) -> str:
    """All problems in the order of the file, each with its key and place."""
    lines = [f"{source.path}: {len(problems)} mistake{'s' * (len(problems) != 1)}; nothing was started."]
    for problem in sorted(problems, key=lambda problem: _line(source.place(problem.key))):
        place = source.place(problem.key)
        message = problem.message.replace("\n", "\n    ")
        lines.append(f"  {dotted(problem.key) or 'the file'} ({place}): {message}")
    return "\n".join(lines)


def _line(place: str) -> tuple[bool, int]:
    """Sorts places: lines of the file in order, then the command line."""
    line = place.rpartition(":")[2]
    return place == COMMAND_LINE, int(line) if line.isdecimal() else 0


def _translate(errors: Iterable[ErrorDetails], model: type[BaseModel]) -> Iterator[Problem]:
    """Pydantic's errors in our words; several about one value (a union's members) become one."""
    done: set[Key] = set()
    for error in errors:
        key, section, annotation = _locate(error["loc"], model)
        if error["type"].startswith("union_tag"):
            key = (*key, "preset")
        if key not in done:
            done.add(key)
            yield Problem(key, _message(error, key, section, annotation, model))


def _locate(loc: tuple[int | str, ...], model: type[BaseModel]) -> tuple[Key, type[BaseModel], Any]:
    """Where an error is: its key without the union labels that pydantic puts between, the section around it, and
    the type of the value there."""
    key: Key = ()
    section = model
    holder = model
    annotation: Any = model
    for part in loc:
        sections = sections_in(annotation)
        if get_origin(annotation) in (list, tuple) and isinstance(part, int):
            key, annotation = (*key, part), annotation.__args__[0]
        elif len(sections) > 1:  # the label of a preset
            annotation = next(s for s in sections if s.model_fields["preset"].default == part)
        elif len(sections) == 1 and isinstance(part, str):
            holder = sections[0]
            key = (*key, part)
            if part not in holder.model_fields:
                return key, holder, None
            section, annotation = holder, holder.model_fields[part].annotation
        else:
            break
    return key, section, annotation


def _message(error: ErrorDetails, key: Key, section: type[BaseModel], annotation: Any, model: type[BaseModel]) -> str:
    got = kind_of(error["input"])
    field = section.model_fields.get(str(key[-1])) if key else None
    match error["type"]:
        case "extra_forbidden":
            return _unknown_key(str(key[-1]), section, model)
        case "missing":
            about = f"; {_first_line(field.description)}" if field and field.description else ""
            return f"missing: expected {expected(field) if field else 'a value'}{about}"
        case "union_tag_invalid" | "union_tag_not_found":
            return _wrong_preset(error, annotation)
        case "value_error":
            return str(error["ctx"]["error"])
    if field is None or isinstance(key[-1], int):
        return f"{error['msg'][:1].lower()}{error['msg'][1:]}, got {got}"
    close = nearest(str(error["input"]), _choices(field.annotation)) if isinstance(error["input"], str) else None
    return f"expected {expected(field)}; got {got}" + (f". Did you mean `{close}`?" if close else "")


def _first_line(text: str) -> str:
    return text.split("\n")[0].rstrip(".")


def _choices(annotation: Any) -> list[str]:
    inner = getattr(annotation, "__args__", ())
    return [word for part in inner for word in ([part] if isinstance(part, str) else _choices(part))]


def _wrong_preset(error: ErrorDetails, annotation: Any) -> str:
    presets = [section.model_fields["preset"].default for section in sections_in(annotation)]
    if error["type"] == "union_tag_not_found":
        return f"missing: `preset` must be one of {', '.join(presets)}"
    tag = error["ctx"]["tag"]
    close = nearest(tag, presets)
    hint = f". Did you mean `{close}`?" if close else ""
    return f"`preset` must be one of {', '.join(presets)}; got {tag!r}{hint}"


def _unknown_key(name: str, section: type[BaseModel], model: type[BaseModel]) -> str:
    valid = list(section.model_fields)
    hint = f" Arguments of the {'function' if section is RewardConfig else 'task'} belong under `options`."
    hint = hint if "options" in valid else ""
    if close := nearest(name, valid):
        return f"unknown key. Did you mean `{close}`?{hint}"
    elsewhere = dict.fromkeys(entry.key for entry in entries(model) if entry.key.split(".")[-1] == name)
    if elsewhere and not hint:
        return f"unknown key here. There is {' and '.join(f'`{key}`' for key in elsewhere)}"
    return f"unknown key; valid here: {', '.join(valid)}.{hint}"
