"""Which samples go in which optimizer step, rank and micro-batch; and how a micro-batch becomes tensors.

The samples of a step are shuffled (seeded) and dealt over the optimizer steps; groups may be split. Within an
optimizer step they are sorted by length, dealt over the ranks in a snake so that every rank has about the same work,
and cut into micro-batches of similar lengths whose padded size keeps to the token budget. Every rank gets the same
number of micro-batches, because the ranks reduce gradients together; what is missing is filled with empty ones.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rl.batch import Batch, FloatRow

MicroBatch = tuple[int, ...]
"""Indices of samples; empty: nothing to do but to take part."""

WORTH_A_MICRO_BATCH = 1 / 16
"""Share of the token budget that cutting one more micro-batch must save in padding."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Denominators of one optimizer step: over all its micro-batches and ranks."""

    tokens: int
    """Tokens in the loss."""
    samples: int
    """Samples with at least one of them."""
    positive_tokens: int
    """Tokens in the loss of correct samples."""


@dataclass(frozen=True, slots=True)
class OptimizerStep:
    """Work of all ranks between two updates of the weights."""

    ranks: tuple[tuple[MicroBatch, ...], ...]
    """[rank][position]; the same number of positions on every rank."""
    counts: Counts


@dataclass(frozen=True, slots=True)
class Schedule:
    """All work on one batch."""

    steps: tuple[OptimizerStep, ...]
    padding: float
    """Share of the tokens computed that are padding."""


