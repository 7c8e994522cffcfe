"""Tests by calling a function: arguments go in as plain data, answers come out as plain data, compared on the host."""

from __future__ import annotations

import json
import time
from typing import Any

from sandbox.types import Result, Sandbox
from verifiers.code.clock import OVER, Clock
from verifiers.code.compare import same_value
from verifiers.code.guest import candidate_job
from verifiers.code.inside import plain
from verifiers.code.lines import Ended, Lines, TooLong
from verifiers.code.shapes import CallCase, CallTests
from verifiers.code.verdict import CaseResult, Outcome, detail, failure_of, how_it_ended, show, tail

MAX_TIMEOUTS = 2
"""After so many the other cases are not run: they count as timeouts too."""
MAX_RESTARTS = 5
"""After so many crashes the other cases are not run either."""

_LOAD_SLACK_S = 2.0


class Failed(Exception):
    """A request to the program that gave no value."""

    def __init__(self, outcome: Outcome, why: str, *, gone: bool = False) -> None:
        super().__init__(why)
        self.outcome = outcome
        self.why = why
        self.gone = gone
        """Whether the process is gone as well."""


class Candidate:
    """A program behind its driver, as its caller on the host sees it."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def load(self, deadline: float, *, objects: bool) -> None:
        """Run the program's module.

        Args:
            deadline: of `time.monotonic`.
            objects: whether objects may be told of by number, or only plain data travels.

        Raises:
            Failed: it does not compile, or fails.
        """
        answer = self.request(["load", objects], deadline)
        if answer[0] != "loaded":
            raise Failed(Outcome.COMPILE_ERROR, _text(answer[-1], 2000))

    def request(self, message: list[Any], deadline: float) -> list[Any]:
        """Ask the driver for something.

        Raises:
            Failed: the program raised, ended, ran out of a limit or answered what is no plain data.
        """
        try:
            self._lines.send(json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n")
            answer = self._read(self._lines.receive(deadline))
        except TimeoutError:
            result = self._lines.session.kill()
            raise Failed(_at_the_end(result, Outcome.TIMEOUT), "no answer in time", gone=True) from None
        except TooLong:
            self._lines.session.kill()
            raise Failed(Outcome.OUTPUT_LIMIT, "an answer too large", gone=True) from None
        except Ended:
            result = self._lines.end()
            why = f"the program ended during the call ({result.verdict})\n{how_it_ended(result)}".strip()
            raise Failed(failure_of(result), why, gone=True) from None
        if answer[0] == "n":
            raise Failed(Outcome.WRONG_ANSWER, f"the answer is no plain data: {_text(answer[1])}")
        if answer[0] == "e":
            raise Failed(Outcome.RUNTIME_ERROR, _error_text(answer[1]))
        return answer[1:]

    def _read(self, line: bytes) -> list[Any]:
        try:
            _, _, answer = json.loads(line)
            if isinstance(answer, list) and len(answer) >= 2 and answer[0] in ("r", "e", "n"):
                return answer
        except (ValueError, RecursionError, TypeError):
            pass
        self._lines.session.kill()
        raise Failed(Outcome.RUNTIME_ERROR, "the program wrote to its driver's channel", gone=True)


def _at_the_end(result: Result, otherwise: Outcome) -> Outcome:
    """The outcome of a program that was killed for being late, unless a limit had ended it before."""
    outcome = failure_of(result)
    return outcome if outcome in (Outcome.MEMORY_LIMIT, Outcome.OUTPUT_LIMIT, Outcome.SANDBOX_ERROR) else otherwise


def _error_text(error: Any) -> str:
    if not isinstance(error, dict):
        return "an exception"
    trace = tail(_text(error.get("trace"), 2000), 300)
    return f"{_text(error.get('name'), 100)}: {_text(error.get('text'), 500)}" + (f" ({trace})" if trace else "")


def _text(said: Any, limit: int = 300) -> str:
    """What a driver says about itself, which may be anything."""
    return said[:limit] if isinstance(said, str) else ""


def run_call(program: str, tests: CallTests, sandbox: Sandbox, clock: Clock, *, every_case: bool) -> list[CaseResult]:
    """Call the function once a case; after a crash or a timeout the other cases go on in a fresh process.

    See `verify` for `every_case`.

    Raises:
        ValueError: an argument is no plain data.
    """
    messages = [_message(tests.fn_name, index, case) for index, case in enumerate(tests.cases)]
    results: list[CaseResult] = []
    timeouts = crashes = 0
    while len(results) < len(messages):
        start = len(results)
        _run_process(program, tests, messages, results, sandbox, clock, every_case)
        last = results[-1]
        if last.outcome in (Outcome.COMPILE_ERROR, Outcome.SANDBOX_ERROR):
            _rest(results, tests, last.outcome, "not run")
        elif len(results) == start + 1 and start == 0 and last.detail.startswith(_LOADING):
            _rest(results, tests, last.outcome, last.detail)
        elif clock.over:
            _rest(results, tests, Outcome.TIMEOUT, OVER)
        elif last.outcome is Outcome.TIMEOUT:
            timeouts += 1
            if timeouts >= MAX_TIMEOUTS:
                _rest(results, tests, Outcome.TIMEOUT, f"not run: {timeouts} cases before ran out of time")
        else:
            crashes += 1
            if crashes > MAX_RESTARTS:
                _rest(results, tests, last.outcome, f"not run: {crashes} cases before ended the program")
    return results


def _rest(results: list[CaseResult], tests: CallTests, outcome: Outcome, why: str) -> None:
    results += [CaseResult(str(index), outcome, why) for index in range(len(results), len(tests.cases))]


def _message(fn_name: str, index: int, case: CallCase) -> list[Any]:
    try:
        kwargs = ["d", *(part for name, value in case.kwargs.items() for part in (name, plain.encode(value)))]
        return ["call_name", fn_name, [plain.encode(arg) for arg in case.args], kwargs]
    except plain.PlainError as error:
        raise ValueError(f"tests['cases'][{index}]['args'] cannot be sent to a program: {error}") from None


_LOADING = "while loading the program: "


def _run_process(
    program: str,
    tests: CallTests,
    messages: list[list[Any]],
    results: list[CaseResult],
    sandbox: Sandbox,
    clock: Clock,
    every_case: bool,
) -> None:
    """Run cases from the first that has no result until the process is gone; at least one gets its result."""
    limit_s = tests.common.time_limit_s
    left = len(messages) - len(results)
    job = candidate_job(program, limit_s * (left + 1) + _LOAD_SLACK_S, tests.common.memory_mb)
    (session,) = sandbox.open([job])
    with session:
        candidate = Candidate(Lines(session))
        started = time.monotonic()
        try:
            deadline = clock.deadline(limit_s + _LOAD_SLACK_S)
            candidate.load(deadline, objects=False)
            candidate.request(["find", tests.fn_name], deadline)
        except Failed as failed:
            index = len(results)
            results.append(CaseResult(str(index), failed.outcome, _LOADING + failed.why, time.monotonic() - started))
            return
        while len(results) < len(messages):
            index = len(results)
            result, gone = _run_case(candidate, tests, index, messages[index], clock)
            results.append(result)
            if not every_case and result.failed:
                clock.leave(limit_s)
            if gone:
                return


def _run_case(
    candidate: Candidate, tests: CallTests, index: int, message: list[Any], clock: Clock
) -> tuple[CaseResult, bool]:
    case = tests.cases[index]
    started = time.monotonic()
    shown = ", ".join([show(arg) for arg in case.args] + [f"{name}={show(arg)}" for name, arg in case.kwargs.items()])
    try:
        answer = candidate.request(message, clock.deadline(tests.common.time_limit_s))
        value = plain.decode(answer[0])
    except Failed as failed:
        said = detail(input=shown, expected=show(case.output), got=failed.why)
        return CaseResult(str(index), failed.outcome, said, time.monotonic() - started), failed.gone
    except plain.PlainError as error:
        said = detail(input=shown, expected=show(case.output), got=f"no plain data: {error}")
        return CaseResult(str(index), Outcome.WRONG_ANSWER, said, time.monotonic() - started), False
    seconds = time.monotonic() - started
    if _same(case.output, value, tests.float_tol):
        return CaseResult(str(index), Outcome.PASS, seconds=seconds), False
    said = detail(input=shown, expected=show(case.output), got=show(value))
    return CaseResult(str(index), Outcome.WRONG_ANSWER, said, seconds), False


def _same(expected: Any, got: Any, float_tol: float | None) -> bool:
    try:
        return same_value(expected, got, float_tol)
    except RecursionError:  # the caller is deep in calls itself
        return False
