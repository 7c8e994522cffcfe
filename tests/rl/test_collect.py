"""Dynamic sampling in the collector. Pinned here:

1. Without a filter the next prompts are taken as they are, in one round.
2. Rounds ask for the missing groups until the batch is full; all-right and all-wrong groups are left out.
3. When the rounds are used up, there is what there is, and `full` says so.
4. With oversampling, informative groups beyond the batch are the surplus: used first in the next step, none lost, none
   twice; prompts are taken in stream order whatever happens.
5. Shares of all-right and all-wrong groups are metrics over everything and by task.
6. A batch knows how old its samples are; tokens of older versions do not count as comparable.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoTokenizer

from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.runner import RewardRunner
from rl.algorithms.base import DynamicSampling
from rl.collect import Collected, Collector
from rl.data.stream import PromptStream
from rl.groups import group_metrics, to_batch
from rl.models.resolve import resolve_model
from rollout.types import Prompt, Sample, SampleRequest, StopReason

SIZE = 4
TOKENIZER = AutoTokenizer.from_pretrained(resolve_model("tiny").tokenizer_path)
RIGHT = TOKENIZER("\\boxed{1}", add_special_tokens=False)["input_ids"]
WRONG = TOKENIZER("\\boxed{2}", add_special_tokens=False)["input_ids"]


class Answers:
    """Takes the place of the fleet: of a prompt's samples as many are right as its ground truth's task says."""

    def __init__(self) -> None:
        self.version = 0
        self.asked: list[str] = []

    async def generate(self, orders: Sequence[SampleRequest], *, sampling: Any = None) -> AsyncIterator[Sample]:
        self.asked += list(dict.fromkeys(order.prompt.prompt_id for order in orders))
        for order in reversed(orders):
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


async def test_shares_without_signal_are_told_by_task(rewards: RewardRunner) -> None:
    collector = Collector(Answers(), rewards, TOKENIZER, seed=0)  # type: ignore[arg-type]
    both = [*prompts([0, 0, 2, 4], "hard"), *prompts([4, 4], "easy")]
    metrics = group_metrics(await collector.score_prompts(both, label="0", group_size=SIZE))
    assert metrics["batch/groups_all_right"] == 0.5
    assert metrics["batch/groups_all_right/easy"] == 1
    assert metrics["batch/groups_all_right/hard"] == 0.25
    assert metrics["batch/groups_all_wrong/hard"] == 0.5
    assert metrics["batch/groups_all_wrong/easy"] == 0
