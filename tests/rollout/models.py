"""Tiny random models and their exact logprobs, for tests of engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from rollout.types import Sample

VOCABULARY = 256


def tiny_model(seed: int, *, tied: bool) -> LlamaForCausalLM:
    """A random Llama of 0.2M parameters whose distributions are far from uniform."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=160,
        num_hidden_layers=2,
        num_attention_heads=2,  # vLLM's CPU attention needs heads of 32 or more
        num_key_value_heads=1,
        max_position_embeddings=512,
        tie_word_embeddings=tied,
        initializer_range=0.15,
    )
    return LlamaForCausalLM(config).float().eval()


def save(model: LlamaForCausalLM, folder: Path) -> Path:
    """As a Hugging Face folder, without a tokenizer."""
    model.save_pretrained(folder)
    return folder


def state(model: LlamaForCausalLM) -> Iterator[tuple[str, Tensor]]:
    """Names and tensors as a learner publishes them: a tied head is not named."""
    yield from model.named_parameters()


@torch.no_grad()
def exact_logprobs(model: LlamaForCausalLM, sample: Sample, temperature: float = 1.0) -> NDArray[np.float32]:
    """[R]: log-probability of every response token under the model in float32, by transformers."""
    ids = [*sample.prompt.token_ids, *sample.response_ids.tolist()]
    logits = model(torch.tensor([ids])).logits[0, len(sample.prompt.token_ids) - 1 : -1] / temperature
    chosen = torch.from_numpy(sample.response_ids.astype(np.int64))[:, None]
    result: NDArray[np.float32] = logits.log_softmax(-1).gather(1, chosen)[:, 0].numpy()
    return result
