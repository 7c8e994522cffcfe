"""The `code` reward, in the worker processes that training uses.

1. Right, wrong and missing programs; partial pay; tests from a column or from the ground truth.
2. Malformed tests and a missing sandbox are errors, not zeros.
3. A program that hangs is the program's timeout, not the reward's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.runner import RewardRunner
from rewards.types import Outcome, RewardInput, Score

TESTS = {"type": "call", "fn_name": "add", "cases": [{"args": [1, 2], "output": 3}, {"args": [2, 2], "output": 4}]}
RIGHT = "Adding is simple:\n```python\ndef add(a, b):\n    return a + b\n```"
HALF = "```python\ndef add(a, b):\n    return 4\n```"
HANGS = "```python\ndef add(a, b):\n    while True: pass\n```"


def sample(answer: str, tests: Mapping[str, Any] | str = TESTS) -> RewardInput:
    ground_truth = tests if isinstance(tests, str) else json.dumps(tests)
    return RewardInput((), answer, None, answer, ground_truth)


@pytest.fixture(scope="module")
def runner() -> Iterator[RewardRunner]:
    configs = [
        RewardConfig(use="code", timeout_s=60, options={"timeout_s": 1.0}),
        RewardConfig(
            use="code", name="share", timeout_s=60, options={"partial": True, "wrong": -1.0, "timeout_s": 1.0}
        ),
    ]
    with RewardRunner(configs, RewardRunnerConfig(), "code", Path(__file__).parent) as opened:
        yield opened


def scores(runner: RewardRunner, one: RewardInput) -> tuple[Score, Score]:
    combined = runner.score([one])[0]
    return combined.scores["code"], combined.scores["share"]


def test_a_right_program_is_paid(runner: RewardRunner) -> None:
    paid, share = scores(runner, sample(RIGHT))
    assert (paid.value, paid.correct, share.value) == (1.0, True, 1.0)


def test_a_wrong_program_is_paid_by_its_share_where_that_is_wanted(runner: RewardRunner) -> None:
    paid, share = scores(runner, sample(HALF))
    assert (paid.value, paid.correct, share.value) == (0.0, False, 0.0)
    assert paid.detail["fraction"] == 0.5
    assert "expected" in paid.message


def test_tests_may_come_in_a_column(runner: RewardRunner) -> None:
    assert scores(runner, replace(sample(RIGHT, ""), columns={"tests": TESTS}))[0].correct is True


def test_no_program_is_an_outcome_of_its_own(runner: RewardRunner) -> None:
    paid, _ = scores(runner, sample("I cannot solve this."))
    assert (paid.outcome, paid.value, paid.correct) == (Outcome.NO_ANSWER, 0.0, False)


def test_a_program_that_hangs_is_wrong_and_no_failure_of_the_reward(runner: RewardRunner) -> None:
    paid, _ = scores(runner, sample(HANGS))
    assert (paid.outcome, paid.correct) == (Outcome.SCORED, False)
    assert "timeout" in paid.message
    assert scores(runner, sample(RIGHT))[0].correct is True


@pytest.mark.parametrize("tests", ["no JSON", "[1]", '{"type": "call"}', '{"type": "riddle", "cases": []}'])
def test_malformed_tests_are_an_error(runner: RewardRunner, tests: str) -> None:
    paid, _ = scores(runner, sample(RIGHT, tests))
    assert paid.outcome is Outcome.ERROR
    assert "ValueError" in paid.message


def test_no_sandbox_is_an_error_with_the_way_out() -> None:
    configs = [RewardConfig(use="code", timeout_s=60, options={"backend": "docker", "image": "no-such-image"})]
    with RewardRunner(configs, RewardRunnerConfig(), "code", Path(__file__).parent) as runner:
        paid = runner.score([sample(RIGHT)])[0].scores["code"]
    assert paid.outcome is Outcome.ERROR
    assert "Ways out" in paid.message
