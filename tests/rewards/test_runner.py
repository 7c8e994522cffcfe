"""The reward runner. Pinned behaviour:

1. values of all kinds come back typed; NaN, infinities and everything that is no number are errors;
2. a stuck, crashing, raising or bursting call costs its own sample only, and the pool stays healthy;
3. on_error mask | zero | fail; weight 0 measures without paying; skipped counts nothing;
4. metrics count every outcome; the first traceback of each kind is kept and reported once;
5. importing rewards is quick and pulls in no torch.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rewards import Combined, Outcome, RewardInput, Score, load_rewards
from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.errors import RewardConfigError, RewardFailed
from rewards.runner import RewardRunner, combine, summarise

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def reward(function: str, **settings: Any) -> RewardConfig:
    return RewardConfig(use=f"plugins.py:{function}", **settings)


def start(*configs: RewardConfig, on_error: str = "mask", workers: int = 2, correctness: str = "") -> RewardRunner:
    runner = RewardRunnerConfig(workers=workers, on_error=on_error, memory_mb=1024)
    return RewardRunner(configs, runner, correctness or configs[0].label, HERE)


def inputs(answers: Sequence[object]) -> list[RewardInput]:
    return [RewardInput((), str(a), None, str(a), "42", response_tokens=20) for a in answers]


def test_values_of_all_kinds() -> None:
    with start(reward("returns")) as runner:
        names = ["nan", "infinity", "text", "list", "own class", "lock", "score of nan", "failure outcome", "large"]
        for name, one in zip(names, runner.score(inputs(names)), strict=True):
            assert one.scores["returns"].outcome is Outcome.ERROR, name
            assert one.scores["returns"].message, name
            assert one.reward is None
        fraction, true = runner.score(inputs(["fraction", "true"]))
        assert fraction.reward == 0.25
        assert true.scores["returns"] == Score(1.0, correct=True)
        assert runner.score([]) == []


def test_order_weights_options_and_skips() -> None:
    configs = [
        reward("is_even", weight=2.0),
        reward("echo", weight=-0.5),
        reward("brevity", weight=1.0, options={"goal": 5}),
        reward("skip_odd", weight=10.0),
        reward("needs", name="measured", weight=0.0, options={"goal": 7}),
    ]
    with start(*configs) as runner:
        scored = runner.score(inputs(range(100)))
    for i, one in enumerate(scored):
        even = i % 2 == 0
        assert one.reward == pytest.approx((12.0 if even else 0.0) - 0.5 * i + 0.25)
        assert one.correct is even
        assert one.scores["skip_odd"].outcome is (Outcome.SCORED if even else Outcome.SKIPPED)
        assert one.scores["measured"].value == 7.0


def test_misbehaving_calls_cost_only_themselves() -> None:
    answers = ["fine", "stuck", "fine", "exit", "raise", "fine", "bomb", "fork", "fine", "stuck"] * 3
    expected = {"stuck": Outcome.TIMEOUT, "exit": Outcome.CRASH, "raise": Outcome.ERROR, "bomb": Outcome.ERROR}
    with start(reward("misbehave", timeout_s=0.5), reward("brevity")) as runner:
        scored = runner.score(inputs(answers))
        assert [one.scores["misbehave"].outcome for one in scored] == [expected.get(a, Outcome.SCORED) for a in answers]
        assert all(one.scores["brevity"].outcome is Outcome.SCORED for one in scored)
        assert [one.reward is None for one in scored] == [a in expected for a in answers]
        assert set(runner.failures) == {"misbehave/timeout", "misbehave/crash", "misbehave/error"}
        assert "plugins.py" in runner.failures["misbehave/timeout"]
        assert "exit code 3" in runner.failures["misbehave/crash"]
        assert len(runner.new_failures()) == 3
        assert runner.new_failures() == []
        assert runner.score(inputs(["fine"]))[0].reward == pytest.approx(1.5)


def test_on_error_zero_and_fail() -> None:
    bad = reward("misbehave", timeout_s=5)
    with start(reward("brevity"), bad, on_error="zero") as runner:
        assert runner.score(inputs(["raise"]))[0].reward == pytest.approx(0.5)
    with start(bad, reward("brevity"), on_error="fail") as runner:
        assert runner.score(inputs(["fine"]))[0].reward == pytest.approx(1.5)
        with pytest.raises(RewardFailed, match="Unpicklable"):
            runner.score(inputs(["fine", "raise"]))
        assert runner.score(inputs(["fine"]))[0].reward == pytest.approx(1.5)


def test_scoring_from_an_event_loop_runs_side_by_side() -> None:
    async def both(runner: RewardRunner) -> list[list[Combined]]:
        return list(await asyncio.gather(*(runner.ascore(inputs([i, i + 1])) for i in range(0, 40, 2))))

    with start(reward("echo")) as runner:
        groups = asyncio.run(both(runner))
    assert [one.reward for group in groups for one in group] == list(range(40))


SCORED, SKIPPED, FAILED = Score(0.5), Score(0.0, Outcome.SKIPPED), Score(0.0, Outcome.TIMEOUT)


@pytest.mark.parametrize(
    ("judge", "other", "weights", "mask", "reward_and_verdict"),
    [
        (Score(1.0, correct=True), SCORED, (1, 2), True, (2.0, True)),
        (Score(0.0, correct=False), SKIPPED, (1, 2), True, (0.0, False)),
        (Score(1.0, correct=True), FAILED, (1, 2), True, (None, True)),
        (Score(1.0, correct=True), FAILED, (1, 0), True, (1.0, True)),
        (FAILED, SCORED, (0, 1), True, (None, None)),
        (FAILED, SCORED, (1, 1), False, (0.5, None)),
        (SKIPPED, SCORED, (1, 1), True, (0.5, None)),
        (SKIPPED, SKIPPED, (1, 1), True, (None, None)),
        (Score(1.0), SCORED, (1, 1), True, (1.5, True)),
        (Score(0.9), SCORED, (1, 0), True, (0.9, False)),
        (Score(-1.0, Outcome.NO_ANSWER, correct=False), SCORED, (1, 0), True, (-1.0, False)),
    ],
)
def test_combine(
    judge: Score,
    other: Score,
    weights: tuple[float, float],
    mask: bool,
    reward_and_verdict: tuple[float | None, bool | None],
) -> None:
    scores = {"judge": judge, "other": other}
    one = combine(scores, dict(zip(scores, weights, strict=True)), "judge", mask=mask)
    assert (one.reward, one.correct) == reward_and_verdict


def test_summarise_counts_every_outcome() -> None:
    scored = [
        Combined(1.0, {"math": Score(1.0, correct=True, detail={"style": 0.5})}, True),
        Combined(0.0, {"math": Score(0.0, Outcome.NO_ANSWER, correct=False)}, False),
        Combined(None, {"math": Score(0.0, Outcome.TIMEOUT)}, None),
        Combined(None, {"math": Score(0.0, Outcome.CRASH)}, None),
    ]
    metrics = summarise(scored)
    assert metrics["reward/mean"] == 0.5
    assert metrics["reward/masked"] == 0.5
    assert metrics["reward/accuracy"] == 0.5
    assert metrics["reward/math/mean"] == 0.5
    assert metrics["reward/math/style"] == 0.5
    counts = {outcome.value: metrics[f"reward/math/{outcome}"] for outcome in Outcome}
    assert counts == {"scored": 1, "no_answer": 1, "timeout": 1, "crash": 1, "skipped": 0, "gated": 0, "error": 0}
    assert summarise([]) == {}
    assert "reward/mean" not in summarise(scored[2:])


def test_load_rewards_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "rewards.yaml"
    path.write_text("name: ignored\nrewards: [{use: math, options: {wrong: -1}}]\n")
    with load_rewards(path) as runner:
        good, bad = runner.score(inputs([r"\boxed{42}", r"\boxed{43}"]))
    assert (good.reward, bad.reward) == (1.0, -1.0)
    path.write_text("rewards: [{use: math, wieght: 2}]\n")
    with pytest.raises(RewardConfigError, match="wieght"):
        load_rewards(path)
    with pytest.raises(RewardConfigError, match="No such file"):
        load_rewards(tmp_path / "nothing.yaml")


def test_a_hard_case_of_the_math_reward_ends_in_time() -> None:
    monster = r"\boxed{" + "+".join(rf"\int_0^{i} \frac{{x^{{{i}}}}}{{\sin(x)+{i}}} dx" for i in range(1, 9)) + "}"
    with RewardRunner([RewardConfig(use="math", timeout_s=2)], RewardRunnerConfig(), "math", HERE) as runner:
        started = time.monotonic()
        hard, easy = runner.score(inputs([monster, r"\boxed{42}"]))
        assert time.monotonic() - started < 20
    assert hard.correct is not True
    assert easy.correct is True


def test_importing_rewards_is_quick_and_light() -> None:
    code = (
        "import sys, time; t = time.process_time(); import rewards; import rewards.runner; "
        "print(time.process_time() - t, *sorted({'torch', 'sympy', 'ray', 'numpy'} & set(sys.modules)))"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(3)
    ]
    assert all(len(words) == 1 for words in printed), printed
    assert min(float(words[0]) for words in printed) < 0.5
