"""Dynamic sampling in the collector. Pinned here:

1. Without a filter the next prompts are taken as they are, in one round.
2. Rounds ask for the missing groups until the batch is full; all-right and all-wrong groups are left out.
3. When the rounds are used up, there is what there is, and `full` says so.
4. With oversampling, informative groups beyond the batch are the surplus: used first in the next step, none lost, none
   twice; prompts are taken in stream order whatever happens.
5. Shares of all-right and all-wrong groups are metrics over everything and by task.
6. A sample whose reward failed gives a group no signal: it is not learnt from.
7. A batch knows how old its samples are; tokens of older versions do not count as comparable.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoTokenizer

from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.runner import RewardRunner
from rewards.types import Combined
from rl.algorithms.base import DynamicSampling
from rl.collect import Begun, Collected, Collector
from rl.data.stream import PromptStream
from rl.groups import ScoredGroup, group_metrics, to_batch
from rl.models.resolve import resolve_model
from rollout.types import NO_TOKENS, Prompt, Sample, SampleRequest, StopReason, Tokens
from verifiers.thinking.format import Opened, ThinkingFormat

SIZE = 4
TOKENIZER = AutoTokenizer.from_pretrained(resolve_model("tiny").tokenizer_path)
RIGHT = TOKENIZER("\\boxed{1}", add_special_tokens=False)["input_ids"]
WRONG = TOKENIZER("\\boxed{2}", add_special_tokens=False)["input_ids"]


class Answers:
    """Takes the place of the fleet: of a prompt's samples as many are right as its ground truth's task says."""

    def __init__(self) -> None:
        self.version = 0
        self.asked: list[str] = []
        self.orders: list[SampleRequest] = []
        self.hold_after: int | None = None
        """After so many samples of a call nothing more comes."""

    def progress(self, sample_ids: Sequence[str]) -> dict[str, Tokens]:
        ids = np.array(RIGHT[:1], np.int32)
        return {name: Tokens(ids, np.zeros(1, np.float32), np.zeros(1, np.int32)) for name in sample_ids[-1:]}

    async def generate(
        self, orders: Sequence[SampleRequest], *, sampling: Any = None, due: int = 0
    ) -> AsyncIterator[Sample]:
        self.orders = list(orders)
        self.asked += list(dict.fromkeys(order.prompt.prompt_id for order in orders))
        for place, order in enumerate(reversed(orders)):
            if place == self.hold_after:
                await asyncio.Event().wait()
            index = int(order.sample_id.rsplit("/", 1)[1])
            ids = np.array(RIGHT if index < int(order.prompt.columns["right"]) else WRONG, dtype=np.int32)
            yield Sample(
                order.sample_id,
                order.prompt,
                ids,
                np.zeros(len(ids), np.float32),
                np.full(len(ids), self.version, np.int32),
                np.ones(len(ids), np.bool_),
                StopReason.STOP,
            )


def prompts(right: Sequence[int], task: str = "t") -> list[Prompt]:
    """One prompt for each number of right samples."""
    turn = ({"role": "user", "content": "?"},)
    return [Prompt(f"{task}/{i}", turn, (1, 2), "1", task, {"right": count}) for i, count in enumerate(right)]


@pytest.fixture(scope="module")
def rewards() -> Any:
    with RewardRunner([RewardConfig(use="math")], RewardRunnerConfig(workers=1), "math", Path()) as runner:
        yield runner


async def steps(
    rewards: RewardRunner, right: Sequence[int], count: int, filtering: DynamicSampling
) -> tuple[list[Collected], Answers]:
    """Some steps of four groups each."""
    fleet = Answers()
    collector = Collector(fleet, rewards, TOKENIZER, seed=0)  # type: ignore[arg-type]
    stream = PromptStream(prompts(right), seed=0, shuffle=False)
    done: list[Collected] = []
    for step in range(count):
        fleet.version = step
        done.append(
            await collector.collect(
                stream,
                label=str(step),
                prompts=4,
                group_size=SIZE,
                filtering=filtering,
                waiting=done[-1].surplus if done else (),
            )
        )
    return done, fleet


@pytest.mark.parametrize(
    ("correct", "failed", "informative"),
    [
        ([True, True, False, False], [], True),
        ([True, True, True, False], [3], False),
        ([False, False, False, True], [3], False),
        ([True, False, False, False], [1, 2, 3], False),
        ([True, False, False, False], [2, 3], True),
        ([True, False], [0, 1], False),
    ],
)
def test_a_failed_reward_gives_no_signal(correct: list[bool], failed: list[int], informative: bool) -> None:
    (prompt,) = prompts([1])
    ids, ones = np.zeros(1, np.int32), np.ones(1, np.bool_)
    sample = Sample("s", prompt, ids, ids.astype(np.float32), ids, ones, StopReason.STOP)
    scores = [Combined(None if i in failed else float(right), {}, right) for i, right in enumerate(correct)]
    group = ScoredGroup(prompt, (sample,) * len(scores), ("",) * len(scores), tuple(scores))
    assert group.informative is informative
    if informative:
        assert len({one.reward for one in to_batch([group], 0).samples}) == 2


def names(groups: Sequence[Any]) -> list[int]:
    return [int(group.prompt.prompt_id.split("/")[1]) for group in groups]


async def test_without_a_filter_all_are_taken(rewards: RewardRunner) -> None:
    (one,), _ = await steps(rewards, [0, 4, 2, 1, 3], 1, DynamicSampling(enabled=False, oversampling=2))
    assert (names(one.groups), one.rounds, one.full, one.surplus) == ([0, 1, 2, 3], 1, True, ())


async def test_groups_without_signal_are_replaced(rewards: RewardRunner) -> None:
    (one,), fleet = await steps(rewards, [0, 2, 4, 1, 3, 0, 2, 2], 1, DynamicSampling())
    assert (names(one.groups), one.rounds, one.full) == ([1, 3, 4, 6], 3, True)  # 4 asked, then 2, then 1
    assert fleet.asked == [f"t/{i}" for i in range(7)]


async def test_when_rounds_run_out_there_is_what_there_is(rewards: RewardRunner) -> None:
    (one,), _ = await steps(rewards, [0, 2, 4, 0, 0, 0, 2, 2], 1, DynamicSampling(max_rounds=2))
    assert (names(one.groups), one.rounds, one.full) == ([1, 6], 2, False)


async def test_surplus_is_used_first_and_nothing_is_lost(rewards: RewardRunner) -> None:
    right = [2, 1, 0, 3, 2, 2, 4, 1, 2, 2, 0, 3, 1, 1, 2, 3, 2, 2]
    done, fleet = await steps(rewards, right, 3, DynamicSampling(oversampling=1.5))
    assert names(done[0].groups) == [0, 1, 3, 4]
    assert names(done[0].surplus) == [5]
    used = [name for one in done for name in names(one.groups)] + names(done[-1].surplus)
    assert used == [i for i in range(len(fleet.asked)) if 0 < right[i] < SIZE]
    batch = to_batch(done[1].groups, version=1)
    assert batch.staleness_metrics() == {"rollout/staleness_mean": 0.25, "rollout/staleness_max": 1.0}
    assert batch.newest_tokens == 12 * len(RIGHT)


async def test_thinking_that_a_prompt_opened_and_nobody_closed_is_no_answer(rewards: RewardRunner) -> None:
    """At budget 0 this format's prompts open the thinking."""
    form = ThinkingFormat()
    assert form.opened(0) is not Opened.NOTHING and form.opened(64) is Opened.NOTHING
    collector = Collector(Answers(), rewards, TOKENIZER, seed=0, thinking=form)  # type: ignore[arg-type]
    (prompt,) = prompts([SIZE])
    asked = [replace(prompt, prompt_id=f"t/{budget}", thinking_budget=budget) for budget in (0, 64, None)]
    found = await collector.score_prompts(asked, label="0", group_size=SIZE)
    assert [group.correct for group in found] == [0, SIZE, SIZE]


