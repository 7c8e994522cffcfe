"""What a reward function says about itself: its first line, its options, its place.

Runs in a worker process for users' files, whose import may hang or pull in anything.
"""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.pool_worker import import_file


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


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a function cannot be used."""

    message: str


def describe(reference: str) -> Description | Problem:
    """Import a function (`package.module:function` or `file.py:function`) and describe it."""
    place, _, name = reference.rpartition(":")
    try:
        module = import_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except Exception as error:
        return Problem(f"{place} does not import: {_where(error, place)}")
    if not hasattr(module, name):
        there = [
            key
            for key, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__ and not key.startswith("_")
        ]
        return Problem(f"{place} has no function `{name}`; it has: {', '.join(there) or 'no functions'}")
    function = getattr(module, name)
    if not callable(function):
        return Problem(f"`{name}` in {place} is a {type(function).__name__}, not a function")
    return _describe(function, f"`{name}` in {place}")


def _describe(function: Callable[..., Any], who: str) -> Description | Problem:
    parameters = list(inspect.signature(function).parameters.values())
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if inspect.iscoroutinefunction(function):
        return Problem(f"{who} is an async function; write it as a plain one")
    if not parameters or parameters[0].kind not in positional:
        return Problem(f"{who} must take the sample as its first argument: def f(sample: RewardInput, **options)")
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    options = tuple(
        Option(
            parameter.name,
            "" if parameter.default is parameter.empty else repr(parameter.default),
            _annotation(parameter.annotation),
        )
        for parameter in parameters[1:]
        if parameter.kind in named
    )
    doc = inspect.getdoc(function) or ""
    return Description(
        line=doc.split("\n", 1)[0],
        options=options,
        takes_any_option=any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters),
    )


def _annotation(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _where(error: Exception, place: str) -> str:
    """The error with the last line of the user's own file that led to it."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}: {error.msg}"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(Path(place).resolve())]
    line = f"line {own[-1].lineno} ({own[-1].line}): " if own else ""
    return f"{line}{type(error).__name__}: {error}"
