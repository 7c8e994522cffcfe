"""What a reward function says about itself: its first line, how it is called, its options.

Runs in a worker process for users' files, whose import may hang or pull in anything.
"""

from __future__ import annotations

import importlib
import inspect
import re
import traceback
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from rewards.styles import Style
from sandbox.pool_worker import import_file

_LIST = re.compile(r"(\w+\.)*(list|List|Sequence|tuple|Tuple|Collection|Iterable)\b")
_LISTS = (list, tuple, Sequence, Collection, Iterable)
_GIVEN = {
    "trl": ("prompts", "completions", "completion_ids", "trainer_state", "log_extra", "log_metric"),
    "verl": ("data_source", "solution_str", "ground_truth", "extra_info"),
}
"""Arguments that a style fills in itself."""


@dataclass(frozen=True, slots=True)
class Option:
    """A keyword argument of a reward function."""

    name: str
    default: str
    """As Python writes it; "" when the option is required."""
    kind: str
    """Its annotation as written."""

    @property
    def required(self) -> bool:
        return not self.default


@dataclass(frozen=True, slots=True)
class Description:
    """A reward function."""

    line: str
    """First line of its docstring."""
    options: tuple[Option, ...]
    takes_any_option: bool
    """It has `**kwargs`."""
    group: bool = False
    """It is called on all samples of a group at once."""
    asynchronous: bool = False
    takes_columns: bool = False
    """A parameter that is no option is a column of the data (TRL)."""
    style: Style = "ponder"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a function cannot be used."""

    message: str


def describe(reference: str, style: Style = "ponder") -> Description | Problem:
    """Import a function (`package.module:function` or `file.py:function`) and describe it."""
    place, _, name = reference.rpartition(":")
    try:
        module = import_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except Exception as error:
        return Problem(f"{place} does not import: {_where(error, place)}")
    if not hasattr(module, name):
        return Problem(f"{place} has no function `{name}`; it has: {', '.join(_own(module)) or 'no functions'}")
    function = getattr(module, name)
    who = f"`{name}` in {place}"
    if inspect.isclass(function) or not callable(function):
        kind = "class" if inspect.isclass(function) else type(function).__name__
        return Problem(f"{who} is a {kind}, not a function")
    inner = inspect.unwrap(function)
    if (line := getattr(getattr(inner, "__code__", None), "co_firstlineno", None)) is not None:
        who += f", line {line}"
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        return Problem(f"{who} does not say which arguments it takes ({error}); write it as `def {name}(sample): ...`")
    call = inner if inspect.isfunction(inner) else type(inner).__call__  # an object that can be called
    asynchronous = inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(call)
    return _describe(function, parameters, style, who, asynchronous=asynchronous)


def describe_file(path: str) -> dict[str, Description | Problem] | Problem:
    """Describe every function that a file defines, each in the style that its arguments are of."""
    try:
        names = _own(import_file(Path(path)))
    except Exception as error:
        return Problem(f"{path} does not import: {_where(error, path)}")
    found: dict[str, Description | Problem] = {}
    for name in names:
        styles: Sequence[Style] = ("ponder", "trl", "trl_text", "verl")
        described = [describe(f"{path}:{name}", style) for style in styles]
        found[name] = next((one for one in described if isinstance(one, Description)), described[0])
    return found


def _own(module: ModuleType) -> list[str]:
    """Names of the functions that a module defines and does not hide."""
    return [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]


def _describe(
    function: Callable[..., Any], parameters: Sequence[inspect.Parameter], style: Style, who: str, *, asynchronous: bool
) -> Description | Problem:
    open_ended = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)
    named = [
        parameter
        for parameter in parameters
        if parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    ]
    unnamed = [one.name for one in parameters if one.kind is inspect.Parameter.POSITIONAL_ONLY]
    if beyond := unnamed[1 if style == "ponder" else 0 :]:
        return Problem(f"{who} takes `{beyond[0]}` by its place only; take the `/` out of its parameters")
    names = [parameter.name for parameter in named]
    group = style in ("trl", "trl_text")
    if style == "ponder":
        if problem := _wrong_sample(parameters, names, who):
            return problem
        group = _takes_list(function, parameters[0])
        if not group and parameters[0].name == "samples":
            return Problem(
                f"{who} takes `samples`, but is called on one; for a group write `samples: list[RewardInput]`"
            )
        options = named[1:] if parameters[0].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD else named
    else:
        family = "verl" if style == "verl" else "trl"
        needed = "solution_str" if style == "verl" else "completions"
        if needed not in names and not open_ended:
            return Problem(
                f"{who} takes no `{needed}`, which functions of style `{style}` do; it takes: {', '.join(names) or '-'}"
            )
        texts = [
            p for p in named if p.name == "completions" and _annotation(p.annotation) in ("list[str]", "List[str]")
        ]
        if style == "trl" and texts:
            return Problem(f"{who} wants completions as plain texts: write `style: trl_text`")
        options = [parameter for parameter in named if parameter.name not in _GIVEN[family]]
    doc = inspect.getdoc(function) or ""
    return Description(
        line=doc.split("\n", 1)[0],
        options=tuple(
            Option(
                parameter.name,
                "" if parameter.default is parameter.empty else repr(parameter.default),
                _annotation(parameter.annotation),
            )
            for parameter in options
        ),
        takes_any_option=open_ended,
        group=group,
        asynchronous=asynchronous,
        takes_columns=style in ("trl", "trl_text"),
        style=style,
    )


def _wrong_sample(parameters: Sequence[inspect.Parameter], names: Sequence[str], who: str) -> Problem | None:
    """What is wrong with a function that should take a sample, or a list of them, first."""
    if "completions" in names:
        return Problem(f"{who} takes `completions`, as TRL's do: write `style: trl` (or `trl_text`, for plain texts)")
    if "solution_str" in names:
        return Problem(f"{who} takes `solution_str`, as verl's do: write `style: verl`")
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if not parameters or parameters[0].kind not in positional:
        return Problem(f"{who} must take the sample as its first argument: def f(sample: RewardInput, **options)")
    return None


def _takes_list(function: Callable[..., Any], parameter: inspect.Parameter) -> bool:
    """Whether the first parameter is annotated as a list of samples, in whichever words."""
    try:
        hint = get_type_hints(function).get(parameter.name)
    except Exception:  # a name that is imported for type checkers only: the words have to do
        return _LIST.match(_annotation(parameter.annotation)) is not None
    hints = [hint, *(get_args(hint) if get_origin(hint) in (Union, UnionType) else ())]
    return any(get_origin(one) in _LISTS or one in _LISTS for one in hints if one is not None)


def _annotation(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    return annotation.strip("'\"") if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _where(error: Exception, place: str) -> str:
    """The error with the last line of the user's own file that led to it."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}: {error.msg}"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(Path(place).resolve())]
    line = f"line {own[-1].lineno} ({own[-1].line}): " if own else ""
    return f"{line}{type(error).__name__}: {error}"
