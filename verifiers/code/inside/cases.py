"""What the judge notes of each test, and what it makes of an exception."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from verifiers.code.inside.errors import CandidateAssertion, CandidateGone

PASS = "pass"
WRONG = "wrong answer"
ERROR = "runtime error"
GONE = "gone"
"""The program's process had ended: the host knows why."""

_TEXT = 1500


class Malformed(Exception):
    """The test code is no program."""


@dataclass
class Case:
    """One test."""

    name: str
    outcome: str
    detail: str = ""
    seconds: float = 0.0


def outcome_of(error: BaseException) -> str:
    """What an exception in a test means."""
    if isinstance(error, CandidateGone):
        return GONE
    return WRONG if isinstance(error, AssertionError) and not isinstance(error, CandidateAssertion) else ERROR


def text_of(error: BaseException) -> str:
    """An exception for a person: the line of the tests where it was raised, and what it says."""
    lines = [
        f"line {frame.lineno}: {frame.line}"
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename in (TESTS, PREAMBLE) and frame.line
    ]
    try:
        said = "".join(traceback.format_exception_only(error)).strip()
    except Exception:
        said = type(error).__name__
    where = getattr(error, "_where", "")
    return shorten("\n".join([*lines[-2:], said, *([f"in the program: {where}"] if where else [])]))


def shorten(text: str) -> str:
    """A text with its middle left out where it is long."""
    return text if len(text) <= _TEXT else f"{text[: _TEXT // 2]} ... {text[-_TEXT // 2 :]}"


TESTS = "test_solution.py"
PREAMBLE = "preamble.py"
