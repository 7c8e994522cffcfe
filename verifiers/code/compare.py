"""Are two outputs, or two values, the same? Everything here runs on the host, on plain data."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from verifiers.code.inside.plain import Eager

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,6})?")
_LONGEST_NUMBER = 400


def same_output(expected: str, got: str, float_tol: float | None = None) -> bool:
    """Compare as contest checkers do: line by line, token by token.

    Blanks around tokens, blank lines at the end and the kind of line ends do not matter.

    Args:
        expected: the reference output.
        got: what the program printed.
        float_tol: where given, two finite numbers may differ by as much, absolutely or relatively.
    """
    wanted, given = _lines(expected), _lines(got)
    if len(wanted) != len(given):
        return False
    for one, other in zip(wanted, given, strict=True):
        if one == other:
            continue
        left, right = one.split(), other.split()
        if left == right:
            continue
        if float_tol is None or len(left) != len(right):
            return False
        if not all(a == b or _close_tokens(a, b, float_tol) for a, b in zip(left, right, strict=True)):
            return False
    return True


def first_difference(expected: str, got: str) -> str:
    """For people: the number of the first line that differs, and both lines."""
    wanted, given = _lines(expected), _lines(got)
    for number, (one, other) in enumerate(zip(wanted, given, strict=False), 1):
        if one.split() != other.split():
            return f"line {number}: expected {one[:200]!r}, got {other[:200]!r}"
    return f"expected {len(wanted)} lines, got {len(given)}"


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip().split("\n")


def _close_tokens(one: str, other: str, tolerance: float) -> bool:
    if len(one) > _LONGEST_NUMBER or len(other) > _LONGEST_NUMBER:
        return False
    if not (_NUMBER.fullmatch(one) and _NUMBER.fullmatch(other)):
        return False
    return close(float(one), float(other), tolerance)


def close(one: float, other: float, tolerance: float) -> bool:
    """Whether two finite numbers differ by no more than the tolerance, absolutely or relatively."""
    try:
        return math.isfinite(one) and math.isfinite(other) and (
            math.isclose(one, other, rel_tol=min(tolerance, 0.999), abs_tol=tolerance)
        )  # fmt: skip
    except OverflowError:  # an integer beyond the floats
        return False


def same_value(expected: Any, got: Any, float_tol: float | None = None) -> bool:
    """Whether an answer is the expected value. Both are plain data: exact base types, of bounded depth.

    Tuples equal lists; numbers are compared as Python's `==` does (True is 1 is 1.0), NaN equals NaN; where all keys
    of an expected dict are strings, as in JSON, the answer's keys are compared as strings. Else types must agree.
    """
    if isinstance(expected, (bool, int, float)):
        if not isinstance(got, (bool, int, float)):
            return False
        if expected == got or (expected != expected and got != got):
            return True
        return float_tol is not None and close(expected, got, float_tol)
    if isinstance(expected, (list, tuple)):
        if not isinstance(got, (list, tuple)) or isinstance(got, Eager) or len(expected) != len(got):
            return False
        for one, other in zip(expected, got, strict=True):  # noqa: SIM110  # one frame a level
            if not same_value(one, other, float_tol):
                return False
        return True
    if isinstance(expected, Mapping):
        return isinstance(got, dict) and _same_dict(expected, got, float_tol)
    if isinstance(expected, AbstractSet):
        return isinstance(got, (set, frozenset)) and expected == got
    if isinstance(expected, complex) and isinstance(got, complex) and float_tol is not None:
        return close(expected.real, got.real, float_tol) and close(expected.imag, got.imag, float_tol)
    try:
        return type(expected) is type(got) and bool(expected == got)
    except ArithmeticError:  # a signalling NaN
        return False


def _same_dict(expected: Mapping[Any, Any], got: dict[Any, Any], float_tol: float | None) -> bool:
    if len(expected) != len(got):
        return False
    if all(isinstance(key, str) for key in expected):
        by_name: dict[str, Any] = {}
        for key, value in got.items():
            name = _key_text(key)
            if name is None or name in by_name:
                return False
            by_name[name] = value
        got = by_name
        if not expected.keys() <= got.keys() and any(isinstance(key, str) and key in _JSON_WORDS for key in expected):
            got = {_JSON_NAMES.get(key, key): value for key, value in by_name.items()}
    return all(key in got and same_value(value, got[key], float_tol) for key, value in expected.items())


_JSON_NAMES = {"True": "true", "False": "false", "None": "null"}
_JSON_WORDS = frozenset(_JSON_NAMES.values())


def _key_text(key: Any) -> str | None:
    """A key as JSON would write it; None for one that has no such form."""
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, (bool, float)) or (isinstance(key, int) and key.bit_length() < 10_000):
        return str(key)
    if isinstance(key, tuple) and all(_key_text(part) is not None for part in key):
        return str(key)
    return None
