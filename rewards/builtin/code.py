"""Does the program of a response pass its tests?"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from rewards.types import Outcome, RewardInput, Score
from sandbox import SandboxConfig, open_sandbox
from sandbox.config import IMAGE, PYTHON
from sandbox.pool_worker import seconds_left
from sandbox.warm import WarmSandbox
from verifiers.code import Outcome as Ended
from verifiers.code import verify

_SHARE = 0.8
"""Of the time that the reward may still take, what a program's tests have: past that the program is late and wrong. At
the reward's own deadline nobody could tell whose fault it was, and a program that hangs would not count as wrong."""


def code(
    sample: RewardInput,
    *,
    right: float = 1.0,
    wrong: float = 0.0,
    partial: bool = False,
    timeout_s: float = 10.0,
    backend: str = "auto",
    image: str = IMAGE,
    python: str = PYTHON,
) -> Score:
    """Pays when the program of the response passes all tests (DAPO and LiveCodeBench: all or nothing).

    The tests are the ground truth as JSON, or the column `tests`, in one of the shapes that `verifiers.code` knows. The
    program runs in a sandbox, and the tests never meet it. A response without a program is paid as wrong, with an
    outcome of its own; one whose tests are not done within four fifths of the reward's own deadline is wrong. So that
    deadline should lie well above what a right program takes for all cases together.

    Args:
        sample: what is judged.
        right: value of a program that passes every test.
        wrong: value of any other.
        partial: pay failing programs between `wrong` and `right`, by the fraction of cases passed. Without it the cases
            after the first failure have the time of one case together: they only count in the detail `fraction`.
        timeout_s: time limit of a case where the tests state none.
        backend: `bubblewrap`, `docker` or `auto`.
        image: docker: the image.
        python: bubblewrap: the interpreter of programs.

    Raises:
        ValueError: the tests are malformed.
        SandboxError: programs cannot be isolated here.
        RuntimeError: the sandbox failed, or took half of the reward's deadline to start.
    """
    tests, allowed = _tests(sample), seconds_left()
    sandbox = _sandbox(backend, image, python)
    left = seconds_left()
    if allowed is not None and left is not None and left < allowed / 2:
        raise RuntimeError(f"the sandbox took {allowed - left:.1f} s to start; raise `timeout_s` of the reward")
    verdict = verify(
        sample.answer,
        tests,
        sandbox=sandbox,
        timeout_s=timeout_s,
        total_s=None if left is None else _SHARE * left,
        every_case=partial,
    )
    if verdict.outcome is Ended.SANDBOX_ERROR:
        raise RuntimeError(verdict.first_failure)
    if verdict.outcome is Ended.NO_PROGRAM:
        return Score(wrong, Outcome.NO_ANSWER, correct=False, message=verdict.first_failure)
    paid = verdict.fraction if partial else float(verdict.passed)
    return Score(
        wrong + (right - wrong) * paid,
        correct=verdict.passed,
        detail={"fraction": verdict.fraction},
        message=verdict.first_failure,
    )


def _tests(sample: RewardInput) -> Mapping[str, Any]:
    tests = sample.columns.get("tests", sample.ground_truth)
    if isinstance(tests, str):
        try:
            tests = json.loads(tests)
        except ValueError as error:
            raise ValueError(f"the tests are no JSON ({error}); mend the data") from None
    if not isinstance(tests, Mapping):
        raise ValueError(f"the tests are {type(tests).__name__}, not an object with a `type`; mend the data")
    return tests


@functools.cache
def _sandbox(backend: str, image: str, python: str) -> WarmSandbox:
    """One for each worker process; it ends with the process."""
    return open_sandbox(SandboxConfig(backend=backend, image=image, python=python))
