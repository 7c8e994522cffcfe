"""Which samples go in which optimizer step, rank and micro-batch.

The prompts of a step are shuffled (seeded) and dealt with their samples over the optimizer steps; one that a cut goes
through is split. This is the same in every layout. Within an optimizer step samples are sorted by length, cut into
micro-batches of similar lengths whose padded size keeps to the token budget, and dealt over the ranks by Karmarkar-Karp
number partitioning on their estimated work. With packing there is no padding, and micro-batches are cut by
`rl/learner/packing.py`. Every rank gets the same number of micro-batches, because the ranks reduce gradients together;
what is missing is filled with empty ones. A sequence-parallel group counts as one rank here.

Where prompts may be shared, a row is all samples of a prompt that a rank has of an optimizer step, as far as the budget
goes. Each optimizer step takes whichever is less work, such rows or one for each sample.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from rl.batch import Batch
from rl.learner.micro import Layout, MicroBatch, by_prompt
from rl.learner.packing import Row, first_fit, pack
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
    layout: Layout = "padded"
    """Of its micro-batches."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """All work on one batch."""

    steps: tuple[OptimizerStep, ...]
    padding: float
    """Share of the tokens computed that are padding."""
    imbalance: float
    """By which share the heaviest rank's estimated work, padding included, exceeds the ranks' mean."""
    spared: float = 0.0
    """Share of the samples' tokens that are not computed because samples share their prompt."""


def sample_cost(length: int, hidden_size: int) -> float:
    """Work of a sample in units of a token's linear work: l + l^2 / (12 h).

    Of a layer's forward pass a token takes 24 h^2 operations in linear maps (12 h^2 weights) and, attending to l / 2
    others on average, 4 h l / 2 in attention (arXiv 2104.04473, section 3, with causal attention).
    """
    return length + length**2 / (12 * hidden_size)


def shared_cost(width: int, hidden_size: int) -> float:
    """The same of a row that several samples share: under a mask, attention is computed between all its tokens."""
    return width + width**2 / (6 * hidden_size)


