"""Shapes of models: from a config.json, or from memory for the models that recipes name. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The sizes that memory estimates need."""

    parameters: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    context: int
    """Longest sequence the model was made for, in tokens."""


def shape_of_config(config: Mapping[str, Any]) -> ModelShape:
    """The shape that a decoder's config.json describes.

    The parameter count is exact for the Llama family (Llama, Mistral, Qwen2, Qwen3, Seed-OSS: gated MLP, RMSNorm) and
    an estimate for others; experts of a mixture are counted where the config names them.

    Raises:
        KeyError: the config lacks a size (it is not a decoder's).
    """
    config = config.get("text_config", config)
    hidden, layers, vocab = config["hidden_size"], config["num_hidden_layers"], config["vocab_size"]
    heads = config["num_attention_heads"]
    kv_heads = config.get("num_key_value_heads") or heads
    head_dim = config.get("head_dim") or hidden // heads
    experts = config.get("num_experts") or config.get("num_local_experts") or 1
    width = (config.get("moe_intermediate_size") if experts > 1 else None) or config["intermediate_size"]
    rows, kv_rows = heads * head_dim, kv_heads * head_dim
    qkv_bias = config.get("attention_bias", config.get("model_type") == "qwen2")
    layer = 2 * hidden * (rows + kv_rows) + 3 * hidden * width * experts + 2 * hidden
    layer += (rows + 2 * kv_rows) if qkv_bias else 0
    layer += 2 * head_dim if config.get("model_type") == "qwen3" else 0  # norms of queries and keys
    layer += hidden * experts if experts > 1 else 0  # the router
    embeddings = vocab * hidden * (1 if config.get("tie_word_embeddings") else 2)
    return ModelShape(
        parameters=embeddings + layers * layer + hidden,
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        vocab=vocab,
        context=config["max_position_embeddings"],
    )


_SMOLLM2_135M = ModelShape(
    parameters=134_515_008, hidden=576, layers=30, heads=9, kv_heads=3, head_dim=64, vocab=49_152, context=8192
)
_QWEN25_7B = ModelShape(
    parameters=7_615_616_512, hidden=3584, layers=28, heads=28, kv_heads=4, head_dim=128, vocab=152_064, context=131_072
)
_SEED_OSS_36B = ModelShape(
    parameters=36_151_104_512,
    hidden=5120,
    layers=64,
    heads=80,
    kv_heads=8,
    head_dim=128,
    vocab=155_136,
    context=524_288,
)

KNOWN_SHAPES: Mapping[str, ModelShape] = {
    "smollm2-135m": _SMOLLM2_135M,
    "HuggingFaceTB/SmolLM2-135M-Instruct": _SMOLLM2_135M,
    "Qwen/Qwen2.5-7B": _QWEN25_7B,
    "Qwen/Qwen2.5-7B-Instruct": _QWEN25_7B,
    "ByteDance-Seed/Seed-OSS-36B-Base": _SEED_OSS_36B,
    "ByteDance-Seed/Seed-OSS-36B-Instruct": _SEED_OSS_36B,
}
"""Published shapes, so that `ponder check` can estimate memory before anything is downloaded."""
