"""Packed micro-batches: samples put into rows under the token budget, which is bin packing.

Rows have no padding, so that it costs nothing to put samples of different lengths together. What is left to choose is
few rows (each is a launch) and, for ranks that wait for each other, rows of even work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rl.learner.partition import karmarkar_karp

Row = tuple[int, ...]
"""Indices of samples."""


def pack(lengths: Sequence[int], costs: Sequence[float], budget: int, ranks: int) -> list[list[Row]]:
    """Rows of each rank.

    Samples are dealt over the ranks by Karmarkar-Karp on their cost. The rank that needs most rows by first fit
    (longest first, Johnson 1973: at most 11/9 of the fewest possible, plus 1) says how many all ranks have. Into that
    many, each rank's samples are dealt by cost once more, which makes rows of even work; where one of them would
    break the budget, the first fit stays.

    Args:
        lengths: of the samples, in tokens.
        costs: of the samples, estimated work.
        budget: most tokens in a row; a longer sample gets a row of its own.
        ranks: at least 1.

    Returns:
        [rank][position], by falling cost; the same number of rows on every rank, the last ones may be empty.
    """
    hands = karmarkar_karp(costs, ranks)
    fitted = [first_fit(hand, lengths, budget) for hand in hands]
    count = max(len(rows) for rows in fitted)
    even = [
        [tuple(hand[k] for k in bin_) for bin_ in karmarkar_karp([costs[i] for i in hand], count)] for hand in hands
    ]
    fits = all(len(row) <= 1 or sum(lengths[i] for i in row) <= budget for rows in even for row in rows)
    chosen = even if fits else [rows + [()] * (count - len(rows)) for rows in fitted]
    return [sorted(rows, key=lambda row: -sum(costs[i] for i in row)) for rows in chosen]


def first_fit(hand: Sequence[int], lengths: Sequence[int] | Mapping[int, int], budget: int) -> list[Row]:
    """Every sample, the longest first, goes into the first row that has room for it."""
    rows: list[list[int]] = []
    room: list[int] = []
    for i in sorted(hand, key=lambda i: (-lengths[i], i)):
        place = next((k for k, left in enumerate(room) if lengths[i] <= left), None)
        if place is None:
            rows.append([i])
            room.append(budget - lengths[i])
        else:
            rows[place].append(i)
            room[place] -= lengths[i]
    return [tuple(row) for row in rows]