def schedule(batch: Batch, *, steps: int, ranks: int, tokens_per_micro_batch: int, seed: int) -> Schedule:
    """Split a batch; deterministic in its arguments.

    Args:
        batch: at least one sample.
        steps: optimizer steps; fewer when the batch has fewer samples.
        ranks: learner ranks.
        tokens_per_micro_batch: most tokens, padding included; a longer sample gets a micro-batch of its own.
        seed: of the shuffle over optimizer steps.

    Returns:
        Every sample exactly once.
    """
    lengths = [len(sample.prompt_ids) + len(sample.response_ids) for sample in batch.samples]
    order = list(range(len(batch)))
    random.Random(seed).shuffle(order)
    steps = min(steps, len(order))
    parts = [order[len(order) * i // steps : len(order) * (i + 1) // steps] for i in range(steps)]
    planned = tuple(
        OptimizerStep(_ranks(part, lengths, ranks, tokens_per_micro_batch), count(batch, part)) for part in parts
    )
    padded = sum(
        len(micro) * max(lengths[i] for i in micro)
        for step in planned
        for rank in step.ranks
        for micro in rank
        if micro
    )
    return Schedule(planned, 1 - sum(lengths) / padded)


def count(batch: Batch, indices: Sequence[int]) -> Counts:
    """Denominators of the given samples of a batch."""
    own = [(int(batch.samples[i].loss_mask.sum()), batch.samples[i].correct) for i in indices]
    return Counts(
        tokens=sum(tokens for tokens, _ in own),
        samples=sum(tokens > 0 for tokens, _ in own),
        positive_tokens=sum(tokens for tokens, correct in own if correct),
    )


def _ranks(part: Sequence[int], lengths: Sequence[int], ranks: int, budget: int) -> tuple[tuple[MicroBatch, ...], ...]:
    by_length = sorted(part, key=lambda i: (-lengths[i], i))
    hands: list[list[int]] = [[] for _ in range(ranks)]
    for position, index in enumerate(by_length):
        lap, place = divmod(position, ranks)
        hands[place if lap % 2 == 0 else ranks - 1 - place].append(index)
    cut = [_cut(hand, lengths, budget) for hand in hands]
    most = max(len(micros) for micros in cut)
    return tuple(tuple(micros + [()] * (most - len(micros))) for micros in cut)


def _cut(hand: Sequence[int], lengths: Sequence[int], budget: int) -> list[MicroBatch]:
    """Micro-batches of samples sorted by falling length: the first of each sets its padded width.

    The cuts are those of the least total cost (dynamic programming over their positions): padded tokens, plus
    what one more micro-batch must save to be worth its launch.
    """
    best = [0.0] + [float("inf")] * len(hand)
    begin = [0] * (len(hand) + 1)
    for first in range(len(hand)):
        width = lengths[hand[first]]
        for end in range(first + 1, len(hand) + 1):
            padded = (end - first) * width
            if padded > budget and end - first > 1:
                break
            cost = best[first] + padded + WORTH_A_MICRO_BATCH * budget
            if cost < best[end]:
                best[end], begin[end] = cost, first
    micros: list[MicroBatch] = []
    end = len(hand)
    while end > 0:
        micros.append(tuple(hand[begin[end] : end]))
        end = begin[end]
    return micros[::-1]


@dataclass(frozen=True, slots=True)
class MicroTensors:
    """One micro-batch on the device. B samples, L tokens padded on the right, T response tokens, N = all of them.

    Causal attention never looks right, so that padding on the right needs no attention mask.
    """

    input_ids: Tensor
    """[B, L]"""
    at: tuple[Tensor, Tensor]
    """([N], [N]): row and column of the position that predicts each response token."""
    targets: Tensor
    """[N] response token ids."""
    response: Tensor
    """[B, T] bool: where the N response tokens stand in the grid."""
    mask: Tensor
    """[B, T] bool: tokens in the loss."""

    def grid(self, flat: Tensor) -> Tensor:
        """[N] -> [B, T], 0 on padding; differentiable."""
        return torch.zeros(self.response.shape, dtype=flat.dtype, device=flat.device).masked_scatter(
            self.response, flat
        )


def tensors(batch: Batch, micro: MicroBatch, device: torch.device) -> MicroTensors:
    """A micro-batch as tensors; the empty one is a single sample of two tokens outside every loss."""
    if not micro:
        one = torch.zeros(1, dtype=torch.long, device=device)
        yes = torch.ones(1, 1, dtype=torch.bool, device=device)
        return MicroTensors(torch.zeros(1, 2, dtype=torch.long, device=device), (one, one), one, yes, ~yes)
    samples = [batch.samples[i] for i in micro]
    sizes = [len(sample.response_ids) for sample in samples]
    width = max(len(sample.prompt_ids) + size for sample, size in zip(samples, sizes, strict=True))
    input_ids = np.zeros((len(samples), width), dtype=np.int64)
    mask = np.zeros((len(samples), max([1, *sizes])), dtype=np.bool_)
    response = np.zeros_like(mask)
    for row, (sample, size) in enumerate(zip(samples, sizes, strict=True)):
        prompt = len(sample.prompt_ids)
        input_ids[row, :prompt] = sample.prompt_ids
        input_ids[row, prompt : prompt + size] = sample.response_ids
        mask[row, :size] = sample.loss_mask
        response[row, :size] = True
    rows = np.repeat(np.arange(len(samples)), sizes)
    columns = np.concatenate(
        [np.arange(size) + len(sample.prompt_ids) - 1 for sample, size in zip(samples, sizes, strict=True)]
    )
    targets = np.concatenate([sample.response_ids for sample in samples]).astype(np.int64)

    def put(array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(device, non_blocking=True)

    return MicroTensors(put(input_ids), (put(rows), put(columns)), put(targets), put(response), put(mask))


def rows_grid(rows: Sequence[FloatRow], micro: MicroBatch, like: MicroTensors) -> Tensor:
    """[B, T] float32 of per-sample rows, 0 on padding."""
    if not micro:
        return torch.zeros(like.response.shape, device=like.response.device)
    flat = np.concatenate([np.asarray(rows[i], dtype=np.float32) for i in micro])
    return like.grid(torch.from_numpy(flat).to(like.response.device))
