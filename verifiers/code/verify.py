"""`verify`: does the program of a response pass its tests?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.types import Sandbox
from verifiers.code.call import run_call
from verifiers.code.clock import Clock
from verifiers.code.extract import extract_program
from verifiers.code.judged import run_judged
from verifiers.code.shapes import CallTests, StdioTests, Tests, read_tests
from verifiers.code.stdio import run_stdio
from verifiers.code.verdict import CodeVerdict, Outcome, conclude

_ATTEMPTS = 2


def verify(
    response_or_program: str,
    tests: Mapping[str, Any],
    *,
    sandbox: Sandbox,
    timeout_s: float = 10.0,
    total_s: float | None = None,
    every_case: bool = True,
) -> CodeVerdict:
    """Run the program of a response against tests. Never raises on what a model wrote.

    Where the sandbox fails all is done once more; failing again is the outcome `SANDBOX_ERROR`.

    Args:
        response_or_program: a whole response, thinking included, or a bare program.
        tests: what the program should do; see `verifiers.code.shapes`.
        sandbox: where programs run; may be shared by threads.
        timeout_s: time limit where the tests state none: of a case (`stdio`, `call`), else of all tests together.
        total_s: time for all tests together, with compiling and checkers; a program that needs longer is late
            (`TIMEOUT`). None: as long as they take.
        every_case: whether it matters how each case ends. If not, those after the first failure (`stdio`, `call`) have
            the time of one case together, and are timeouts where it ends.

    Raises:
        ValueError: the tests are malformed; says the key and the way out.
        SandboxError: the sandbox is closed, cannot start, or lacks the language.
    """
    read = read_tests(tests, timeout_s)
    program = extract_program(response_or_program, read.common.language)
    if program is None:
        return CodeVerdict(Outcome.NO_PROGRAM, detail=f"no {read.common.language} program in the response")
    clock = Clock(total_s)
    for _ in range(_ATTEMPTS):
        verdict = _run(program, read, sandbox, clock, every_case)
        if clock.over or all(case.outcome is not Outcome.SANDBOX_ERROR for case in verdict.cases):
            break
    return verdict


def _run(program: str, tests: Tests, sandbox: Sandbox, clock: Clock, every_case: bool) -> CodeVerdict:
    if isinstance(tests, StdioTests):
        cases = run_stdio(program, tests, sandbox, clock, every_case=every_case)
    elif isinstance(tests, CallTests):
        cases = run_call(program, tests, sandbox, clock, every_case=every_case)
    else:
        cases = run_judged(program, tests, sandbox, clock)
    return conclude(cases, program)
