"""Test code for unittest, run by unittest."""

from __future__ import annotations

import time
import unittest
from types import ModuleType, TracebackType
from typing import Any

from verifiers.code.inside.cases import ERROR, PASS, WRONG, Case, outcome_of, text_of

_Info = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


def run(module: ModuleType) -> list[Case]:
    """Run all tests of a module."""
    result = _Result()
    try:
        unittest.defaultTestLoader.loadTestsFromModule(module).run(result)
    except BaseException as error:  # what a fixture of a class lets through
        result.cases.append(Case("the test code", outcome_of(error), text_of(error)))
    return result.cases


class _Result(unittest.TestResult):
    """Notes how each test ended. A test that was skipped by its decorator counts as if it were not there."""

    def __init__(self) -> None:
        super().__init__()
        self.cases: list[Case] = []
        self._started = 0.0
        self._failed: set[str] = set()

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._started = time.monotonic()

    def _note(self, test: Any, outcome: str, detail: str = "") -> None:
        name = test.id().removeprefix("test_solution.")
        if name in self._failed:
            return
        if outcome != PASS:
            self._failed.add(name)
        self.cases.append(Case(name, outcome, detail, time.monotonic() - self._started))

    def addSuccess(self, test: unittest.TestCase) -> None:
        self._note(test, PASS)

    def addFailure(self, test: unittest.TestCase, err: _Info) -> None:
        super().addFailure(test, err)
        assert err[1] is not None
        self._note(test, outcome_of(err[1]), text_of(err[1]))

    def addError(self, test: unittest.TestCase, err: _Info) -> None:
        super().addError(test, err)
        assert err[1] is not None
        self._note(test, outcome_of(err[1]), text_of(err[1]))

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        method = getattr(test, getattr(test, "_testMethodName", ""), None)
        if not (getattr(method, "__unittest_skip__", False) or getattr(type(test), "__unittest_skip__", False)):
            self._note(test, ERROR, f"skipped while it ran: {reason}")

    def addExpectedFailure(self, test: unittest.TestCase, err: _Info) -> None:
        pass

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self._note(test, WRONG, "it was expected to fail")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: _Info | None) -> None:
        if err is not None and err[1] is not None:
            self._note(test, outcome_of(err[1]), f"{subtest.id()}\n{text_of(err[1])}")
