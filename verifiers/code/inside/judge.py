"""The program of the judge's sandbox: runs the test code over proxies of the program, and reports.

Its first line from the host says what to run and a token; its last line to the host repeats the token.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import types
import unittest
from typing import Any

from verifiers.code.inside import assert_tests, pytest_tests, unittest_tests
from verifiers.code.inside.cases import PREAMBLE, TESTS, Case, Malformed, outcome_of, text_of
from verifiers.code.inside.errors import CandidateGone
from verifiers.code.inside.link import TO_HOST, Link
from verifiers.code.inside.remote import Remotes
from verifiers.code.inside.wire import Wire


def main() -> None:
    """Run and report; leaves without the interpreter's end, which threads of the tests could hold up."""
    wire = Wire()
    start = json.loads(wire.receive_line())
    link = Link(wire)
    remotes = Remotes(link)
    report: dict[str, Any] = {"token": start["token"]}
    try:
        cases = _run(start, remotes)
        report["cases"] = [[case.name, case.outcome, case.detail, case.seconds] for case in cases]
    except Malformed as error:
        report["malformed"] = str(error)
    wire.send(report, TO_HOST)
    os._exit(0)


def _run(start: dict[str, Any], remotes: Remotes) -> list[Case]:
    with open(TESTS, encoding="utf-8", errors="surrogatepass") as file:
        code = file.read()
    try:
        mentioned = _names_in(compile(code, TESTS, "exec", dont_inherit=True))
    except (SyntaxError, ValueError) as error:
        raise Malformed(f"tests['code'] does not compile: {error}") from None
    if start["kind"] == "pytest":
        pytest_tests.prepare()
        importlib.import_module("pytest")
    if "mock" in code:  # it looks at what is a builtin: before any name of the program is one
        importlib.import_module("unittest.mock")
    sys.modules["solution"] = remotes.module
    try:
        remotes.lend(mentioned)
    except CandidateGone as error:
        return [Case("the test code", outcome_of(error), text_of(error))]
    if start["kind"] == "assert":
        with open(PREAMBLE, encoding="utf-8", errors="surrogatepass") as file:
            preamble = file.read()
        return assert_tests.run(code, preamble, start["fn_name"], remotes)
    cases = pytest_tests.run() if start["kind"] == "pytest" else _run_unittest()
    return cases or [Case("the test code", "runtime error", "no test was run")]


def _run_unittest() -> list[Case]:
    real_main, unittest.main = unittest.main, _no_main  # type: ignore[assignment]
    try:
        module = importlib.import_module("test_solution")
    except BaseException as error:
        return [Case("the test code", outcome_of(error), text_of(error))]
    finally:
        unittest.main = real_main
    return unittest_tests.run(module)


def _no_main(*_: Any, **__: Any) -> None:
    """The test code's own start, which is not wanted."""


def _names_in(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names_in(constant)
    return names
