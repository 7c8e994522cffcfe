"""What tests of the learner share: a model that steps in milliseconds, a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM

from rl.algorithms.config import AlgorithmConfig
from rl.algorithms.targets import compute_targets
from rl.batch import Batch, Estimates, Metrics, TrainSample
from rl.learner.config import LearnerConfig, OptimizerConfig
from rl.learner.group import LearnerGroup
from rl.learner.micro import Layout, MicroBatch, MicroTensors, tensors
from rl.learner.model import load_critic, load_policy
from rollout.weights import SharedMemoryWeights

VOCABULARY = 53
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}


def make_model(folder: Path, *, tied: bool = False, vocabulary: int = VOCABULARY, **options: Any) -> str:
    """A random model so small that a step takes milliseconds."""
    torch.manual_seed(0)
    sizes = {**SIZES, "vocab_size": vocabulary, "tie_word_embeddings": tied}
    config = LlamaConfig(**{**sizes, **options})
    LlamaForCausalLM(config).save_pretrained(folder)
    return str(folder)


def make_sliding_model(folder: Path) -> str:
    """As small, with windows of three tokens, shorter than the samples."""
    torch.manual_seed(0)
    MistralForCausalLM(MistralConfig(**SIZES, sliding_window=3)).save_pretrained(folder)
    return str(folder)


def make_mixed_model(folder: Path) -> str:
    """As small, with such windows in every other layer: its masks are of two kinds."""
    torch.manual_seed(0)
    layers = ["full_attention", "sliding_attention"]
    config = Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=3, layer_types=layers)
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return str(folder)


def make_batch(count: int = 18) -> Batch:
    """Groups of three, the first of each right; a fifth of the tokens is outside the loss."""
    rng = np.random.default_rng(0)
    samples = []
    for index in range(count):
        prompt, response = int(rng.integers(1, 6)), int(rng.integers(1, 25))
        samples.append(
            TrainSample(
                prompt_ids=rng.integers(0, VOCABULARY, prompt).astype(np.int32),
                response_ids=rng.integers(0, VOCABULARY, response).astype(np.int32),
                rollout_logprobs=np.full(response, -4.0, np.float32),
                versions=np.zeros(response, dtype=np.int32),
                loss_mask=rng.random(response) < 0.8,
                reward=float(index % 3 == 0),
                correct=index % 3 == 0,
                group=index // 3,
            )
        )
    return Batch(samples)


EVERYTHING = tuple(range(18))
"""All samples of `make_batch`."""
SPLITS: list[tuple[MicroBatch, ...]] = [
    (EVERYTHING,),
    (EVERYTHING[:5], EVERYTHING[5:11], EVERYTHING[11:]),
    tuple((i,) for i in EVERYTHING),
]
"""Ways to split them into micro-batches."""


def with_prompts(batch: Batch, tokens: int = 6) -> Batch:
    """The same responses, all of a group to one prompt."""
    rng = np.random.default_rng(1)
    prompts = {group: rng.integers(0, VOCABULARY, tokens + group % 3).astype(np.int32) for group in range(100)}
    return Batch([replace(sample, prompt_ids=prompts[sample.group]) for sample in batch.samples])


async def published(group: LearnerGroup, version: int = 3) -> dict[str, Tensor]:
    """The policy's weights as rollout workers would read them."""
    with SharedMemoryWeights() as weights:
        manifest = await group.write_weights(weights, version)
        assert manifest.version == version
        assert manifest.path is not None
        read: dict[str, Tensor] = {}
        for file in Path(manifest.path).glob("*.safetensors"):
            read |= load_file(file)
    return read


@dataclass(frozen=True)
class Learnt:
    """What came out of two updates."""

    estimates: list[Estimates]
    metrics: list[Metrics]
    weights: dict[str, Tensor]


