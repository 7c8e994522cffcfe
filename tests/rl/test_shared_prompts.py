"""Samples of one prompt behind a single copy of it. Pinned here:

1. A row is the prompt without its last token and, for each sample, that token and its response without its last one.
2. Shared rows give the log-probabilities, entropies, values and gradients of padded rows, in any split, of policy and
   critic, with activation checkpointing.
3. A sample cannot see the others of its prompt: they may change, it does not.
4. Every sample is in one micro-batch, whose padded size keeps to the budget unless it holds one sample; samples of a
   prompt stay in one optimizer step where the cut does not go through them, and on one rank where that is balanced.
5. Prompts are shared where that is less work: not where responses are so long that attention between them costs more.
6. On real DeepSpeed (two ranks, ZeRO 3, critic, reference), sharing changes neither the estimates nor the metrics nor
   the weights after two updates.
7. `on` is refused with the reason for models and kernels that cannot; `auto` is off there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rl.algorithms.base import ReferenceKl
from rl.algorithms.config import Vapo
from rl.batch import Batch, TrainSample
from rl.errors import PonderError
from rl.learner.batching import Schedule, schedule
from rl.learner.config import LearnerConfig
from rl.learner.layout import choose_layout
from rl.learner.micro import MicroBatch, by_prompt, tensors
from rl.learner.model import load_policy
from tests.rl.learner_parts import (
    SPLITS,
    VOCABULARY,
    assert_same_learning,
    assert_same_outcome,
    learn_twice,
    make_batch,
    make_mixed_model,
    make_model,
    make_sliding_model,
    networks,
    outcome,
    with_prompts,
)

CPU = torch.device("cpu")
BATCH = with_prompts(make_batch())


def sample(prompt: int, size: int, response: int) -> TrainSample:
    """An answer to prompt number `prompt`, of `size` tokens."""
    return TrainSample(
        prompt_ids=np.arange(size, dtype=np.int32) + 1000 * (prompt + 1),
        response_ids=np.arange(response, dtype=np.int32),
        rollout_logprobs=np.zeros(response, np.float32),
        versions=np.zeros(response, dtype=np.int32),
        loss_mask=np.ones(response, dtype=np.bool_),
        reward=0.0,
        correct=False,
        group=prompt,
    )


# --- rows -------------------------------------------------------------------------------------------------------


def test_a_row_is_a_prompt_and_its_responses() -> None:
    one, two = sample(0, 3, 2), sample(0, 3, 3)
    alone = sample(1, 2, 2)
    inputs = tensors(Batch([one, alone, two]), (0, 1, 2), CPU, layout="shared")
    assert inputs.input_ids.tolist() == [
        [1000, 1001, 1002, 0, 1002, 0, 1],
        [2000, 2001, 0, 0, 0, 0, 0],
    ]
    assert inputs.position_ids is not None
    assert inputs.position_ids.tolist()[0] == [0, 1, 2, 3, 2, 3, 4]
    assert inputs.position_ids.tolist()[1][:3] == [0, 1, 2]
    assert [row.tolist() for row in inputs.at] == [[0, 0, 1, 1, 0, 0, 0], [2, 3, 1, 2, 4, 5, 6]]
    assert inputs.targets.tolist() == [0, 1, 0, 1, 0, 1, 2]
    assert inputs.attention is not None
    seen = [[column for column in range(7) if inputs.attention[0, 0, row, column] == 0] for row in range(7)]
    assert seen == [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 4], [0, 1, 4, 5], [0, 1, 4, 5, 6]]


def test_prompts_that_nobody_shares_need_no_mask() -> None:
    inputs = tensors(BATCH, (0, 3, 6), CPU, layout="shared")
    assert inputs.attention is None
    assert inputs.position_ids is None


# --- networks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("checkpointing", [False, True])
def test_shared_rows_give_what_padded_rows_give(tmp_path: Path, checkpointing: bool) -> None:
    for network, run in networks(make_model(tmp_path), "sdpa", checkpointing):
        wanted = outcome(network, run, BATCH, SPLITS[-1], "padded")
        for split in SPLITS:
            assert_same_outcome(outcome(network, run, BATCH, split, "shared"), wanted)


def test_a_sample_cannot_see_the_others_of_its_prompt(tmp_path: Path) -> None:
    """Bit for bit: the same places of the same row are computed, only the tokens around them differ."""
    changed = replace(BATCH.samples[4], response_ids=(BATCH.samples[4].response_ids + 1) % VOCABULARY)
    batch = Batch([changed if i == 4 else one for i, one in enumerate(BATCH.samples)])
    own = torch.tensor([i for i in (3, 4, 5) for _ in BATCH.samples[i].response_ids])
    for network, run in networks(make_model(tmp_path), "sdpa", checkpointing=False):
        before, after = (
            run(network, tensors(which, (3, 4, 5), CPU, layout="shared"))[0].detach() for which in (BATCH, batch)
        )
        assert torch.equal(before[own != 4], after[own != 4])
        assert (before[own == 4] - after[own == 4]).abs().max() > 1e-3


# --- which samples share ------------------------------------------------------------------------------------------


def prompts(batch: Batch) -> list[bytes]:
    return [one.prompt_ids.tobytes() for one in batch.samples]


def row_widths(batch: Batch, micro: MicroBatch) -> list[int]:
    return [
        len(batch.samples[row[0]].prompt_ids) - 1 + sum(len(batch.samples[i].response_ids) for i in row)
        for row in by_prompt(prompts(batch), micro)
    ]


def micros(plan: Schedule) -> list[MicroBatch]:
    return [micro for step in plan.steps for rank in step.ranks for micro in rank if micro]


@example(groups=[(1, [9, 30, 9]), (1, [9]), (1, [9]), (20, [2] * 8)], steps=1, ranks=1, budget=36, seed=0)
@settings(max_examples=80, deadline=None)
@given(
    groups=st.lists(st.tuples(st.integers(1, 40), st.lists(st.integers(1, 30), min_size=1, max_size=8)), min_size=1),
    steps=st.integers(1, 4),
    ranks=st.integers(1, 4),
    budget=st.integers(1, 300),
    seed=st.integers(0, 5),
)
def test_every_sample_once_within_the_budget(
    groups: list[tuple[int, list[int]]], steps: int, ranks: int, budget: int, seed: int
) -> None:
    batch = Batch([sample(number, prompt, size) for number, (prompt, sizes) in enumerate(groups) for size in sizes])
    arguments: dict[str, Any] = {
        "steps": steps,
        "ranks": ranks,
        "tokens_per_micro_batch": budget,
        "hidden_size": 64,
        "seed": seed,
        "layout": "shared",
    }
    plan = schedule(batch, **arguments)
    assert plan == schedule(batch, **arguments)
    assert sorted(i for micro in micros(plan) for i in micro) == list(range(len(batch)))
    padded, own = 0, 0
    for step in plan.steps:
        assert len({len(rank) for rank in step.ranks}) == 1
        for rank in step.ranks:
            for micro in filter(None, rank):
                lengths = [len(batch.samples[i].prompt_ids) + len(batch.samples[i].response_ids) for i in micro]
                widths = row_widths(batch, micro) if step.layout == "shared" else lengths
                assert len(widths) * max(widths) <= budget or len(micro) == 1
                padded += len(widths) * max(widths)
                own += sum(widths)
    assert plan.padding == pytest.approx(1 - own / padded)
    whole = sum(len(one.prompt_ids) + len(one.response_ids) for one in batch.samples)
    assert own <= whole * (1 - plan.spared) <= own + len(batch)  # but for last tokens


def test_samples_of_a_prompt_stay_together() -> None:
    """8 prompts as long as their responses, 8 samples each, in 2 optimizer steps on 2 ranks: nearly half is spared."""
    rng = np.random.default_rng(0)
    batch = Batch([sample(n // 8, 50, int(size)) for n, size in enumerate(rng.integers(30, 71, 64))])
    plan = schedule(batch, steps=2, ranks=2, tokens_per_micro_batch=4096, hidden_size=576, seed=3, layout="shared")
    assert {step.layout for step in plan.steps} == {"shared"}
    for micro in micros(plan):
        assert set(Counter(batch.samples[i].group for i in micro).values()) == {8}
    assert 0.4 < plan.spared < 0.5
    assert plan.imbalance < 0.1
    again = schedule(batch, steps=2, ranks=2, tokens_per_micro_batch=4096, hidden_size=576, seed=4, layout="shared")
    assert [step.counts for step in again.steps] != [step.counts for step in plan.steps]


def test_long_responses_share_no_prompt() -> None:
    batch = Batch([sample(n // 8, 50, 2000) for n in range(16)])
    plan = schedule(batch, steps=1, ranks=1, tokens_per_micro_batch=32_768, hidden_size=576, seed=0, layout="shared")
    assert plan.steps[0].layout == "padded"
    assert plan.spared == 0


def test_few_prompts_are_split_where_a_rank_would_idle() -> None:
    batch = Batch([sample(0, 10, 50) for _ in range(8)])
    plan = schedule(batch, steps=1, ranks=4, tokens_per_micro_batch=4096, hidden_size=576, seed=0, layout="shared")
    assert [sum(map(len, rank)) for rank in plan.steps[0].ranks] == [2] * 4


# --- which models, which kernels ----------------------------------------------------------------------------------


def test_windows_and_other_kernels_share_no_prompt(tmp_path: Path) -> None:
    loading: dict[str, Any] = {"dtype": torch.float32, "chunk_tokens": 50, "lora": None, "checkpointing": False}
    on, auto = LearnerConfig(share_prompts="on"), LearnerConfig()
    plain = load_policy(make_model(tmp_path / "plain"), attention="sdpa", **loading).model
    assert choose_layout([plain], auto, "sdpa", "cpu") == choose_layout([plain], on, "sdpa", "gpu") == "shared"
    assert choose_layout([plain], LearnerConfig(share_prompts="off"), "sdpa", "cpu") == "padded"
    for kernel in ("eager", "flash_attention_2"):
        with pytest.raises(PonderError, match=rf"share_prompts is on.*{kernel}"):
            choose_layout([plain], on, kernel, "gpu")
    assert choose_layout([plain], auto, "eager", "cpu") == choose_layout([plain], auto, "sdpa", "gpu") == "padded"
    assert choose_layout([plain], LearnerConfig(packing="on"), "sdpa", "cpu") == "packed"
    assert choose_layout([plain], LearnerConfig(ranks=2, sequence_parallel=2), "sdpa", "cpu") == "padded"
    for make in (make_sliding_model, make_mixed_model):
        model = load_policy(make(tmp_path / make.__name__), attention="sdpa", **loading).model
        assert choose_layout([model], auto, "sdpa", "cpu") == "padded"
        with pytest.raises(PonderError, match=r"window.*learner\.share_prompts: auto"):
            choose_layout([plain, model], on, "sdpa", "cpu")
        assert choose_layout([plain, model], auto, "sdpa", "cpu") == "padded"


def test_a_micro_batch_has_one_layout() -> None:
    for other in ({"packing": "on"}, {"ranks": 2, "sequence_parallel": 2}):
        with pytest.raises(ValueError, match=r"share_prompts: on or .* not both"):
            LearnerConfig.model_validate({"share_prompts": "on", **other})


# --- real Ray and DeepSpeed -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_sharing_changes_no_update(cluster: None, tmp_path: Path) -> None:
    model, shape = make_model(tmp_path / "model"), {"ranks": 2, "zero_stage": 3}
    algorithm = Vapo(kl=ReferenceKl(weight=0.1))
    wanted = asyncio.run(learn_twice(model, tmp_path / "a", BATCH, algorithm, **shape, share_prompts="off"))
    got = asyncio.run(learn_twice(model, tmp_path / "b", BATCH, algorithm, **shape, share_prompts="auto"))
    assert all(metrics["batch/spared"] == 0 for metrics in wanted.metrics)
    assert all(metrics["batch/spared"] > 0.1 for metrics in got.metrics)
    assert_same_learning(got, wanted)
