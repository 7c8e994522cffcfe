"""20,000 calls, of which 2% are stuck, crash or raise: all the others are scored right, and the pool stays healthy."""

from __future__ import annotations

import os
import random
from pathlib import Path

import psutil
import pytest

from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.runner import RewardRunner
from rewards.types import Outcome, RewardInput

CALLS = 20_000
BAD = {
    "stuck": Outcome.TIMEOUT,
    "exit": Outcome.CRASH,
    "kill": Outcome.CRASH,
    "raise": Outcome.ERROR,
}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_bad_calls_among_many_cost_only_themselves() -> None:
    rng = random.Random(0)
    answers = [rng.choice(list(BAD)) if rng.random() < 0.02 else str(i) for i in range(CALLS)]
    samples = [RewardInput((), answer, None, answer, "") for answer in answers]
    config = RewardConfig(use="soaked.py:trivial", timeout_s=0.25)
    with RewardRunner([config], RewardRunnerConfig(workers=2, memory_mb=512), [], Path(__file__).parent) as runner:
        runner.score(samples[:100])
        descriptors, children = len(os.listdir("/proc/self/fd")), len(psutil.Process().children())
        scored = [one for start in range(0, CALLS, 500) for one in runner.score(samples[start : start + 500])]
        healthy = runner.score(samples[:100])
        assert len(os.listdir("/proc/self/fd")) <= descriptors + 4
        assert len(psutil.Process().children()) <= children
    for answer, one in zip(answers, scored, strict=True):
        score = one.scores["trivial"]
        assert score.outcome is BAD.get(answer, Outcome.SCORED), (answer, score)
        if answer not in BAD:
            assert one.reward == float(answer)
    assert sum(answer in BAD for answer in answers) > 300
    assert [one.reward for one in healthy] == [one.reward for one in scored[:100]]