def schedule(
    batch: Batch,
    *,
    steps: int,
    ranks: int,
    tokens_per_micro_batch: int,
    hidden_size: int,
    seed: int,
    layout: Layout = "padded",
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
        layout: of the micro-batches; `shared` where it is less work than `padded`.
        columns: rows are padded to a multiple of it (ranks that share each sequence); not counted in the budget.

    Returns:
        Every sample exactly once.
    """
    works = [_Work.on(batch, tokens_per_micro_batch, hidden_size, layout, columns)]
    if layout == "shared":
        works.append(replace(works[0], layout="padded"))
    order = list(range(len(batch)))
    random.Random(seed).shuffle(order)
    order = [i for row in by_prompt(works[0].prompts, order) for i in row]
    steps = min(steps, len(order))
    parts = [order[len(order) * i // steps : len(order) * (i + 1) // steps] for i in range(steps)]
    planned = [min(((_ranks(part, work, ranks), work) for work in works), key=_heaviest) for part in parts]
    micros = [(work, micro) for dealt, work in planned for rank in dealt for micro in rank]
    own, computed = (sum(work.tokens(micro) for work, micro in micros), sum(work.padded(m) for work, m in micros))
    spared = sum(work.spared(micro) for work, micro in micros)
    mean = sum(work.of(rank) for dealt, work in planned for rank in dealt) / ranks
    return Schedule(
        tuple(
            OptimizerStep(dealt, count(batch, part), work.layout)
            for part, (dealt, work) in zip(parts, planned, strict=True)
        ),
        padding=1 - own / computed,
        imbalance=sum(map(_heaviest, planned)) / mean - 1,
        spared=spared / sum(works[0].lengths),
    )


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


Dealt = tuple[tuple[MicroBatch, ...], ...]
"""[rank][position]"""


@dataclass(frozen=True)
class _Work:
    """What samples cost, alone and in a micro-batch."""

    prompts: Sequence[bytes]
    """Of each sample; the same for the same prompt."""
    prompt_lengths: Sequence[int]
    lengths: Sequence[int]
    budget: int
    hidden_size: int
    layout: Layout
    columns: int

    @classmethod
    def on(cls, batch: Batch, budget: int, hidden_size: int, layout: Layout, columns: int) -> _Work:
        """A batch's."""
        prompt_lengths = [len(sample.prompt_ids) for sample in batch.samples]
        lengths = [
            prompt + len(sample.response_ids) for prompt, sample in zip(prompt_lengths, batch.samples, strict=True)
        ]
        prompts = [sample.prompt_ids.tobytes() for sample in batch.samples]
        return cls(prompts, prompt_lengths, lengths, budget, hidden_size, layout, columns)

    def rows(self, samples: Iterable[int]) -> list[Row]:
        """What lies in a row together, by falling width. Not for packed ones, which `pack` makes.

        By first fit: of two rows of one prompt, the later one's samples did not fit the earlier, so that no micro-batch
        has room for both, and what is split here stays so there.
        """
        if self.layout == "shared":
            rows = [part for row in by_prompt(self.prompts, samples) for part in self._within_budget(row)]
        else:
            rows = [(i,) for i in samples]
        return sorted(rows, key=lambda row: (-self.width(row), row))

    def _within_budget(self, row: Row) -> list[Row]:
        responses = {i: self.lengths[i] - self.prompt_lengths[i] for i in row}
        return first_fit(row, responses, self.budget - self.prompt_lengths[row[0]] + 1)

    def width(self, row: Row) -> int:
        """Tokens of a row."""
        whole = sum(self.lengths[i] for i in row)
        # Where prompts are shared, the last token of a row's last response is left out: nothing follows it.
        return whole - (len(row) - 1) * self.prompt_lengths[row[0]] - 1 if self.layout == "shared" else whole

    def spared(self, micro: MicroBatch) -> int:
        """Prompt tokens that are not computed, because another sample's are."""
        rows = self.rows(micro) if self.layout == "shared" else []
        return sum((len(row) - 1) * self.prompt_lengths[row[0]] for row in rows)

    def tokens(self, micro: MicroBatch) -> int:
        """Without padding."""
        if self.layout == "packed":
            return sum(self.lengths[i] for i in micro)
        return sum(self.width(row) for row in self.rows(micro))

    def padded(self, micro: MicroBatch) -> int:
        """Tokens computed."""
        if self.layout == "packed":
            rows, width = 1, self.tokens(micro)
        else:
            own = [self.width(row) for row in self.rows(micro)]
            rows, width = len(own), max(own, default=0)
        return rows * math.ceil(width / self.columns) * self.columns

    def row_cost(self, row: Row) -> float:
        """Work of a row on its own."""
        return (sample_cost if len(row) == 1 else shared_cost)(self.width(row), self.hidden_size)

    def cost(self, micro: MicroBatch) -> float:
        """A micro-batch's work, padding and launch included."""
        if not micro:
            return 0.0
        if self.layout == "packed":
            own = sum(sample_cost(self.lengths[i], self.hidden_size) for i in micro)
        else:
            rows = self.rows(micro)
            of_width = sample_cost if len(rows) == len(micro) else shared_cost  # one mask for all rows, or none
            own = len(rows) * of_width(self.width(rows[0]), self.hidden_size)
        return own + WORTH_A_MICRO_BATCH * self.budget

    def of(self, micros: Sequence[MicroBatch]) -> float:
        """A rank's work."""
        return sum(self.cost(micro) for micro in micros)


def _heaviest(way: tuple[Dealt, _Work]) -> float:
    """Work of the rank that has most of it."""
    dealt, work = way
    return max(work.of(rank) for rank in dealt)


def _ranks(part: Sequence[int], work: _Work, ranks: int) -> Dealt:
    """Micro-batches of each rank: of the ways to deal padded ones, the one whose heaviest rank has least work.

    Micro-batches that are cut first and dealt whole have little padding, but there must be enough of them to balance;
    rows or samples that are dealt first balance better, but each rank's are fewer to cut micro-batches of, and samples
    of one prompt may come apart.
    """
    if work.layout == "packed":
        lengths = [work.lengths[i] for i in part]
        packed = pack(lengths, [sample_cost(length, work.hidden_size) for length in lengths], work.budget, ranks)
        return tuple(tuple(tuple(part[k] for k in row) for row in own) for own in packed)
    rows = work.rows(part)
    micros = _cut(rows, work)
    ways = [[[micros[k] for k in hand] for hand in karmarkar_karp([work.cost(m) for m in micros], ranks)]]
    alone: list[Row] = [(i,) for row in rows for i in row]
    for items in ([rows] if rows == alone else [rows, alone]) if ranks > 1 else []:
        hands = karmarkar_karp([work.row_cost(row) for row in items], ranks)
        ways.append([_cut(work.rows(i for k in hand for i in items[k]), work) for hand in hands])
    chosen = min(ways, key=lambda way: max(work.of(rank) for rank in way))
    most = max(len(rank) for rank in chosen)
    return tuple(tuple(rank + [()] * (most - len(rank))) for rank in chosen)


def _cut(rows: Sequence[Row], work: _Work) -> list[MicroBatch]:
    """Micro-batches of rows sorted by falling width: the first of each sets its padded width.

    The cuts are those of the least total cost (dynamic programming over their positions): padded tokens, plus
    what one more micro-batch must save to be worth its launch.
    """
    best = [0.0] + [float("inf")] * len(rows)
    begin = [0] * (len(rows) + 1)
    for first in range(len(rows)):
        width = work.width(rows[first])
        for end in range(first + 1, len(rows) + 1):
            padded = (end - first) * width
            if padded > work.budget and end - first > 1:
                break
            cost = best[first] + padded + WORTH_A_MICRO_BATCH * work.budget
            if cost < best[end]:
                best[end], begin[end] = cost, first
    micros: list[MicroBatch] = []
    end = len(rows)
    while end > 0:
        micros.append(tuple(i for row in rows[begin[end] : end] for i in row))
        end = begin[end]
    return micros[::-1]
