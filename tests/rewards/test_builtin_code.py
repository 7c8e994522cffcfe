"""The `code` reward at its own deadline, in the worker processes that training uses.

1. A program that hangs, or takes long for each of many cases, is wrong, whatever the limit of a case is: were it the
   reward that ran out of time, a program could choose not to be judged.
2. A compiler that a program keeps busy is no way either.
3. Once a case has failed, the others take no longer than one case together, unless part credit is paid for them.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.runner import RewardRunner
from rewards.types import Outcome, RewardInput, Score

HANGS = "def add(a, b):\n    while True: pass"
CALL = {"type": "call", "fn_name": "add", "cases": [{"args": [1, 2], "output": 3}]}
ASSERT = {"type": "assert", "code": "assert add(1, 2) == 3"}
SLOW = "import time; time.sleep(0.7); print('x')"
ENDLESS = """
template<int n, long m> struct G { static const long v = G<n-1, m>::v + G<n-1, m + (1L << n)>::v; };
template<long m> struct G<0, m> { static const long v = 1; };
int main() { return G<26, 0>::v; }
"""


def stdio(count: int, output: str, **more: Any) -> dict[str, Any]:
    return {"type": "stdio", "cases": [{"input": "", "output": output}] * count, **more}


def judged(program: str, tests: dict[str, Any], config: RewardConfig, language: str = "python") -> tuple[Score, float]:
    """The score of a program, and how long it took beyond the start of the workers."""
    runs = [sample("def nothing(): pass", CALL), sample(program, tests, language)]
    with RewardRunner([config], RewardRunnerConfig(), "code", Path(__file__).parent) as runner:
        runner.score(runs[:1])
        started = time.monotonic()
        return runner.score(runs[1:])[0].scores["code"], time.monotonic() - started


def sample(program: str, tests: dict[str, Any], language: str = "python") -> RewardInput:
    answer = f"```{language}\n{program}\n```"
    return RewardInput((), answer, None, answer, json.dumps(tests))


@pytest.mark.parametrize("tests", [CALL, ASSERT, stdio(1, "3")], ids=["call", "assert", "stdio"])
def test_a_program_that_hangs_is_wrong_under_the_defaults(tests: dict[str, Any]) -> None:
    program = HANGS if tests["type"] != "stdio" else "while True: pass"
    score, took = judged(program, tests, RewardConfig(use="code"))
    assert (score.outcome, score.value, score.correct) == (Outcome.SCORED, 0.0, False), score.message
    assert "timeout" in score.message
    assert took < 5


@pytest.mark.parametrize("output", ["x", "y"], ids=["right", "wrong"])
def test_many_slow_cases_are_wrong(output: str) -> None:
    config = RewardConfig(use="code", timeout_s=4, options={"timeout_s": 1, "partial": True})
    score, took = judged(SLOW, stdio(30, output), config)
    assert (score.outcome, score.correct) == (Outcome.SCORED, False), score.message
    assert score.value == score.detail["fraction"] < 0.2
    assert (score.value > 0) is (output == "x")
    assert took < 4


def test_without_part_credit_a_failed_case_leaves_the_others_the_time_of_one() -> None:
    config = RewardConfig(use="code", timeout_s=30, options={"timeout_s": 1})
    score, took = judged(SLOW, stdio(30, "y"), config)
    assert (score.outcome, score.correct) == (Outcome.SCORED, False), score.message
    assert "wrong answer" in score.message
    assert took < 5


def test_a_compiler_that_is_kept_busy_is_wrong() -> None:
    score, took = judged(ENDLESS, stdio(2, "1", language="cpp"), RewardConfig(use="code"), "cpp")
    if "no toolchain" in score.message:
        pytest.skip("this sandbox has no toolchain for cpp")
    assert (score.outcome, score.correct) == (Outcome.SCORED, False), score.message
    assert took < 5
