"""Tests that are programs (`assert`, `unittest`, `pytest`): run in a second sandbox, beside the program's own.

The host carries lines from one to the other without reading them, and takes the verdict from the judge alone.
"""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

from sandbox.types import Result, Sandbox, Verdict
from verifiers.code.call import Candidate, Failed
from verifiers.code.clock import Clock
from verifiers.code.guest import candidate_job, judge_job, pytest_packages
from verifiers.code.lines import Ended, Lines, TooLong
from verifiers.code.shapes import JudgedTests
from verifiers.code.verdict import CaseResult, Outcome, failure_of, how_it_ended

MAX_TRAFFIC = 256 << 20
"""Bytes of all lines together."""

_START_S = 5.0
"""What the judge may take beside the tests: it starts an interpreter's worth of modules."""
_ALL = "the test code"


def run_judged(program: str, tests: JudgedTests, sandbox: Sandbox, clock: Clock) -> list[CaseResult]:
    """Run test code against a program.

    Raises:
        ValueError: the test code is malformed.
        RuntimeError: pytest is needed and not installed.
    """
    limit_s = tests.common.time_limit_s
    files: dict[str, str | bytes] = {
        "test_solution.py": tests.code.encode("utf-8", "surrogatepass"),
        "preamble.py": tests.preamble.encode("utf-8", "surrogatepass"),
    }
    if tests.kind == "pytest":
        files["packages.zip"] = pytest_packages()
    jobs = [
        candidate_job(program, limit_s + _START_S, tests.common.memory_mb),
        judge_job(files, limit_s + 2 * _START_S),
    ]
    candidate, judge = sandbox.open(jobs)
    with candidate, judge:
        return _Trial(Lines(candidate), Lines(judge), tests, clock).hold()


class _Trial:
    """One program before its judge."""

    def __init__(self, candidate: Lines, judge: Lines, tests: JudgedTests, clock: Clock) -> None:
        self._candidate = candidate
        self._judge = judge
        self._tests = tests
        self._clock = clock
        self._token = secrets.token_hex(16)
        self._gone: tuple[Outcome, str] | None = None
        """Why the program is gone."""

    def hold(self) -> list[CaseResult]:
        """From loading the program to the verdict."""
        try:
            Candidate(self._candidate).load(self._clock.deadline(self._tests.common.time_limit_s), objects=True)
        except Failed as failed:
            return [CaseResult(_ALL, failed.outcome, f"while loading the program: {failed.why}")]
        start = {"token": self._token, "kind": self._tests.kind, "fn_name": self._tests.fn_name}
        self._judge.send(json.dumps(start).encode("ascii") + b"\n")
        try:
            report = self._carry()
        except TimeoutError:
            return [CaseResult(_ALL, Outcome.TIMEOUT, "the tests did not end in time")]
        except TooLong:
            return [CaseResult(_ALL, Outcome.OUTPUT_LIMIT, "too much was sent between the program and its tests")]
        except Ended:
            return [self._without_report(self._judge.end())]
        if "malformed" in report:
            raise ValueError(str(report["malformed"]))
        return [self._case(*case) for case in report["cases"]]

    def _carry(self) -> dict[str, Any]:
        """Carry lines until the judge reports. Each line to the program has one answer."""
        limit_s = self._tests.common.time_limit_s
        deadline = self._clock.deadline(limit_s + _START_S)
        traffic = 0
        candidate_s = 0.0
        while True:
            line = self._judge.receive(deadline)
            traffic += len(line)
            kind, body = line[:1], line[1:]
            if kind == b"h":
                report = json.loads(body)
                if secrets.compare_digest(str(report["token"]), self._token):
                    return dict(report)
                continue
            asked = time.monotonic()
            answer = self._ask(body, self._clock.deadline(max(0.01, limit_s - candidate_s)))
            candidate_s += time.monotonic() - asked
            traffic += len(answer)
            if traffic > MAX_TRAFFIC:
                raise TooLong
            self._judge.send(answer)

    def _ask(self, line: bytes, deadline: float) -> bytes:
        if self._gone is None:
            try:
                self._candidate.send(line + b"\n")
                return b"c" + self._candidate.receive(deadline) + b"\n"
            except TimeoutError:
                self._lost(self._candidate.session.kill(), Outcome.TIMEOUT, "no answer in time")
            except TooLong:
                self._lost(self._candidate.session.kill(), Outcome.OUTPUT_LIMIT, "an answer too large")
            except Ended:
                result = self._candidate.end()
                self._lost(result, failure_of(result), f"the program ended ({result.verdict}) {how_it_ended(result)}")
        assert self._gone is not None
        return b"x" + self._gone[1][:1000].replace("\n", " ").encode("utf-8", "replace") + b"\n"

    def _lost(self, result: Result, outcome: Outcome, why: str) -> None:
        ended = failure_of(result)
        if ended in (Outcome.MEMORY_LIMIT, Outcome.OUTPUT_LIMIT, Outcome.SANDBOX_ERROR):
            outcome = ended
        self._gone = (outcome, why)

    def _without_report(self, result: Result) -> CaseResult:
        if result.verdict is Verdict.SANDBOX_ERROR:
            return CaseResult(_ALL, Outcome.SANDBOX_ERROR, result.detail)
        outcome = self._gone[0] if self._gone else failure_of(result)
        return CaseResult(_ALL, outcome, f"the tests ended without a verdict ({result.verdict}) {how_it_ended(result)}")

    def _case(self, name: str, outcome: str, detail: str, seconds: float) -> CaseResult:
        if outcome == "gone":
            gone, why = self._gone or (Outcome.RUNTIME_ERROR, "the program broke the connection")
            return CaseResult(name, gone, f"{why}\n{detail}".strip(), seconds)
        return CaseResult(name, Outcome(outcome), detail if outcome != "pass" else "", seconds)