async def learn_twice(model: str, folder: Path, batch: Batch, algorithm: AlgorithmConfig, **config: Any) -> Learnt:
    """Two updates of a group of its own, in micro-batches of 60 tokens."""
    optimizer = OptimizerConfig(learning_rate=1e-3, warmup_steps=0, gradient_clip=1e9)
    group = LearnerGroup.start(
        LearnerConfig(cpu_threads=1, policy=optimizer, critic=optimizer, tokens_per_micro_batch=60, **config),
        algorithm,
        model_path=model,
        attention="auto",
        device="cpu",
        optimizer_steps_per_batch=2,
        seed=0,
        log_folder=folder / "logs",
        temperature=0.9,
        max_response_tokens=32,
    )
    estimates, metrics = [], []
    for _ in range(2):
        estimates.append(await group.estimate(batch))
        targets = compute_targets(batch, estimates[-1], algorithm)
        metrics.append(await group.update(batch, estimates[-1], targets))
    learnt = Learnt(estimates, metrics, await published(group))
    await group.shutdown()
    return learnt


def assert_same_learning(got: Learnt, wanted: Learnt) -> None:
    """Up to float32 sums in another order: estimates, metrics (gradient norms among them) and weights."""
    for mine, theirs in zip(got.estimates, wanted.estimates, strict=True):
        for part in ("logprobs", "values", "reference"):
            for row, right in zip(getattr(mine, part) or [], getattr(theirs, part) or [], strict=True):
                np.testing.assert_allclose(row, right, rtol=1e-4, atol=2e-5)
        assert mine.metrics == pytest.approx(dict(theirs.metrics), rel=1e-4, abs=1e-6)
    for metrics, expected in zip(got.metrics, wanted.metrics, strict=True):
        assert {name: value for name, value in metrics.items() if not name.startswith("batch/")} == pytest.approx(
            {name: value for name, value in expected.items() if not name.startswith("batch/")}, rel=1e-3, abs=1e-6
        )
    for name, weight in wanted.weights.items():
        torch.testing.assert_close(got.weights[name], weight, rtol=0, atol=2e-5)  # Adam moves each by 1e-3 a step


@dataclass(frozen=True)
class Outcome:
    """Results of all samples in the order of the batch, and gradients of a loss on them."""

    results: list[Tensor]
    gradients: list[Tensor]


Run = Callable[[nn.Module, MicroTensors], tuple[Tensor, ...]]


def policy_run(network: nn.Module, inputs: MicroTensors) -> tuple[Tensor, ...]:
    """Log-probabilities and entropies."""
    results: tuple[Tensor, ...] = network(*inputs.predictors, inputs.targets, 0.9, True)
    return results


def critic_run(network: nn.Module, inputs: MicroTensors) -> tuple[Tensor, ...]:
    """Values."""
    return (network(*inputs.predictors),)


def outcome(network: nn.Module, run: Run, batch: Batch, split: Sequence[MicroBatch], layout: Layout) -> Outcome:
    """Of a batch in the given micro-batches, which hold its samples in order."""
    network.train().zero_grad()
    found: list[list[Tensor]] = []
    for micro in split:
        inputs = tensors(batch, micro, torch.device("cpu"), layout=layout)
        results = run(network, inputs)
        # A loss in which every token has a weight of its own.
        weights = torch.cat([torch.linspace(1, 2, len(batch.samples[i].response_ids)) * (i + 1) for i in micro])
        sum((weights * result).sum() for result in results).backward()  # type: ignore[union-attr]
        found.append([result.detach() for result in results])
    gradients = [p.grad.clone() for p in network.parameters() if p.grad is not None]
    return Outcome([torch.cat(parts) for parts in zip(*found, strict=True)], gradients)


def networks(path: str, attention: str, checkpointing: bool) -> Iterator[tuple[nn.Module, Run]]:
    """A policy and a critic."""
    loading: dict[str, Any] = {
        "attention": attention,
        "dtype": torch.float32,
        "lora": None,
        "checkpointing": checkpointing,
    }
    yield load_policy(path, chunk_tokens=50, **loading), policy_run
    critic = load_critic(path, **loading)
    nn.init.normal_(critic.value_head.weight, generator=torch.Generator().manual_seed(3))
    yield critic, critic_run


def assert_same_outcome(got: Outcome, wanted: Outcome) -> None:
    """Up to float32 sums in another order."""
    torch.testing.assert_close(got.results, wanted.results, rtol=1e-4, atol=1e-5)
    for gradient, right in zip(got.gradients, wanted.gradients, strict=True):
        assert (gradient - right).abs().max() < 1e-5 * right.abs().max()
