"""Number partitioning: items dealt over bins so that the heaviest bin is as light as it gets in little time."""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def karmarkar_karp(costs: Sequence[float], bins: int) -> list[list[int]]:
    """The largest differencing method for any number of bins (Karmarkar and Karp, UC Berkeley CSD-83-113, 1983).

    Every item starts as a partial solution of its own: it in one bin, nothing in the others. The two partial
    solutions whose bins differ most are combined, the heaviest bin of one with the lightest of the other, until one
    solution is left.

    Args:
        costs: of the items, not negative.
        bins: at least 1.

    Returns:
        Item indices of each bin, ascending; every item in exactly one. Deterministic in the arguments.
    """
    if not costs:
        return [[] for _ in range(bins)]
    # A heap entry: minus the spread of the bins, a number that breaks ties, bins as (cost, items) by falling cost.
    heap: list[tuple[float, int, list[tuple[float, list[int]]]]] = [
        (-cost, item, [(cost, [item])] + [(0.0, []) for _ in range(bins - 1)]) for item, cost in enumerate(costs)
    ]
    heapq.heapify(heap)
    tie = len(heap)
    while len(heap) > 1:
        _, _, one = heapq.heappop(heap)
        _, _, other = heapq.heappop(heap)
        joined = [
            (mine + theirs, items + others)
            for (mine, items), (theirs, others) in zip(one, reversed(other), strict=True)
        ]
        joined.sort(key=lambda bin_: -bin_[0])
        heapq.heappush(heap, (joined[-1][0] - joined[0][0], tie, joined))
        tie += 1
    return [sorted(items) for _, items in heap[0][2]]
