"""Which samples go in which optimizer step, rank and micro-batch; and how a micro-batch becomes tensors.

The samples of a step are shuffled (seeded) and dealt over the optimizer steps; groups may be split. Within an
optimizer step they are sorted by length, cut into micro-batches of similar lengths whose padded size keeps to the token
budget, and dealt over the ranks by Karmarkar-Karp number partitioning on their estimated work. Every rank gets the
same number of micro-batches, because the ranks reduce gradients together; what is missing is filled with empty ones.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rl.batch import Batch, FloatRow
from rl.learner.partition import karmarkar_karp

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
    group_tokens: Mapping[int, int]
    """Tokens in the loss of each group that has some (of its samples in this step: groups may be split)."""


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
    imbalance: float
    """By which share the heaviest rank's estimated work, padding included, exceeds the ranks' mean."""


def sample_cost(length: int, hidden_size: int) -> float:
    """Work of a sample in units of a token's linear work: l + l^2 / (12 h).

    Of a layer's forward pass a token takes 24 h^2 operations in linear maps (12 h^2 weights) and, attending to l / 2
    others on average, 4 h l / 2 in attention (arXiv 2104.04473, section 3, with causal attention).
    """
    return length + length**2 / (12 * hidden_size)


def schedule(
    batch: Batch, *, steps: int, ranks: int, tokens_per_micro_batch: int, hidden_size: int, seed: int
) -> Schedule:
    """Split a batch; deterministic in its arguments.

    Args:
        batch: at least one sample.
        steps: optimizer steps; fewer when the batch has fewer samples.
        ranks: learner ranks.
        tokens_per_micro_batch: most tokens, padding included; a longer sample gets a micro-batch of its own.
        hidden_size: of the model, which says how much long samples cost (`sample_cost`).
        seed: of the shuffle over optimizer steps.

    Returns:
        Every sample exactly once.
    """
    lengths = [len(sample.prompt_ids) + len(sample.response_ids) for sample in batch.samples]
    work = _Work(lengths, [sample_cost(length, hidden_size) for length in lengths], tokens_per_micro_batch)
    order = list(range(len(batch)))
    random.Random(seed).shuffle(order)
    steps = min(steps, len(order))
    parts = [order[len(order) * i // steps : len(order) * (i + 1) // steps] for i in range(steps)]
    planned = tuple(OptimizerStep(_ranks(part, work, ranks), count(batch, part)) for part in parts)
    padded = sum(work.padded(micro) for step in planned for rank in step.ranks for micro in rank)
    heaviest = sum(max(work.of(rank) for rank in step.ranks) for step in planned)
    mean = sum(work.of(rank) for step in planned for rank in step.ranks) / ranks
    return Schedule(planned, padding=1 - sum(lengths) / padded, imbalance=heaviest / mean - 1)


def count(batch: Batch, indices: Sequence[int]) -> Counts:
    """Denominators of the given samples of a batch."""
    own = [(int(batch.samples[i].loss_mask.sum()), batch.samples[i]) for i in indices]
    group_tokens: Counter[int] = Counter()
    for tokens, sample in own:
        if tokens:
            group_tokens[sample.group] += tokens
    return Counts(
        tokens=group_tokens.total(),
        samples=sum(tokens > 0 for tokens, _ in own),
        positive_tokens=sum(tokens for tokens, sample in own if sample.correct),
        group_tokens=dict(group_tokens),
    )


@dataclass(frozen=True)
class _Work:
    """What samples cost, alone and padded to the longest of their micro-batch."""

    lengths: Sequence[int]
    costs: Sequence[float]
    budget: int

    def padded(self, micro: MicroBatch) -> int:
        """Tokens computed."""
        return len(micro) * max((self.lengths[i] for i in micro), default=0)

    def cost(self, micro: MicroBatch) -> float:
        """A micro-batch's work, padding and launch included."""
        launch = WORTH_A_MICRO_BATCH * self.budget
        return len(micro) * max(self.costs[i] for i in micro) + launch if micro else 0.0

    def of(self, micros: Sequence[MicroBatch]) -> float:
        """A rank's work."""
        return sum(self.cost(micro) for micro in micros)


def _ranks(part: Sequence[int], work: _Work, ranks: int) -> tuple[tuple[MicroBatch, ...], ...]:
    """Micro-batches of each rank: of two ways to deal, the one whose heaviest rank has less work.

    Micro-batches that are cut first and dealt whole have little padding, but there must be enough of them to balance;
    samples that are dealt first balance almost exactly, but each rank's are fewer to cut micro-batches of.
    """
    by_length = sorted(part, key=lambda i: (-work.lengths[i], i))
    micros = _cut(by_length, work)
    cut_first = [[micros[k] for k in hand] for hand in karmarkar_karp([work.cost(m) for m in micros], ranks)]
    hands = karmarkar_karp([work.costs[i] for i in by_length], ranks)
    dealt_first = [_cut([by_length[k] for k in hand], work) for hand in hands]
    chosen = min((cut_first, dealt_first), key=lambda way: max(work.of(rank) for rank in way))
    most = max(len(rank) for rank in chosen)
    return tuple(tuple(rank + [()] * (most - len(rank))) for rank in chosen)


def _cut(hand: Sequence[int], work: _Work) -> list[MicroBatch]:
    """Micro-batches of samples sorted by falling length: the first of each sets its padded width.

    The cuts are those of the least total cost (dynamic programming over their positions): padded tokens, plus
    what one more micro-batch must save to be worth its launch.
    """
    best = [0.0] + [float("inf")] * len(hand)
    begin = [0] * (len(hand) + 1)
    for first in range(len(hand)):
        width = work.lengths[hand[first]]
        for end in range(first + 1, len(hand) + 1):
            padded = (end - first) * width
            if padded > work.budget and end - first > 1:
                break
            cost = best[first] + padded + WORTH_A_MICRO_BATCH * work.budget
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