async def test_shares_without_signal_are_told_by_task(rewards: RewardRunner) -> None:
    collector = Collector(Answers(), rewards, TOKENIZER, seed=0)  # type: ignore[arg-type]
    both = [*prompts([0, 0, 2, 4], "hard"), *prompts([4, 4], "easy")]
    metrics = group_metrics(await collector.score_prompts(both, label="0", group_size=SIZE))
    assert metrics["batch/groups_all_right"] == 0.5
    assert metrics["batch/groups_all_right/easy"] == 1
    assert metrics["batch/groups_all_right/hard"] == 0.25
    assert metrics["batch/groups_all_wrong/hard"] == 0.5
    assert metrics["batch/groups_all_wrong/easy"] == 0


async def test_what_was_begun_is_not_generated_again(rewards: RewardRunner) -> None:
    """A group that was interrupted goes on: finished samples are there, tokens of the others go with the orders."""
    fleet = Answers()
    fleet.hold_after = 2
    collector = Collector(fleet, rewards, TOKENIZER, seed=0)  # type: ignore[arg-type]
    asked = prompts([2])
    scoring = asyncio.create_task(collector.score_prompts(asked, label="stream7", group_size=SIZE))
    while len(_finished(collector)) < 2:
        await asyncio.sleep(0)
    begun = collector.begun("stream7")
    scoring.cancel()
    await asyncio.gather(scoring, return_exceptions=True)
    names = [f"stream7/0/t/0/{index}" for index in range(SIZE)]
    assert sorted(sample.sample_id for sample in begun.finished) == names[2:]
    fleet.hold_after = None
    (group,) = await collector.score_prompts(asked, label="stream7", group_size=SIZE, begun=begun)
    assert [order.sample_id for order in fleet.orders] == names[:2]
    assert [order.begun is NO_TOKENS for order in fleet.orders] == [True, True], "the last of the call was finished"
    assert [sample.sample_id for sample in group.samples] == names
    assert group.correct == 2
    whole = Begun(group.samples)
    (again,) = await collector.score_prompts(asked, label="stream7", group_size=SIZE, begun=whole)
    assert fleet.orders == []
    assert again.samples == group.samples
    (with_tokens,) = await collector.score_prompts(
        asked, label="stream7", group_size=SIZE, begun=Begun((), fleet.progress(names[:1]))
    )
    assert [len(order.begun) for order in fleet.orders] == [1, 0, 0, 0]
    assert with_tokens.correct == 2


def _finished(collector: Collector) -> Sequence[Sample]:
    under_way = collector._under_way.get("stream7")
    return under_way.finished if under_way else ()
