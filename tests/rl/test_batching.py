"""Splitting a batch into optimizer steps, ranks and micro-batches, and what comes out as tensors. Pinned here:

1. Every sample is in exactly one micro-batch, whose padded size keeps to the budget unless it holds one sample; every
   rank has the same number of micro-batches; the same arguments give the same split.
2. Samples of about the same length share a micro-batch: padding stays low.
3. Karmarkar-Karp: an example worked out by hand, and on average less than half the excess of dealing the longest first.
4. Ranks have the same estimated work, quadratic attention included, where a snake over the lengths is off by a fifth.
5. Counts are over the loss mask, and of a group over its samples in the step alone.
6. The empty micro-batch is outside every loss.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rl.batch import Batch, TrainSample
from rl.learner.batching import count, sample_cost, schedule
from rl.learner.micro import rows_grid, tensors
from rl.learner.partition import karmarkar_karp


def sample(prompt: int, response: int, masked: int = 0, correct: bool = False) -> TrainSample:
    """The first `masked` response tokens are outside the loss; ids say where a token stands."""
    return TrainSample(
        prompt_ids=np.arange(100, 100 + prompt, dtype=np.int32),
        response_ids=np.arange(200, 200 + response, dtype=np.int32),
        rollout_logprobs=-np.arange(response, dtype=np.float32),
        versions=np.zeros(response, dtype=np.int32),
        loss_mask=np.arange(response) >= masked,
        reward=0.0,
        correct=correct,
        group=0,
    )


def lengths_of(batch: Batch) -> list[int]:
    return [len(s.prompt_ids) + len(s.response_ids) for s in batch.samples]


@settings(max_examples=60, deadline=None)
@given(
    responses=st.lists(st.integers(1, 60), min_size=1, max_size=40),
    steps=st.integers(1, 6),
    ranks=st.integers(1, 4),
    budget=st.integers(1, 200),
    seed=st.integers(0, 5),
)
def test_every_sample_once_within_the_budget(
    responses: list[int], steps: int, ranks: int, budget: int, seed: int
) -> None:
    batch = Batch([sample(2, response) for response in responses])
    lengths = lengths_of(batch)
    plan = schedule(batch, steps=steps, ranks=ranks, tokens_per_micro_batch=budget, hidden_size=8, seed=seed)
    seen = [i for step in plan.steps for rank in step.ranks for micro in rank for i in micro]
    assert sorted(seen) == list(range(len(batch)))
    assert len(plan.steps) == min(steps, len(batch))
    sizes = [sum(len(micro) for rank in step.ranks for micro in rank) for step in plan.steps]
    assert max(sizes) - min(sizes) <= 1
    padded = 0
    for step in plan.steps:
        assert len(step.ranks) == ranks
        assert len({len(rank) for rank in step.ranks}) == 1
        for rank in step.ranks:
            for micro in rank:
                size = len(micro) * max((lengths[i] for i in micro), default=0)
                assert size <= budget or len(micro) == 1
                padded += size
    assert plan.padding == pytest.approx(1 - sum(lengths) / padded)
    assert plan == schedule(batch, steps=steps, ranks=ranks, tokens_per_micro_batch=budget, hidden_size=8, seed=seed)


def test_the_seed_changes_which_samples_share_an_optimizer_step() -> None:
    batch = Batch([sample(2, 5) for _ in range(16)])

    def first_step(seed: int) -> set[int]:
        plan = schedule(batch, steps=2, ranks=1, tokens_per_micro_batch=1000, hidden_size=64, seed=seed)
        return {i for rank in plan.steps[0].ranks for micro in rank for i in micro}

    assert first_step(1) == first_step(1) != first_step(2)


def test_sorting_keeps_padding_low_and_ranks_balanced() -> None:
    rng = np.random.default_rng(0)
    batch = Batch([sample(10, int(n)) for n in rng.integers(1, 100, 256)])
    lengths = lengths_of(batch)
    plan = schedule(batch, steps=1, ranks=2, tokens_per_micro_batch=2048, hidden_size=64, seed=0)
    assert plan.padding < 0.1
    work = [sum(lengths[i] for micro in rank for i in micro) for rank in plan.steps[0].ranks]
    assert abs(work[0] - work[1]) < 0.02 * sum(work)


def test_the_most_different_partial_solutions_are_combined() -> None:
    """8-7 = 1, 6-5 = 1, 4-1 = 3, 3-1 = 2: the bins differ by 2 (the best possible, 0, is not found)."""
    costs = [8, 7, 6, 5, 4]
    assert sorted(sum(costs[i] for i in part) for part in karmarkar_karp(costs, 2)) == [14, 16]
    assert sorted(map(tuple, karmarkar_karp([5, 5, 5], 3))) == [(0,), (1,), (2,)]
    assert karmarkar_karp([1.0, 2.0], 1) == [[0, 1]]
    assert karmarkar_karp([], 3) == [[], [], []]
    assert [len(part) for part in karmarkar_karp([3.0], 2)] == [1, 0]


def longest_first(costs: list[float], bins: int) -> float:
    """The heaviest bin when every item, the largest first, goes into the lightest bin."""
    loads = [0.0] * bins
    for cost in sorted(costs, reverse=True):
        loads[loads.index(min(loads))] += cost
    return max(loads)


def test_karmarkar_karp_beats_longest_first() -> None:
    rng = np.random.default_rng(0)
    excess: dict[str, list[float]] = {"ours": [], "longest first": []}
    for bins in (2, 3, 8):
        for _ in range(20):
            costs = rng.lognormal(0, 1, 12 * bins).tolist()
            parts = karmarkar_karp(costs, bins)
            assert sorted(i for part in parts for i in part) == list(range(len(costs)))
            mean = sum(costs) / bins
            excess["ours"].append(max(sum(costs[i] for i in part) for part in parts) / mean - 1)
            excess["longest first"].append(longest_first(costs, bins) / mean - 1)
    assert np.mean(excess["ours"]) < 0.5 * np.mean(excess["longest first"])


def test_ranks_have_the_same_work_where_a_snake_is_off() -> None:
    """A tenth of the responses is 20 times as long: whole sorted laps of a snake leave the long ones uneven."""
    rng = np.random.default_rng(0)
    responses = np.where(rng.random(256) < 0.1, rng.integers(6000, 8001, 256), rng.integers(100, 700, 256))
    batch = Batch([sample(8, int(n)) for n in responses])
    costs = [sample_cost(length, 256) for length in lengths_of(batch)]
    plan = schedule(batch, steps=1, ranks=8, tokens_per_micro_batch=8192, hidden_size=256, seed=0)
    work = [sum(costs[i] for micro in rank for i in micro) for rank in plan.steps[0].ranks]
    snake = [0.0] * 8
    for position, cost in enumerate(sorted(costs, reverse=True)):
        lap, place = divmod(position, 8)
        snake[place if lap % 2 == 0 else 7 - place] += cost
    assert max(snake) > 1.1 * np.mean(snake)
    assert max(work) < 1.03 * np.mean(work)
    assert plan.imbalance < 0.05
    assert plan.padding < 0.06


def test_no_rank_idles_where_few_micro_batches_would_do() -> None:
    """All 32 samples fit two micro-batches: dealt whole, they would leave six of eight ranks without work."""
    batch = Batch([sample(8, 20 + i) for i in range(32)])
    plan = schedule(batch, steps=1, ranks=8, tokens_per_micro_batch=1024, hidden_size=64, seed=0)
    assert [sum(map(len, rank)) for rank in plan.steps[0].ranks] == [4] * 8
    assert plan.imbalance < 0.2


def test_micro_batches_are_cut_of_the_whole_step_where_there_are_many() -> None:
    """Cut of each rank's own 32 samples they would be nearly a tenth padding."""
    rng = np.random.default_rng(1)
    batch = Batch([sample(8, int(n)) for n in np.minimum(rng.lognormal(7, 0.8, 256), 8000)])
    plan = schedule(batch, steps=1, ranks=8, tokens_per_micro_batch=16_384, hidden_size=4096, seed=0)
    assert plan.padding < 0.05
    assert plan.imbalance < 0.08


