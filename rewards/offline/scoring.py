"""Scores a file: rows in blocks through the reward runner, results in the order of the data.

Blocks overlap, so that no worker waits for the last call of a block. A block never splits a group where a reward looks
at groups.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain

from rewards.errors import DataFileError
from rewards.offline.row import ScoredRow
from rewards.offline.samples import DataRow
from rewards.runner import RewardRunner
from rewards.types import Combined

BLOCK = 128
"""Rows scored at a time. An interrupt loses at most `AHEAD` blocks of work."""
AHEAD = 4
"""Blocks under way at a time."""

Scored = tuple[DataRow, ScoredRow]


def looks_at_groups(*runners: RewardRunner | None) -> bool:
    """Whether a reward of one of them scores the samples of a group together."""
    return any(reward.needs_group for one in runners if one is not None for reward in one.rewards)


def score_rows(
    rows: Iterable[DataRow],
    runner: RewardRunner,
    against: RewardRunner | None = None,
    *,
    closed: Collection[str] = (),
) -> Generator[Scored, None, None]:
    """Score rows in order, by one reward file or two.

    What was read before a malformed row is scored before it raises; where a reward looks at groups, without the group
    that was being read: the malformed row may be of it, and the others would be scored as if it were not.

    Args:
        closed: keys of the groups that came before these rows; none of them may come again.

    Raises:
        DataFileError: a row is malformed; or a reward looks at groups, and the rows of a group are not together.
        RewardFailed: a call failed under `on_error: fail`.
    """
    runners = [runner] if against is None else [runner, against]
    by_group = looks_at_groups(*runners)
    ahead: deque[tuple[Sequence[DataRow], list[Future[list[Combined]]]]] = deque()
    broken: list[DataFileError] = []
    blocks = _blocks(_until_broken(rows, broken), broken, set(closed), by_group=by_group)
    threads = ThreadPoolExecutor(AHEAD * len(runners), thread_name_prefix="score")
    try:
        for block in chain(blocks, [None]):
            if block is not None:
                samples = [row.sample for row in block]
                ahead.append((block, [threads.submit(one.score, samples) for one in runners]))
            while ahead and (block is None or len(ahead) >= AHEAD):
                done, futures = ahead.popleft()
                found = [future.result() for future in futures]
                for place, row in enumerate(done):
                    other = found[1][place] if against is not None else None
                    yield row, ScoredRow(row.number, row.sample, found[0][place], row.label, other)
    finally:  # no waiting: after an interrupt it is the runner's end that ends what is under way
        threads.shutdown(wait=False, cancel_futures=True)
    if broken:
        raise broken[0]


def _until_broken(rows: Iterable[DataRow], broken: list[DataFileError]) -> Iterator[DataRow]:
    try:
        yield from rows
    except DataFileError as error:
        broken.append(error)


def _blocks(
    rows: Iterable[DataRow], broken: list[DataFileError], closed: set[str], *, by_group: bool
) -> Iterator[list[DataRow]]:
    """Rows in blocks. With `by_group` no group is split, and one whose rows are not together breaks the reading."""
    block: list[DataRow] = []
    for row in rows:
        key = row.sample.group_key
        together = by_group and bool(block) and key is not None and key == block[-1].sample.group_key
        if by_group and not together and key is not None:
            if key in closed:
                broken.append(
                    DataFileError(
                        f"row {row.number}: the samples of its group are not together in the data, but a reward looks "
                        "at groups. Sort the data by group (column `group`, or the prompt)."
                    )
                )
                break
            closed.add(key)
        if len(block) >= BLOCK and not together:
            yield block
            block = []
        block.append(row)
    if by_group and broken and block and (key := block[-1].sample.group_key) is not None:
        block = [row for row in block if row.sample.group_key != key]
    if block:
        yield block
