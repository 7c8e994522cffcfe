"""Attention kernels: which one `auto` is, which layouts pay with it, how heads are split. Imports no torch."""

from __future__ import annotations

import importlib.util
from typing import Literal

Device = Literal["cpu", "gpu"]

SKIPS_BLOCKS = frozenset({"flash_attention_2", "flex_attention"})
"""Kernels that, on a GPU, do not compute attention between the samples of a packed row. The others compute it all and
mask it: L^2 for the whole row where rows of their own cost the sum of l^2."""


def choose_attention(attention: str, device: Device) -> str:
    """The kernel that `auto` stands for: flash_attention_2 on a GPU where it is installed, else sdpa."""
    if attention != "auto":
        return attention
    return "flash_attention_2" if device == "gpu" and importlib.util.find_spec("flash_attn") else "sdpa"


def packing_pays(kernel: str, device: Device) -> bool:
    """Whether packed rows save more than they cost."""
    return device == "gpu" and kernel in SKIPS_BLOCKS


def sharing_pays(kernel: str, device: Device) -> bool:
    """Whether samples share their prompts without being told to: the kernel takes any mask, and it was measured."""
    return device == "cpu" and kernel == "sdpa"


def sharing_problem(kernel: str) -> str | None:
    """Why samples cannot share their prompts with an attention kernel, with the ways out; None: they can."""
    if kernel == "sdpa":
        return None
    return (
        f"is on, but the attention kernel is {kernel}, and sdpa is the one that takes the mask of shared prompts. "
        "Ways out:\n(1) learner.share_prompts: auto,\n(2) model.attention: sdpa."
    )


def heads_problem(heads: int, kv_heads: int, ranks: int) -> str | None:
    """Why `ranks` sequence-parallel ranks cannot share a model's attention heads, with the ways out; None: they can.

    Every rank computes heads / ranks heads of the whole sequence, with as many key-value heads or a copy of one.
    """
    if _shared(heads, kv_heads, ranks):
        return None
    possible = [n for n in range(1, heads + 1) if _shared(heads, kv_heads, n)]
    return (
        f"is {ranks}, but the model's {heads} attention heads and {kv_heads} key-value heads cannot be shared by as "
        f"many ranks. Ways out:\n(1) learner.sequence_parallel: one of {', '.join(map(str, possible))},\n"
        "(2) another model."
    )


def _shared(heads: int, kv_heads: int, ranks: int) -> bool:
    return heads % ranks == 0 and (kv_heads % ranks == 0 or ranks % kv_heads == 0)
