"""What tests of the learner share: a model that steps in milliseconds, a batch, a Ray of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from rl.batch import Batch, TrainSample
from rl.learner.group import LearnerGroup
from rollout.weights import SharedMemoryWeights

VOCABULARY = 53


def make_model(folder: Path, *, tied: bool = False, **options: Any) -> str:
    """A random model so small that a step takes milliseconds."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=tied,
        **options,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
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
                loss_mask=rng.random(response) < 0.8,
                reward=float(index % 3 == 0),
                correct=index % 3 == 0,
                group=index // 3,
            )
        )
    return Batch(samples)


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


@contextmanager
def local_ray() -> Iterator[None]:
    """A Ray of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ponder-ray-") as folder:
        ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False, _temp_dir=folder)
        yield
        ray.shutdown()
