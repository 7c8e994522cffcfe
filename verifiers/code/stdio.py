"""Tests by standard input and output: one run a case, compared on the host or by a checker in its own sandbox."""

from __future__ import annotations

from sandbox.types import Limits, Result, Sandbox, Verdict
from verifiers.code.clock import OVER, Clock
from verifiers.code.compare import first_difference, same_output
from verifiers.code.shapes import StdioCase, StdioTests
from verifiers.code.verdict import CaseResult, Outcome, detail, failure_of, how_it_ended, shorten, tail

MAX_TIMEOUTS = 2
"""After so many the other cases are not run: they count as timeouts too."""

_CHECKER_MAIN = """
import runpy, sys
with open("checker.py", "rb") as file:
    source = file.read()
try:
    compile(source, "checker.py", "exec")
except SyntaxError as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(BROKEN)
sys.argv = ["checker.py", "input.txt", "output.txt", "answer.txt"]
runpy.run_path("checker.py", run_name="__main__")
"""
_BROKEN = 211
"""Exit status of a checker that is no program; its own are those of contest checkers, 0 to 7."""
_CHECKER_S = 30.0
_CHECKER_MB = 1024
_COMPILE_S = 30.0


def run_stdio(program: str, tests: StdioTests, sandbox: Sandbox, clock: Clock, *, every_case: bool) -> list[CaseResult]:
    """Run a program against every case; see `verify` for `every_case`.

    Raises:
        ValueError: the checker does not compile.
    """
    results: list[CaseResult] = []
    timeouts = 0
    for index, case in enumerate(tests.cases):
        if timeouts >= MAX_TIMEOUTS:
            results.append(CaseResult(str(index), Outcome.TIMEOUT, f"not run: {timeouts} cases before ran out of time"))
        elif results and results[0].outcome is Outcome.COMPILE_ERROR:
            results.append(CaseResult(str(index), Outcome.COMPILE_ERROR, "not run"))
        elif clock.over:
            results.append(CaseResult(str(index), Outcome.TIMEOUT, OVER))
        else:
            results.append(_run_case(program, str(index), case, tests, sandbox, clock))
            timeouts += results[-1].outcome is Outcome.TIMEOUT
            if not every_case and results[-1].failed:
                clock.leave(tests.common.time_limit_s)
    return results


def _run_case(
    program: str, name: str, case: StdioCase, tests: StdioTests, sandbox: Sandbox, clock: Clock
) -> CaseResult:
    common = tests.common
    limits = Limits(
        wall_s=clock.limit(common.time_limit_s),
        total_s=clock.limit(common.time_limit_s + _COMPILE_S),
        memory_mb=common.memory_mb,
        output_bytes=max(Limits().output_bytes, 4 * len(case.output) + (1 << 16)),
    )
    result = sandbox.run(program, stdin=case.stdin, limits=limits, language=common.language)
    if result.verdict is not Verdict.OK:
        said = detail(input=shorten(case.stdin), how=how_it_ended(result))
        return CaseResult(name, failure_of(result), said, result.wall_s)
    outcome, why = _judge(case, result, tests, sandbox, clock)
    if outcome is Outcome.PASS:
        return CaseResult(name, outcome, seconds=result.wall_s)
    said = detail(
        input=shorten(case.stdin),
        expected=shorten(case.output),
        got=shorten(result.stdout),
        why=why,
        stderr=tail(result.stderr, 300),
    )
    return CaseResult(name, outcome, said, result.wall_s)


def _judge(case: StdioCase, result: Result, tests: StdioTests, sandbox: Sandbox, clock: Clock) -> tuple[Outcome, str]:
    if tests.checker is None:
        if same_output(case.output, result.stdout, tests.float_tol):
            return Outcome.PASS, ""
        return Outcome.WRONG_ANSWER, first_difference(case.output, result.stdout)
    files = {
        "checker.py": tests.checker,
        "input.txt": case.stdin,
        "output.txt": result.stdout,
        "answer.txt": case.output,
    }
    limits = Limits(wall_s=clock.limit(_CHECKER_S), memory_mb=_CHECKER_MB)
    checked = sandbox.run(f"BROKEN = {_BROKEN}" + _CHECKER_MAIN, files=files, limits=limits)
    if checked.verdict is Verdict.OK:
        return Outcome.PASS, ""
    if checked.verdict is Verdict.SANDBOX_ERROR:
        return Outcome.SANDBOX_ERROR, checked.detail
    if checked.verdict is Verdict.TIMEOUT and clock.over:
        return Outcome.TIMEOUT, "the time for all tests was over before the checker had judged"
    if checked.exit_code == _BROKEN:
        raise ValueError(f"tests['checker']['code'] does not compile: {tail(checked.stderr, 400)}")
    said = tail("\n".join(text for text in (checked.stdout.strip(), checked.stderr.strip()) if text), 400)
    return Outcome.WRONG_ANSWER, f"the checker says no ({checked.verdict}) {said}"