def test_long_samples_cost_more_than_their_tokens() -> None:
    assert sample_cost(100, 10**9) == pytest.approx(100)
    assert sample_cost(12 * 64, 64) == 2 * 12 * 64


def test_counts_are_over_the_loss_mask() -> None:
    batch = Batch([sample(2, 5, masked=2, correct=True), sample(2, 4), sample(2, 3, masked=3, correct=True)])
    counts = count(batch, [0, 1, 2])
    assert (counts.tokens, counts.samples, counts.positive_tokens, counts.group_tokens) == (7, 2, 3, {0: 7})


def test_group_counts_are_of_the_step_alone() -> None:
    samples = [replace(sample(2, size), group=group) for size, group in ((3, 5), (4, 5), (2, 9), (6, 9))]
    empty = replace(sample(2, 3, masked=3), group=7)
    counts = count(Batch([*samples, empty]), [0, 2, 3, 4])
    assert counts.group_tokens == {5: 3, 9: 8}


def test_tensors_put_every_response_token_behind_its_predictor() -> None:
    batch = Batch([sample(3, 2), sample(1, 4, masked=1)])
    inputs = tensors(batch, (1, 0), torch.device("cpu"))
    assert inputs.input_ids.tolist() == [[100, 200, 201, 202, 203], [100, 101, 102, 200, 201]]
    rows, columns = inputs.at
    shifted = torch.roll(inputs.input_ids, -1, dims=1)
    assert (shifted[rows, columns] == inputs.targets).all()
    assert inputs.mask.tolist() == [[False, True, True, True], [True, True, False, False]]
    grid = rows_grid([s.rollout_logprobs for s in batch.samples], (1, 0), inputs)
    assert grid.tolist() == [[0, -1, -2, -3], [0, -1, 0, 0]]
    flat = torch.arange(6.0, requires_grad=True)
    inputs.grid(flat)[inputs.mask].sum().backward()
    assert flat.grad is not None
    assert flat.grad.tolist() == [0, 1, 1, 1, 1, 1]


def test_the_empty_micro_batch_is_outside_every_loss() -> None:
    inputs = tensors(Batch([sample(3, 2)]), (), torch.device("cpu"))
    assert not inputs.mask.any()
    assert len(inputs.targets) == 1
    assert rows_grid([], (), inputs).tolist() == [[0]]
