"""Submissions for the code verifier, dishonest and honest, one module a group of kinds (`tables` has them all).

Their authors had not seen the verifier's code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """A response, the tests that judge it, and what the verdict must say.

    `outcome` is the set of overall outcomes that are right, None where several ways of failing are as good.
    """

    name: str
    response: str
    tests: Mapping[str, Any]
    passed: bool
    outcome: frozenset[str] | None = None
    fraction: float | None = None
    note: str = ""


def cheat(
    name: str, response: str, tests: Mapping[str, Any], *outcomes: str, fraction: float | None = None, note: str = ""
) -> Case:
    """A response that must not pass."""
    return Case(name, response, tests, False, frozenset(outcomes) or None, fraction, note)


def good(name: str, response: str, tests: Mapping[str, Any], note: str = "") -> Case:
    """A response that must pass."""
    return Case(name, response, tests, True, frozenset({"pass"}), 1.0, note)


def stdio(*pairs: tuple[str, str], **extra: Any) -> dict[str, Any]:
    """Tests by standard input and output, from (input, output) pairs."""
    return {"type": "stdio", "cases": [{"input": given, "output": wanted} for given, wanted in pairs], **extra}


def call(fn_name: str, *pairs: tuple[list[Any], Any], **extra: Any) -> dict[str, Any]:
    """Tests by calls, from (args, output) pairs."""
    cases = [{"args": args, "output": wanted} for args, wanted in pairs]
    return {"type": "call", "fn_name": fn_name, "cases": cases, **extra}


def asserts(code: str, **extra: Any) -> dict[str, Any]:
    """Tests by assert statements."""
    return {"type": "assert", "code": code, **extra}


def unit(code: str) -> dict[str, Any]:
    """Tests of a unittest module."""
    return {"type": "unittest", "code": code}


def pytests(code: str) -> dict[str, Any]:
    """Tests of a pytest module."""
    return {"type": "pytest", "code": code}


def shown(program: str, *lines: str) -> tuple[str, dict[str, Any]]:
    """A program and assert statements that show what it does."""
    return program, asserts("\n".join(lines) + "\n")
