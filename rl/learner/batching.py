"""Which samples go in which optimizer step, rank and micro-batch.

The samples of a step are shuffled (seeded) and dealt over the optimizer steps; groups may be split. Within an
optimizer step they are sorted by length, cut into micro-batches of similar lengths whose padded size keeps to the token
budget, and dealt over the ranks by Karmarkar-Karp number partitioning on their estimated work. With packing there is no
padding, and micro-batches are cut by `rl/learner/packing.py`. Every rank gets the same number of micro-batches, because
the ranks reduce gradients together; what is missing is filled with empty ones. A sequence-parallel group counts as one
rank here.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rl.batch import Batch
from rl.learner.micro import MicroBatch
from rl.learner.packing import pack
from rl.learner.partition import karmarkar_karp

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
    batch: Batch,
    *,
    steps: int,
    ranks: int,
    tokens_per_micro_batch: int,
    hidden_size: int,
    seed: int,
    packed: bool = False,
    columns: int = 1,
) -> Schedule:
    """Split a batch; deterministic in its arguments.

    Args:
        batch: at least one sample.
        steps: optimizer steps; fewer when the batch has fewer samples.
        ranks: learner ranks that work on samples of their own.
        tokens_per_micro_batch: most tokens, padding included; a longer sample gets a micro-batch of its own.
        hidden_size: of the model, which says how much long samples cost (`sample_cost`).
        seed: of the shuffle over optimizer steps.
        packed: a micro-batch is one row of its samples one after another.
        columns: rows are padded to a multiple of it (ranks that share each sequence); not counted in the budget.

    Returns:
        Every sample exactly once.
    """
    lengths = [len(sample.prompt_ids) + len(sample.response_ids) for sample in batch.samples]
    costs = [sample_cost(length, hidden_size) for length in lengths]
    work = _Work(lengths, costs, tokens_per_micro_batch, packed, columns)
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
    """What samples cost, alone and in a micro-batch."""

    lengths: Sequence[int]
    costs: Sequence[float]
    budget: int
    packed: bool = False
    columns: int = 1

    def padded(self, micro: MicroBatch) -> int:
        """Tokens computed."""
        own = [self.lengths[i] for i in micro]
        rows, width = (1, sum(own)) if self.packed else (len(own), max(own, default=0))
        return rows * math.ceil(width / self.columns) * self.columns

    def cost(self, micro: MicroBatch) -> float:
        """A micro-batch's work, padding and launch included."""
        if not micro:
            return 0.0
        own = [self.costs[i] for i in micro]
        return (sum(own) if self.packed else len(own) * max(own)) + WORTH_A_MICRO_BATCH * self.budget

    def of(self, micros: Sequence[MicroBatch]) -> float:
        """A rank's work."""
        return sum(self.cost(micro) for micro in micros)


def _ranks(part: Sequence[int], work: _Work, ranks: int) -> tuple[tuple[MicroBatch, ...], ...]:
    """Micro-batches of each rank: of two ways to deal padded ones, the one whose heaviest rank has less work.

    Micro-batches that are cut first and dealt whole have little padding, but there must be enough of them to balance;
    samples that are dealt first balance almost exactly, but each rank's are fewer to cut micro-batches of.
    """
    if work.packed:
        rows = pack([work.lengths[i] for i in part], [work.costs[i] for i in part], work.budget, ranks)
        return tuple(tuple(tuple(part[k] for k in row) for row in own) for own in rows)
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
