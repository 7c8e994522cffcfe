"""What tests look like: a mapping, as data sets carry it, read into typed shapes.

    {"type": "stdio", "cases": [{"input", "output"}], "checker"?: {"code"}}    also in C++ and JavaScript
    {"type": "call", "fn_name", "cases": [{"args", "output"}]}
    {"type": "assert", "code", "fn_name"?, "preamble"?}
    {"type": "unittest" | "pytest", "code"}

All may have `language`, `time_limit_s` and `memory_mb`; `stdio` and `call` also `float_tol`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.types import Language

DEFAULT_MEMORY_MB = 512

_COMMON = frozenset({"type", "language", "time_limit_s", "memory_mb"})
_KEYS = {
    "stdio": frozenset({"cases", "float_tol", "checker"}),
    "call": frozenset({"fn_name", "cases", "float_tol"}),
    "assert": frozenset({"code", "fn_name", "preamble"}),
    "unittest": frozenset({"code"}),
    "pytest": frozenset({"code"}),
}


@dataclass(frozen=True, slots=True)
class Common:
    """What every kind of tests says."""

    language: Language
    time_limit_s: float
    memory_mb: int


@dataclass(frozen=True, slots=True)
class StdioCase:
    """What a program reads, and what it should print."""

    stdin: str
    output: str


@dataclass(frozen=True, slots=True)
class StdioTests:
    """A program is run once a case."""

    common: Common
    cases: tuple[StdioCase, ...]
    float_tol: float | None
    checker: str | None
    """Source of a program that accepts an output by exit status 0."""


@dataclass(frozen=True, slots=True)
class CallCase:
    """Arguments, and what the function should return."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    output: Any


@dataclass(frozen=True, slots=True)
class CallTests:
    """A function is called once a case."""

    common: Common
    fn_name: str
    cases: tuple[CallCase, ...]
    float_tol: float | None


@dataclass(frozen=True, slots=True)
class JudgedTests:
    """Test code, which runs where the program is only a proxy."""

    common: Common
    kind: str
    """`assert`, `unittest` or `pytest`."""
    code: str
    fn_name: str | None
    preamble: str


Tests = StdioTests | CallTests | JudgedTests


def read_tests(tests: Mapping[str, Any], timeout_s: float) -> Tests:
    """Read the tests of one problem.

    Args:
        tests: see the module.
        timeout_s: time limit where the tests state none.

    Raises:
        ValueError: something is missing, unknown or of a wrong type; says the key and the way out.
    """
    if not isinstance(tests, Mapping):
        raise ValueError(f"tests is {type(tests).__name__}; it must be a mapping with the key 'type'")
    kind = tests.get("type")
    if kind not in _KEYS:
        raise ValueError(f"tests['type'] is {kind!r}; it must be one of {', '.join(map(repr, _KEYS))}")
    known = _COMMON | _KEYS[kind]
    if unknown := [key for key in tests if key not in known]:
        raise ValueError(
            f"tests[{unknown[0]!r}] is unknown for tests of type {kind!r}; remove it "
            f"(known: {', '.join(sorted(known))})"
        )
    common = _common(tests, kind, timeout_s)
    if kind == "stdio":
        return StdioTests(common, _stdio_cases(tests), _tolerance(tests), _checker(tests))
    if kind == "call":
        return CallTests(common, _name(tests, "fn_name"), _call_cases(tests), _tolerance(tests))
    code = _text(tests, "code")
    if not code.strip():
        raise ValueError("tests['code'] is empty; give the test code")
    fn_name = _name(tests, "fn_name") if tests.get("fn_name") is not None else None
    preamble = _text(tests, "preamble") if tests.get("preamble") is not None else ""
    return JudgedTests(common, kind, code, fn_name, preamble)


def _common(tests: Mapping[str, Any], kind: str, timeout_s: float) -> Common:
    name = tests.get("language", "python")
    try:
        language = Language(name)
    except ValueError:
        known = ", ".join(repr(str(one)) for one in Language)
        raise ValueError(f"tests['language'] is {name!r}; it must be one of {known}") from None
    if language is not Language.PYTHON and kind != "stdio":
        raise ValueError(f"tests['language'] is {name!r}; tests of type {kind!r} need 'python' ('stdio' takes all)")
    time_limit_s = _positive(tests, "time_limit_s", timeout_s)
    memory_mb = _positive(tests, "memory_mb", DEFAULT_MEMORY_MB)
    return Common(language, float(time_limit_s), math.ceil(memory_mb))


