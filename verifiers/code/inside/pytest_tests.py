"""Test code for pytest, run by pytest, whose packages came along as a zip."""

from __future__ import annotations

import os
import sys
from typing import Any

from verifiers.code.inside.cases import ERROR, PASS, TESTS, WRONG, Case, outcome_of, shorten, text_of

PACKAGES = "packages.zip"

_ARGUMENTS = ["-q", "--capture=sys", "--no-header", "--no-summary", "--tb=short", "-p", "no:cacheprovider", "-p",
              "no:junitxml", "-p", "no:pastebin", "-p", "no:faulthandler", "-p", "no:stepwise", "-p",
              "no:doctest", "-c", os.devnull, "--rootdir=."]  # fmt: skip


def prepare() -> None:
    """Make pytest importable."""
    sys.path.insert(1, os.path.abspath(PACKAGES))
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"


def run() -> list[Case]:
    """Run the tests of the file `TESTS`."""
    import pytest

    notes = _Notes()
    try:
        status = pytest.main([*_ARGUMENTS, TESTS], plugins=[notes])
        if status not in (0, 1) and notes.cases:
            notes.cases.append(Case("the test code", ERROR, f"pytest ended early ({status})"))
    except BaseException as error:
        notes.cases.append(Case("the test code", outcome_of(error), text_of(error)))
    return notes.cases


class _Notes:
    """A plugin that notes how each test ended. One that is skipped by its mark counts as if it were not there."""

    def __init__(self) -> None:
        self.cases: list[Case] = []
        self._error: dict[str, BaseException] = {}
        self._marked: set[str] = set()
        self._failed: dict[str, tuple[str, str]] = {}
        self._seconds: dict[str, float] = {}

    def pytest_runtest_setup(self, item: Any) -> None:
        if any(item.get_closest_marker(name) for name in ("skip", "skipif", "xfail")):
            self._marked.add(item.nodeid)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        for item in items:
            if any(item.get_closest_marker(name) for name in ("skip", "skipif", "xfail")):
                self._marked.add(item.nodeid)

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        if call.excinfo is not None:
            self._error.setdefault(item.nodeid, call.excinfo.value)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed or (report.skipped and report.nodeid):
            call = getattr(report, "call", None)
            outcome = outcome_of(call.excinfo.value) if call is not None and call.excinfo is not None else ERROR
            self.cases.append(
                Case(f"collection of {report.nodeid}", outcome, shorten(str(report.longreprtext or report.longrepr)))
            )

    def pytest_runtest_logreport(self, report: Any) -> None:
        name = report.nodeid
        self._seconds[name] = self._seconds.get(name, 0.0) + report.duration
        if report.failed and name not in self._failed:
            self._failed[name] = (self._outcome(name), shorten(report.longreprtext))
        elif report.skipped and name not in self._marked:
            self._failed[name] = (ERROR, f"skipped while it ran: {report.longrepr}"[:300])
        if report.when != "teardown":
            if report.skipped and name in self._marked:
                self._failed.setdefault(name, (PASS, "ignored"))
            return
        outcome, detail = self._failed.get(name, (PASS, ""))
        if detail != "ignored":
            short = name.partition("::")[2] or name
            self.cases.append(Case(short, outcome, detail, self._seconds[name]))

    def _outcome(self, name: str) -> str:
        error = self._error.get(name)
        if error is None or type(error).__name__ == "Failed":  # pytest.fail, pytest.raises that saw nothing
            return WRONG
        return outcome_of(error)
