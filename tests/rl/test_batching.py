"""Splitting a batch into optimizer steps, ranks and micro-batches, and what comes out as tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rl.batch import Batch, TrainSample
from rl.learner.batching import count, rows_grid, schedule, tensors


def sample(prompt: int, response: int, masked: int = 0, correct: bool = False) -> TrainSample:
    """The first `masked` response tokens are outside the loss; ids say where a token stands."""
    return TrainSample(
        prompt_ids=np.arange(100, 100 + prompt, dtype=np.int32),
        response_ids=np.arange(200, 200 + response, dtype=np.int32),
        rollout_logprobs=-np.arange(response, dtype=np.float32),
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
    plan = schedule(batch, steps=steps, ranks=ranks, tokens_per_micro_batch=budget, seed=seed)
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
    assert plan == schedule(batch, steps=steps, ranks=ranks, tokens_per_micro_batch=budget, seed=seed)


def test_the_seed_changes_which_samples_share_an_optimizer_step() -> None:
    batch = Batch([sample(2, 5) for _ in range(16)])

    def first_step(seed: int) -> set[int]:
        plan = schedule(batch, steps=2, ranks=1, tokens_per_micro_batch=1000, seed=seed)
        return {i for rank in plan.steps[0].ranks for micro in rank for i in micro}

    assert first_step(1) == first_step(1) != first_step(2)


def test_sorting_keeps_padding_low_and_ranks_balanced() -> None:
    rng = np.random.default_rng(0)
    batch = Batch([sample(10, int(n)) for n in rng.integers(1, 100, 256)])
    lengths = lengths_of(batch)
    plan = schedule(batch, steps=1, ranks=2, tokens_per_micro_batch=2048, seed=0)
    assert plan.padding < 0.1
    work = [sum(lengths[i] for micro in rank for i in micro) for rank in plan.steps[0].ranks]
    assert abs(work[0] - work[1]) < 0.02 * sum(work)


def test_counts_are_over_the_loss_mask() -> None:
    batch = Batch([sample(2, 5, masked=2, correct=True), sample(2, 4), sample(2, 3, masked=3, correct=True)])
    counts = count(batch, [0, 1, 2])
    assert (counts.tokens, counts.samples, counts.positive_tokens) == (7, 2, 3)


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
