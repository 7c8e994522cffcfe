"""The nouns of the code verifier: `Outcome`, `CaseResult`, `CodeVerdict`."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sandbox.types import Result, Verdict

_DETAIL = 2000
_TAIL = 800


class Outcome(StrEnum):
    """How a test case, or a whole verification, ended."""

    PASS = "pass"
    WRONG_ANSWER = "wrong answer"
    RUNTIME_ERROR = "runtime error"
    TIMEOUT = "timeout"
    MEMORY_LIMIT = "memory limit"
    OUTPUT_LIMIT = "output limit"
    COMPILE_ERROR = "compile error"
    NO_PROGRAM = "no program"
    """The response contains none."""
    SANDBOX_ERROR = "sandbox error"
    """The sandbox failed, twice: this says nothing about the program."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How one test case ended."""

    name: str
    """Its index from 0, or the name that the test code gives it."""
    outcome: Outcome
    detail: str = ""
    """For people: input, expected, got, traceback; shortened. Empty when it passed."""
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether the program has failed it; a sandbox that failed says nothing."""
        return self.outcome not in (Outcome.PASS, Outcome.SANDBOX_ERROR)


@dataclass(frozen=True, slots=True)
class CodeVerdict:
    """Whether a program passes its tests, and how each of them ended."""

    outcome: Outcome
    """`PASS` when every case passed, else the outcome of the first that did not."""
    cases: tuple[CaseResult, ...] = ()
    program: str = ""
    """The program that was judged; "" when the response has none."""
    detail: str = ""
    """For people, where no single case failed: what the compiler or the sandbox said."""

    @property
    def passed(self) -> bool:
        """Only a program that passes every case does."""
        return self.outcome is Outcome.PASS

    @property
    def fraction(self) -> float:
        """Cases passed of all cases; 0 when none was run."""
        if not self.cases:
            return 0.0
        return sum(case.outcome is Outcome.PASS for case in self.cases) / len(self.cases)

    @property
    def first_failure(self) -> str:
        """What a person wants to know about the first case that failed; "" when the program passed."""
        if self.passed:
            return ""
        for case in self.cases:
            if case.outcome is not Outcome.PASS:
                return writable(f"case {case.name}: {case.outcome}" + (f"\n{case.detail}" if case.detail else ""))
        return writable(f"{self.outcome}" + (f"\n{self.detail}" if self.detail else ""))

    def __bool__(self) -> bool:
        """As `passed`, so that no failing program passes an `if`."""
        return self.passed


def conclude(cases: Sequence[CaseResult], program: str) -> CodeVerdict:
    """The verdict over cases, of which there is at least one."""
    assert cases
    outcome = next((case.outcome for case in cases if case.outcome is not Outcome.PASS), Outcome.PASS)
    return CodeVerdict(outcome, tuple(cases), program)


_OUTCOMES = {
    Verdict.COMPILE_ERROR: Outcome.COMPILE_ERROR,
    Verdict.TIMEOUT: Outcome.TIMEOUT,
    Verdict.MEMORY_LIMIT: Outcome.MEMORY_LIMIT,
    Verdict.OUTPUT_LIMIT: Outcome.OUTPUT_LIMIT,
    Verdict.SANDBOX_ERROR: Outcome.SANDBOX_ERROR,
}


def failure_of(result: Result) -> Outcome:
    """The outcome of a program that ended before it gave its answer (`OK` included: it had no business to end)."""
    return _OUTCOMES.get(result.verdict, Outcome.RUNTIME_ERROR)


def how_it_ended(result: Result) -> str:
    """For people: the verdict, its detail, and the end of what the program said on stderr."""
    lines = [result.detail] if result.detail else []
    if result.exit_code:
        lines.append(f"exit status {result.exit_code}")
    if result.stderr.strip():
        lines.append("stderr: " + tail(result.stderr))
    return "\n".join(lines)


def shorten(text: str, limit: int = 300) -> str:
    """A text with its middle left out where it is long."""
    if len(text) <= limit:
        return text
    half = (limit - 30) // 2
    return f"{text[:half]} ...({len(text) - 2 * half} more)... {text[-half:]}"


def tail(text: str, limit: int = _TAIL) -> str:
    """The end of a text."""
    text = text.rstrip()
    return text if len(text) <= limit else "..." + text[-limit:]


def detail(**parts: str) -> str:
    """Lines of `name: text` for a person, parts without text left out."""
    lines = [f"{name}: {text.strip()}" for name, text in parts.items() if text.strip()]
    return shorten("\n".join(lines), _DETAIL)


def writable(text: str) -> str:
    """A text that any file takes: what is no Unicode is written as an escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class _Repr(reprlib.Repr):
    """`repr` of plain data of any size, bounded."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother, self.maxlong = 5, 200, 200, 100
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdeque = self.maxdict = 20

    def repr_int(self, x: int, level: int) -> str:
        if x.bit_length() > 10_000:
            return f"<an integer of {x.bit_length()} bits>"
        return super().repr_int(x, level)


def show(value: Any) -> str:
    """Plain data for a person, shortened."""
    try:
        return shorten(_Repr().repr(value), 400)
    except Exception as error:  # a nested number too large to print
        return f"<{type(value).__name__}: {type(error).__name__}>"