def _positive(tests: Mapping[str, Any], key: str, default: float) -> float:
    value = tests.get(key)
    if value is None:
        value = default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ValueError(f"tests[{key!r}] is {value!r}; it must be a number greater than 0 (or leave the key out)")
    return value


def _tolerance(tests: Mapping[str, Any]) -> float | None:
    value = tests.get("float_tol")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ValueError(f"tests['float_tol'] is {value!r}; it must be a number from 0 to below 1 (or leave it out)")
    return float(value)


def _text(tests: Mapping[str, Any], key: str) -> str:
    if key not in tests:
        raise ValueError(f"tests[{key!r}] is missing; tests of type {tests['type']!r} need it")
    value = tests[key]
    if not isinstance(value, str):
        raise ValueError(f"tests[{key!r}] is {type(value).__name__}; it must be a string")
    return value


def _name(tests: Mapping[str, Any], key: str) -> str:
    name = _text(tests, key)
    if not name.isidentifier():
        raise ValueError(f"tests[{key!r}] is {name!r}; it must be the name of a function")
    return name


def _cases(tests: Mapping[str, Any], keys: tuple[str, ...], optional: tuple[str, ...] = ()) -> list[Mapping[str, Any]]:
    cases = tests.get("cases")
    if isinstance(cases, (str, bytes)) or not isinstance(cases, Sequence):
        raise ValueError(f"tests['cases'] is {type(cases).__name__}; it must be a list of {{{', '.join(keys)}}}")
    if not cases:
        raise ValueError("tests['cases'] is empty; a program is judged by at least one case")
    for index, case in enumerate(cases):
        where = f"tests['cases'][{index}]"
        if not isinstance(case, Mapping):
            raise ValueError(f"{where} is {type(case).__name__}; it must be a mapping with {' and '.join(keys)}")
        for key in keys:
            if key not in case:
                raise ValueError(f"{where} has no {key!r}; every case needs {' and '.join(map(repr, keys))}")
        for key in case:
            if key not in keys and key not in optional:
                raise ValueError(f"{where}[{key!r}] is unknown; remove it (a case has {' and '.join(map(repr, keys))})")
    return list(cases)


def _stdio_cases(tests: Mapping[str, Any]) -> tuple[StdioCase, ...]:
    cases = _cases(tests, ("input", "output"))
    for index, case in enumerate(cases):
        for key in ("input", "output"):
            if not isinstance(case[key], str):
                kind = type(case[key]).__name__
                raise ValueError(f"tests['cases'][{index}][{key!r}] is {kind}; it must be a string")
    return tuple(StdioCase(case["input"], case["output"]) for case in cases)


def _call_cases(tests: Mapping[str, Any]) -> tuple[CallCase, ...]:
    read = []
    for index, case in enumerate(_cases(tests, ("args", "output"), ("kwargs",))):
        args, kwargs = case["args"], case.get("kwargs", {})
        if not isinstance(args, (list, tuple)):
            kind = type(args).__name__
            raise ValueError(f"tests['cases'][{index}]['args'] is {kind}; it must be the list of arguments")
        if not isinstance(kwargs, Mapping) or not all(isinstance(key, str) for key in kwargs):
            raise ValueError(f"tests['cases'][{index}]['kwargs'] must be a mapping of names to arguments")
        read.append(CallCase(tuple(args), dict(kwargs), case["output"]))
    return tuple(read)


def _checker(tests: Mapping[str, Any]) -> str | None:
    checker = tests.get("checker")
    if checker is None:
        return None
    if not isinstance(checker, Mapping) or not isinstance(checker.get("code"), str) or not checker["code"].strip():
        raise ValueError("tests['checker'] must be {'code': source of a Python program that exits with 0 to accept}")
    return str(checker["code"])
