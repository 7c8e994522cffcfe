"""How evenly samples are dealt over ranks and micro-batches, beside a snake over the sorted lengths.

    python -m tests.benchmarks.bench_batching

The yardstick sorts by length, deals over the ranks in a snake and cuts each rank's micro-batches as we do. `heaviest`
is the estimated work of the heaviest rank, padding included, over a rank's fair share of the work without padding: what
an optimizer step takes at best with ZeRO 0 to 2. `lockstep` adds up the heaviest micro-batch of each position, over the
same: with ZeRO-3 ranks wait for each other at every layer. Means over ten draws. Estimates, not measured steps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rl.batch import Batch, TrainSample
from rl.learner.batching import _cut, _Work, sample_cost, schedule
from rl.learner.micro import MicroBatch

Lengths = Callable[[np.random.Generator, int], NDArray[np.integer]]

DISTRIBUTIONS: dict[str, tuple[Lengths, int, int]] = {
    "uniform 30-90, h 128": (lambda rng, n: rng.integers(30, 91, n), 4096, 128),
    "lognormal to 8k, h 3584": (
        lambda rng, n: np.minimum(rng.lognormal(7.3, 0.8, n).astype(int) + 200, 8192),
        20_480,
        3584,
    ),
    "lognormal to 16k, h 3584": (
        lambda rng, n: np.minimum(rng.lognormal(8, 1.2, n).astype(int) + 200, 16_384),
        20_480,
        3584,
    ),
    "a tenth 12-16k, h 5120": (
        lambda rng, n: np.where(rng.random(n) < 0.1, rng.integers(12_000, 16_385, n), rng.integers(200, 1500, n)),
        18_432,
        5120,
    ),
}
"""Lengths, token budget of a micro-batch, hidden size."""


def snake(work: _Work, ranks: int) -> list[list[MicroBatch]]:
    """Sorted by length, dealt there and back, cut by rank."""
    hands: list[list[int]] = [[] for _ in range(ranks)]
    for position, index in enumerate(sorted(range(len(work.lengths)), key=lambda i: (-work.lengths[i], i))):
        lap, place = divmod(position, ranks)
        hands[place if lap % 2 == 0 else ranks - 1 - place].append(index)
    return [_cut(hand, work) for hand in hands]


def figures(work: _Work, ranks: Sequence[Sequence[MicroBatch]]) -> tuple[float, float, float]:
    """Share of padding, heaviest, lockstep."""

    def cost(micro: MicroBatch) -> float:
        return len(micro) * max((work.costs[i] for i in micro), default=0.0)

    fair = sum(work.costs) / len(ranks)
    padding = 1 - sum(work.lengths) / sum(work.padded(micro) for rank in ranks for micro in rank)
    heaviest = max(sum(cost(micro) for micro in rank) for rank in ranks)
    most = max(len(rank) for rank in ranks)
    lockstep = sum(max(cost(rank[k]) if k < len(rank) else 0.0 for rank in ranks) for k in range(most))
    return padding, heaviest / fair, lockstep / fair


def batch_of(lengths: Sequence[int]) -> Batch:
    """Samples of the given lengths; what is in them does not matter here."""
    empty, zeros = np.zeros(0, np.int32), np.zeros(max(lengths), np.int32)
    floats, mask = zeros.astype(np.float32), zeros == 0
    return Batch([TrainSample(empty, zeros[:n], floats[:n], zeros[:n], mask[:n], 0.0, False, 0) for n in lengths])


def main() -> None:
    print("lengths                   ranks samples            padding  heaviest  lockstep     ms")
    for name, (draw, budget, hidden) in DISTRIBUTIONS.items():
        for ranks, samples in ((2, 64), (8, 512), (32, 512)):
            rng = np.random.default_rng(0)
            found: dict[str, list[tuple[float, ...]]] = {"snake": [], "ours": []}
            for _ in range(10):
                lengths = draw(rng, samples).tolist()
                work = _Work(lengths, [sample_cost(n, hidden) for n in lengths], budget)
                batch = batch_of(lengths)
                began = time.perf_counter()
                plain = snake(work, ranks)
                between = time.perf_counter()
                ours = schedule(batch, steps=1, ranks=ranks, tokens_per_micro_batch=budget, hidden_size=hidden, seed=0)
                ended = time.perf_counter()
                found["snake"].append((*figures(work, plain), (between - began) * 1e3))
                found["ours"].append((*figures(work, ours.steps[0].ranks), (ended - between) * 1e3))
            for way, rows in found.items():
                padding, heaviest, lockstep, milliseconds = np.mean(rows, axis=0)
                print(
                    f"{name:<25} {ranks:>5} {samples:>7}  {way:<7} {padding:>9.1%} {heaviest:>9.3f} {lockstep:>9.3f} "
                    f"{milliseconds:>6.1f}"
                )


if __name__ == "__main__":
    main()
