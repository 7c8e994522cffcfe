"""Packed micro-batches. Pinned here:

1. A packed row gives the log-probabilities, entropies, values and gradients of padded rows, in any split, with sdpa and
   eager attention, sliding windows and activation checkpointing.
2. A sample cannot see its neighbours in the row: they may change, it does not.
3. Rows keep to the budget unless they hold one sample, every rank has the same number, there are few, and none of their
   tokens is padding.
4. On real DeepSpeed (two ranks, ZeRO 3, critic, reference), packing changes neither the estimates nor the metrics nor
   the weights after two updates.
5. Models with layers that a mask does not reach are not packed: `on` is refused with the reason, `auto` is off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import Lfm2Config, Lfm2ForCausalLM, MambaConfig, MambaForCausalLM

from rl.algorithms.base import ReferenceKl
from rl.algorithms.config import Dapo, Vapo
from rl.batch import Batch
from rl.learner.batching import sample_cost, schedule
from rl.learner.group import LearnerError
from rl.learner.kernels import packing_pays
from rl.learner.layout import only_attends
from rl.learner.micro import tensors
from rl.learner.model import load_policy
from rl.learner.packing import pack
from tests.rl.learner_parts import (
    SIZES,
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
)

CPU = torch.device("cpu")
BATCH = make_batch()


def test_a_packed_row_is_the_samples_one_after_another() -> None:
    samples = [BATCH.samples[i] for i in (3, 0)]
    inputs = tensors(BATCH, (3, 0), CPU, layout="packed")
    ids = [np.concatenate([s.prompt_ids, s.response_ids]) for s in samples]
    assert inputs.input_ids.tolist() == [np.concatenate(ids).tolist()]
    assert inputs.position_ids is not None
    assert inputs.position_ids.tolist() == [[*range(len(ids[0])), *range(len(ids[1]))]]
    assert (torch.roll(inputs.input_ids, -1, dims=1)[inputs.at] == inputs.targets).all()
    padded = tensors(BATCH, (3, 0), CPU)
    for part in ("targets", "response", "mask"):
        assert torch.equal(getattr(inputs, part), getattr(padded, part))


# --- networks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [make_model, make_sliding_model, make_mixed_model])
@pytest.mark.parametrize(("attention", "checkpointing"), [("sdpa", False), ("eager", False), ("sdpa", True)])
def test_packed_rows_give_what_padded_rows_give(
    tmp_path: Path, make: Callable[[Path], str], attention: str, checkpointing: bool
) -> None:
    for network, run in networks(make(tmp_path), attention, checkpointing):
        wanted = outcome(network, run, BATCH, SPLITS[-1], "padded")
        for split in SPLITS:
            assert_same_outcome(outcome(network, run, BATCH, split, "padded"), wanted)
            assert_same_outcome(outcome(network, run, BATCH, split, "packed"), wanted)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_a_sample_cannot_see_its_neighbours(tmp_path: Path, attention: str) -> None:
    """Bit for bit: the same places of the same row are computed, only the tokens around them differ."""
    other = BATCH.samples[7]
    changed = replace(other, prompt_ids=(other.prompt_ids + 1) % VOCABULARY, response_ids=other.response_ids[::-1])
    batch = Batch([changed if i == 7 else sample for i, sample in enumerate(BATCH.samples)])
    own = [i for i in (2, 7, 5) for _ in BATCH.samples[i].response_ids]
    for network, run in networks(make_model(tmp_path), attention, checkpointing=False):
        before, after = (
            run(network, tensors(which, (2, 7, 5), CPU, layout="packed"))[0].detach() for which in (BATCH, batch)
        )
        unchanged = torch.tensor(own) != 7
        assert torch.equal(before[unchanged], after[unchanged])
        assert (before[~unchanged] - after[~unchanged]).abs().max() > 1e-3


# --- rows -------------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=40),
    ranks=st.integers(1, 4),
    budget=st.integers(1, 200),
)
def test_rows_keep_to_the_budget(lengths: list[int], ranks: int, budget: int) -> None:
    rows = pack(lengths, [sample_cost(n, 8) for n in lengths], budget, ranks)
    assert sorted(i for rank in rows for row in rank for i in row) == list(range(len(lengths)))
    assert len(rows) == ranks
    assert len({len(rank) for rank in rows}) == 1
    assert all(len(row) <= 1 or sum(lengths[i] for i in row) <= budget for rank in rows for row in rank)
    assert rows == pack(lengths, [sample_cost(n, 8) for n in lengths], budget, ranks)


def test_rows_are_few_and_even() -> None:
    """Lengths over more than a decade, on 4 ranks: no more rows than a tenth above what the tokens alone need."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(6.5, 0.8, 400), 30, 8000).astype(int).tolist()
    costs = [sample_cost(n, 4096) for n in lengths]
    rows = pack(lengths, costs, 8192, 4)
    assert sum(len(rank) for rank in rows) <= 1.1 * sum(lengths) / 8192 + 4
    work = np.array([[sum(costs[i] for i in row) for row in rank] for rank in rows])
    assert work.sum(axis=1).max() < 1.01 * work.sum(axis=1).mean()
    assert work.max(axis=0).sum() < 1.05 * work.sum() / 4  # ranks that wait for each other at every row


