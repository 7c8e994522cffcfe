"""The reference policy of a real learner. Pinned here, for trained weights and for adapters, with ZeRO 0, 2 and 3:

1. Before any update the reference says what the policy says, bit for bit; its log-probabilities never change, also in
   a group that goes on from a checkpoint.
2. With adapters no second set of weights exists, and the policy keeps its adapters after the reference was asked.
3. A KL penalty alone, in the loss or in the reward, brings a policy that has moved away back towards the reference.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rl.algorithms.base import ReferenceKl
from rl.algorithms.config import AlgorithmConfig, DrGrpo, Grpo
from rl.algorithms.targets import compute_targets
from rl.batch import Batch, Estimates, FloatRow
from rl.learner.config import LearnerConfig, LoraConfig, OptimizerConfig
from rl.learner.group import LearnerGroup
from tests.rl.learner_parts import make_batch

BATCH = make_batch()
SHAPES: list[dict[str, Any]] = [
    {"ranks": 1, "zero_stage": 0},
    {"ranks": 2, "zero_stage": 2, "dtype": "bfloat16"},
    {"ranks": 2, "zero_stage": 3},
    {"ranks": 1, "zero_stage": 0, "lora": LoraConfig(rank=4)},
    {"ranks": 2, "zero_stage": 3, "lora": LoraConfig(rank=4)},
]


def start(model: str, folder: Path, algorithm: AlgorithmConfig, **config: Any) -> LearnerGroup:
    optimizer = OptimizerConfig(learning_rate=3e-3, warmup_steps=0, weight_decay=0, gradient_clip=1e9)
    return LearnerGroup.start(
        LearnerConfig(cpu_threads=1, policy=optimizer, tokens_per_micro_batch=60, **config),
        algorithm,
        model_path=model,
        attention="auto",
        device="cpu",
        optimizer_steps_per_batch=1,
        seed=0,
        log_folder=folder / "logs",
        temperature=0.9,
        max_response_tokens=32,
    )


async def estimate(group: LearnerGroup) -> tuple[Estimates, list[FloatRow]]:
    estimates = await group.estimate(BATCH)
    assert estimates.reference is not None
    return estimates, list(estimates.reference)


async def update(group: LearnerGroup, batch: Batch, algorithm: AlgorithmConfig) -> None:
    """One update, with all that it needs."""
    estimates = await group.estimate(batch)
    await group.update(batch, estimates, compute_targets(batch, estimates, algorithm))


def same(one: list[FloatRow], other: list[FloatRow]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=str)
async def test_the_reference_stays_where_training_started(
    cluster: None, model: str, tmp_path: Path, shape: dict[str, Any]
) -> None:
    algorithm = Grpo()
    group = start(model, tmp_path, algorithm, **shape)
    before, reference = await estimate(group)
    assert same(list(before.logprobs), reference)
    assert before.metrics["policy/reference_kl"] == 0
    for _ in range(3):
        await update(group, BATCH, algorithm)
    after, later = await estimate(group)
    assert same(later, reference)
    assert not same(list(after.logprobs), reference)
    assert after.metrics["policy/reference_kl"] > 1e-4
    if shape["ranks"] > 1:  # the reference is no part of a checkpoint, however many ranks write it
        await group.shutdown()
        return
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    await group.save(checkpoint)
    await group.shutdown()
    resumed = start(model, tmp_path / "resumed", algorithm, **shape)
    await resumed.load(checkpoint)
    again, still = await estimate(resumed)
    assert same(still, reference)
    assert same(list(again.logprobs), list(after.logprobs))
    await resumed.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("where", ["loss", "reward"])
async def test_the_penalty_brings_a_policy_back(cluster: None, model: str, tmp_path: Path, where: Any) -> None:
    """The same group first learns from rewards, then from the penalty alone (all rewards equal)."""
    kind = "k3" if where == "loss" else "k1"
    algorithm = DrGrpo(kl=ReferenceKl(weight=1.0, kind=kind, where=where), aggregation="token_mean")
    group = start(model, tmp_path, algorithm, ranks=1, zero_stage=0)
    eager = Batch([replace(sample, reward=20 * sample.reward) for sample in BATCH.samples])
    for _ in range(4):
        await update(group, eager, algorithm)
    indifferent = Batch([replace(sample, reward=0.0) for sample in BATCH.samples])
    away = (await group.estimate(indifferent)).metrics["policy/reference_kl"]
    for _ in range(40):
        await update(group, indifferent, algorithm)
    back = (await group.estimate(indifferent)).metrics["policy/reference_kl"]
    await group.shutdown()
    assert away > 1e-3
    assert back < 0.75 * away
