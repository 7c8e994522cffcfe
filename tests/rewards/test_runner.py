"""The reward runner. Pinned behaviour:

1. values of all kinds come back typed; NaN, infinities and everything that is no number are errors;
2. a stuck, crashing, raising or bursting call costs its own sample only, and the pool stays healthy;
3. on_error mask | zero | fail; weight 0 measures without paying; skipped counts nothing;
4. metrics count every outcome; the first traceback of each kind is kept and reported once;
5. `when` skips, `requires` gates, `range`/`clip`/`normalise` declare; what is excluded is not called;
6. group rewards see the samples of their group; async ones wait side by side and are tried again;
7. importing rewards is quick and pulls in no torch.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rewards import Combined, Outcome, RewardInput, Score, load_rewards
from rewards.combine import combine, declared, gated, summarise
from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.errors import RewardConfigError, RewardFailed
from rewards.runner import RewardRunner
from tests.rewards.plugins import RETURNS

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
        names = [name for name in RETURNS if name not in ("fraction", "true", "numpy true")]
        for name, one in zip(names, runner.score(inputs(names)), strict=True):
            assert one.scores["returns"].outcome is Outcome.ERROR, name
            if name not in ("lock", "large"):  # these do not reach us
                assert "plugins.py, line" in one.scores["returns"].message, name
            assert one.reward is None
        fraction, true, numpy_true = runner.score(inputs(["fraction", "true", "numpy true"]))
        assert numpy_true.scores["returns"] == Score(1.0, correct=True)
        assert fraction.reward == 0.25
        assert true.scores["returns"] == Score(1.0, correct=True)
        assert runner.score([]) == []


def test_one_bad_value_of_a_group_costs_only_its_own_sample() -> None:
    with start(reward("returns_group")) as runner:
        outcomes = [one.scores["returns_group"].outcome for one in runner.score(inputs(["fine", "huge", "true"]))]
    assert outcomes == [Outcome.SCORED, Outcome.ERROR, Outcome.SCORED]


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
        with pytest.raises(RewardFailed, match=r"`misbehave`: error on the response 'raise'\n(?s:.*)Unpicklable"):
            runner.score(inputs(["fine", "raise"]))
        assert runner.score(inputs(["fine"]))[0].reward == pytest.approx(1.5)


def test_scoring_from_an_event_loop_runs_side_by_side() -> None:
    async def both(runner: RewardRunner) -> list[list[Combined]]:
        return list(await asyncio.gather(*(runner.ascore(inputs([i, i + 1])) for i in range(0, 40, 2))))

    with start(reward("echo")) as runner:
        groups = asyncio.run(both(runner))
    assert [one.reward for group in groups for one in group] == list(range(40))


SCORED, SKIPPED, FAILED, GATED, UNKNOWN = (
    Score(0.5),
    Score(0.0, Outcome.SKIPPED),
    Score(0.0, Outcome.TIMEOUT),
    Score(0.0, Outcome.GATED, correct=False),
    Score(0.0, Outcome.GATED),
)


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
        (Score(0.9), SCORED, (1, 0), True, (0.9, None)),
        (Score(-1.0, Outcome.NO_ANSWER, correct=False), SCORED, (1, 0), True, (-1.0, False)),
        (GATED, SCORED, (1, 1), True, (0.5, False)),
        (Score(1.0, correct=True), GATED, (1, 1), True, (1.0, True)),
        # a failed gate leaves open what the reward behind it is worth, and what a judge behind it would say
        (Score(1.0, correct=True), UNKNOWN, (1, 1), True, (None, True)),
        (Score(1.0, correct=True), UNKNOWN, (1, 0), True, (1.0, True)),
        (UNKNOWN, SCORED, (0, 1), True, (None, None)),
        (UNKNOWN, SCORED, (0, 1), False, (0.5, None)),
        # a reward of weight 0 changes nothing
        (Score(1.0, correct=True), SKIPPED, (0, 1), True, (None, True)),
        (SKIPPED, FAILED, (1, 0), True, (None, None)),
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
    configs = [RewardConfig(use="f.py:judge", weight=weights[0]), RewardConfig(use="f.py:other", weight=weights[1])]
    one = combine(scores, configs, ["judge"], mask=mask)
    assert (one.reward, one.correct) == reward_and_verdict


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        ({}, None),
        ({"a": Score(1.0, correct=True)}, None),
        ({"a": Score(0.0, correct=False)}, GATED),
        ({"a": Score(1.0)}, GATED),
        ({"a": SKIPPED}, SKIPPED),
        ({"a": FAILED}, UNKNOWN),
        ({"a": UNKNOWN}, UNKNOWN),
        ({"a": GATED}, GATED),
        ({"a": SKIPPED, "b": Score(1.0, correct=True)}, None),
        ({"a": Score(1.0, correct=True), "b": FAILED}, None),
        ({"a": FAILED, "b": Score(1.0, correct=True)}, UNKNOWN),
    ],
)
def test_what_a_gate_makes_of_a_reward(gates: dict[str, Score], expected: Score | None) -> None:
    found = gated(list(gates), gates)
    assert (found if found is None else replace(found, message="")) == expected


def test_a_failure_masks_through_a_chain_of_gates() -> None:
    configs = [
        reward("misbehave", weight=0.0),
        reward("calls", weight=0.0, requires="misbehave"),
        reward("brevity", requires="calls", options={"goal": 20}),
    ]
    with start(*configs, correctness="calls") as runner:
        fine, broken = runner.score(inputs(["fine", "raise"]))
    assert (fine.reward, fine.correct) == (1.0, True)
    assert (broken.reward, broken.correct) == (None, None)
    assert "`misbehave` failed" in broken.scores["calls"].message


def test_of_several_judges_the_first_that_applies_decides() -> None:
    configs = [RewardConfig(use="f.py:a"), RewardConfig(use="f.py:b")]
    right, wrong = Score(1.0, correct=True), Score(0.0, correct=False)
    for scores, verdict in [((right, wrong), True), ((SKIPPED, wrong), False), ((FAILED, right), None)]:
        assert combine(dict(zip("ab", scores, strict=True)), configs, ["a", "b"], mask=True).correct is verdict


@pytest.mark.parametrize(
    ("value", "settings", "expected"),
    [
        (7.0, {}, Score(7.0)),
        (7.0, {"range": (0, 10)}, Score(7.0)),
        (7.0, {"range": (0, 10), "normalise": (-1, 1)}, Score(0.4, detail={"raw": 7.0})),
        (12.0, {"range": (0, 10), "clip": True}, Score(10.0, detail={"clipped": 1.0})),
        (10.0, {"range": (0, 10), "clip": True}, Score(10.0, detail={"clipped": 0.0})),
        (0.7 + 0.2 + 0.1, {"range": (0, 1)}, Score(0.7 + 0.2 + 0.1)),
        (
            -5.0,
            {"range": (0, 10), "clip": True, "normalise": (0, 1)},
            Score(0.0, detail={"clipped": 1.0, "raw": -5.0}),
        ),
    ],
)
def test_range_clip_and_normalise(value: float, settings: dict[str, Any], expected: Score) -> None:
    found = declared(Score(value), RewardConfig(use="f.py:f", **settings), judges=False)
    assert found.value == pytest.approx(expected.value)
    assert found == replace(expected, value=found.value)


def test_a_value_outside_its_range_is_an_error_that_says_how_to_mend_it() -> None:
    found = declared(Score(12.0), RewardConfig(use="f.py:f", range=(0, 10)), judges=True)
    assert found.outcome is Outcome.ERROR
    assert "outside its declared range [0, 10]: widen `range`, or add `clip: true`" in found.message


@pytest.mark.parametrize(
    ("score", "settings", "correct"),
    [
        (Score(1.0), {}, True),
        (Score(0.9), {}, False),
        (Score(0.0, correct=True), {}, True),
        (Score(10.0), {"range": (0, 10)}, True),
        (Score(9.0), {"range": (0, 10), "normalise": (0, 1)}, False),
        (Score(0.7 + 0.2 + 0.1), {"range": (0, 1)}, True),
        (Score(0.0, Outcome.NO_ANSWER), {"range": (-1, 0)}, False),
        (Score(0.0, Outcome.SKIPPED), {}, None),
    ],
)
def test_a_judge_that_returns_a_number_says_right_with_its_highest(
    score: Score, settings: dict[str, Any], correct: bool | None
) -> None:
    assert declared(score, RewardConfig(use="f.py:f", **settings), judges=True).correct is correct


def test_conditions_and_gates() -> None:
    """What `when` or `requires` exclude is not called at all, and is counted as such."""
    configs = [
        reward("is_even", when='task == "numbers"'),
        reward("calls", weight=2.0, requires="is_even"),
        reward("brevity", weight=0.5, options={"goal": 20}),
        reward("echo", name="chained", weight=0.0, requires=["calls"]),
    ]
    samples = [replace(one, task="numbers") for one in inputs([2, 3])] + inputs(["never"])
    with start(*configs) as runner:
        even, odd, other = runner.score(samples)
    assert (even.reward, even.correct) == (1.0 + 2.0 + 0.5, True)
    assert (odd.reward, odd.correct) == (0.5, False)
    assert odd.scores["calls"].outcome is Outcome.GATED
    assert "`is_even` did not say right" in odd.scores["calls"].message
    assert even.scores["chained"].value == 2.0
    assert odd.scores["chained"].outcome is Outcome.GATED
    assert odd.scores["chained"].correct is False
    assert other.scores["is_even"].outcome is Outcome.SKIPPED
    assert other.scores["calls"].outcome is Outcome.SKIPPED  # no gate of it applies to the sample
    assert (other.reward, other.correct) == (0.5, None)


def test_a_condition_that_cannot_be_compared_is_an_error_of_that_sample() -> None:
    with start(reward("brevity", when="columns.level > 3", options={"goal": 20})) as runner:
        fine, bad = runner.score([replace(one, columns={"level": level}) for one, level in
                                  zip(inputs([1, 2]), (4, "hard"), strict=True)])  # fmt: skip
    assert fine.reward == 1.0
    assert bad.scores["brevity"].outcome is Outcome.ERROR
    assert "`when: columns.level > 3`" in bad.scores["brevity"].message


def test_group_rewards_see_their_group_and_nothing_else() -> None:
    def group(name: str, lengths: Sequence[int]) -> list[RewardInput]:
        return [replace(one, group=name, response_tokens=n) for one, n in zip(inputs(lengths), lengths, strict=True)]

    first, second = group("a", [3, 1, 2]), group("b", [9, -1])
    with start(reward("rank"), reward("echo", name="own", weight=0)) as runner:
        scored = runner.score([first[0], second[0], first[1], second[1], first[2]])
        by_messages = runner.score(
            [replace(one, group="", messages=({"role": "user", "content": str(i % 2)},)) for i, one in
             enumerate(group("", [5, 5, 4, 4]))]
        )  # fmt: skip
    assert [one.scores["rank"].value for one in scored] == [0.0, 0.0, 2.0, 0.0, 1.0]
    assert scored[3].scores["rank"].outcome is Outcome.SKIPPED
    assert [one.scores["own"].value for one in scored] == [3, 9, 1, -1, 2]
    assert [one.scores["rank"].value for one in by_messages] == [0.0, 0.0, 1.0, 1.0]


def test_a_gate_keeps_samples_out_of_a_group() -> None:
    samples = [replace(one, group="g", response_tokens=int(one.answer)) for one in inputs([2, 3, 4, 6])]
    with start(reward("is_even"), reward("rank", requires="is_even")) as runner:
        ranks = [one.scores["rank"] for one in runner.score(samples)]
    assert [(score.outcome, score.value) for score in ranks] == [
        (Outcome.SCORED, 2.0),
        (Outcome.GATED, 0.0),
        (Outcome.SCORED, 1.0),
        (Outcome.SCORED, 0.0),
    ]


def test_async_rewards_beside_plain_ones_in_order() -> None:
    with start(reward("asynchronous"), reward("echo", weight=-1.0)) as runner:
        scored = runner.score(inputs(range(200)))
    assert [one.scores["asynchronous"].value for one in scored] == list(range(200))
    assert {one.reward for one in scored} == {0.0}


def test_async_rewards_wait_side_by_side() -> None:
    runner_config = RewardRunnerConfig(concurrency=50)
    judge = reward("judge", options={"seconds": 1.0}, timeout_s=30)
    with RewardRunner([judge], runner_config, "judge", HERE) as runner:
        runner.score(inputs(["warm"]))
        started = time.monotonic()
        scored = runner.score(inputs(range(100)))
        took = time.monotonic() - started
    assert all(one.correct for one in scored)
    assert took < 10  # one after another: 100 s


def test_async_rewards_are_tried_again_where_the_line_failed() -> None:
    judge = reward("judge", options={"failures": 2}, retries=2, timeout_s=30)
    impatient = reward("judge", name="impatient", options={"failures": 9}, retries=1, timeout_s=30)
    with start(judge) as runner:
        dropped, busy, hopeless = runner.score(inputs(["dropped", "busy", "wrong type"]))
    assert (dropped.reward, busy.reward) == (3.0, 3.0)  # its third call
    assert hopeless.scores["judge"].outcome is Outcome.ERROR
    assert "no retry mends this" in hopeless.scores["judge"].message
    with start(impatient) as runner:
        given_up = runner.score(inputs(["dropped"]))[0].scores["impatient"]
    assert given_up.outcome is Outcome.ERROR
    assert "line dropped" in given_up.message


def test_no_async_call_is_made_after_a_failure_ends_the_scoring(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    configs = [reward("counts_calls", options={"log": str(log)}, timeout_s=30), reward("misbehave", timeout_s=30)]
    runner_config = RewardRunnerConfig(concurrency=2, on_error="fail")
    with RewardRunner(configs, runner_config, [], HERE) as runner:
        with pytest.raises(RewardFailed):
            runner.score(inputs(["raise", *range(4000)]))  # 20 s of calls
        assert runner.score(inputs(["after"]))[0].reward == 2.0
        made = log.read_text().split()
    assert "after" in made
    assert len(made) < 3000


def test_an_async_function_behind_a_plain_one_says_so() -> None:
    with start(reward("wrapped")) as runner:
        assert runner.score(inputs(["3"]))[0].reward == 3.0
    with start(reward("hidden_async")) as runner:
        one = runner.score(inputs(["3"]))[0].scores["hidden_async"]
    assert one.outcome is Outcome.ERROR
    assert "is async behind a plain function: write it as `async def`" in one.message


def test_async_rewards_that_hang_cost_only_themselves() -> None:
    with start(reward("judge", timeout_s=1.0)) as runner:
        scored = runner.score(inputs(["a", "waits", "b", "blocks", *range(20)]))
        outcomes = [one.scores["judge"].outcome for one in scored]
        assert [i for i, outcome in enumerate(outcomes) if outcome is Outcome.TIMEOUT] == [1, 3]
        assert outcomes.count(Outcome.SCORED) == 22
        assert "plugins.py" in runner.failures["judge/timeout"]
        assert runner.score(inputs(["again"]))[0].reward == 1.0


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
    path.write_text("name: x\ndata: {}\nalgorithm: {}\nrewards: [{use: math, options: {wrong: -1}}]\n")
    with load_rewards(path) as runner:
        good, bad = runner.score(inputs([r"\boxed{42}", r"\boxed{43}"]))
    assert (good.reward, bad.reward) == (1.0, -1.0)
    path.write_text("rewards: [{use: math, wieght: 2}]\n")
    with pytest.raises(RewardConfigError, match="wieght"):
        load_rewards(path)
    with pytest.raises(RewardConfigError, match="there is no configuration file"):
        load_rewards(tmp_path / "nothing.yaml")
    path.write_text("rewards:\n  - use: math\ncorrectnes: math\n")
    with pytest.raises(RewardConfigError, match=r"correctnes \(.*rewards.yaml:3\): unknown key. Did you mean"):
        load_rewards(path)


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