def test_where_even_rows_would_break_the_budget_the_first_fit_stays() -> None:
    """5 + 5 and 4 + 3 + 3 fit two rows of 10; dealt evenly, one would have 11 or more."""
    rows = pack([5, 5, 4, 3, 3], [5.0, 5.0, 4.0, 3.0, 3.0], 10, 1)
    assert rows == [[(0, 1), (2, 3, 4)]]


def test_packed_micro_batches_have_no_padding() -> None:
    arguments: dict[str, Any] = {"steps": 2, "ranks": 2, "tokens_per_micro_batch": 60, "hidden_size": 16, "seed": 0}
    padded, packed = schedule(BATCH, **arguments), schedule(BATCH, **arguments, layout="packed")
    assert padded.padding > 0.02
    assert packed.padding == 0
    assert packed.imbalance < 0.2
    for one, other in zip(padded.steps, packed.steps, strict=True):
        assert one.counts == other.counts
        assert sum(map(len, other.ranks)) <= sum(map(len, one.ranks))


# --- which models, which kernels ----------------------------------------------------------------------------------


def test_only_kernels_that_skip_what_is_masked_are_worth_it() -> None:
    assert packing_pays("flash_attention_2", "gpu")
    assert packing_pays("flex_attention", "gpu")
    assert not packing_pays("sdpa", "gpu")
    assert not packing_pays("sdpa", "cpu")


CONVOLUTIONS = Lfm2Config(**SIZES, layer_types=["conv", "full_attention"])


def test_only_attention_keeps_samples_apart(tmp_path: Path) -> None:
    attention = load_policy(
        make_model(tmp_path), attention="sdpa", dtype=torch.float32, chunk_tokens=50, lora=None, checkpointing=False
    )
    assert only_attends(attention.model)
    assert not only_attends(MambaForCausalLM(MambaConfig(vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=1)))
    assert not only_attends(Lfm2ForCausalLM(CONVOLUTIONS))


# --- real Ray and DeepSpeed -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_packing_changes_no_update(cluster: None, tmp_path: Path) -> None:
    model, shape = make_model(tmp_path / "model"), {"ranks": 2, "zero_stage": 3}
    algorithm = Vapo(kl=ReferenceKl(weight=0.1))
    wanted = asyncio.run(learn_twice(model, tmp_path / "padded", BATCH, algorithm, **shape, packing="auto"))
    got = asyncio.run(learn_twice(model, tmp_path / "packed", BATCH, algorithm, **shape, packing="on"))
    assert [metrics["batch/padding"] for metrics in got.metrics] == [0, 0]
    assert all(metrics["batch/padding"] > 0.01 for metrics in wanted.metrics)
    assert_same_learning(got, wanted)


@pytest.mark.slow
def test_a_model_that_cannot_be_packed_is_refused(cluster: None, tmp_path: Path) -> None:
    Lfm2ForCausalLM(CONVOLUTIONS).save_pretrained(tmp_path / "model")
    with pytest.raises(LearnerError, match=r"Lfm2ForCausalLM.*neither packed.*learner\.packing: auto"):
        asyncio.run(learn_twice(str(tmp_path / "model"), tmp_path, BATCH, Dapo(), packing="on"))
