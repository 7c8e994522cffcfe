"""A learner that outlives its ranks.

When a rank dies, all are started again, load what was saved last, and repeat the updates since then: each is kept, with
the estimates and targets that it was made with. Learning is deterministic, so the weights are those that were lost, bit
for bit, and neither the samples nor the steps between are.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rl.batch import Batch, Estimates, Metrics, Targets
from rl.learner.group import LearnerGroup, RankDied
from rl.learner.messages import Update
from rollout.weights import WeightManifest, WeightPublisher

MOST_LOSSES = 5
"""Times in a row that a rank may die before a call is through: starting again does not help."""


class LastingLearners:
    """The learner group of a run. Make one with `start`; methods as those of `LearnerGroup`."""

    def __init__(
        self, begin: Callable[[], LearnerGroup], group: LearnerGroup, notify: Callable[[str], None], *, mends: bool
    ) -> None:
        """See `start`."""
        self._begin, self._group, self._notify, self._mends = begin, group, notify, mends
        self._saved: Path | None = None
        """What a new group begins with; None: the model that the run began with."""
        self._updates: list[Update] = []
        """Since then. Their data lies in Ray's object store, which moves it to disk when it is full."""
        self._call: tuple[str, float] | None = None
        self.losses = 0
        """Times that the group was started again."""

    @classmethod
    async def start(
        cls, begin: Callable[[], LearnerGroup], notify: Callable[[str], None], *, mends: bool = True
    ) -> LastingLearners:
        """Start the group.

        Args:
            begin: starts a group (blocking); called again whenever a rank has died.
            notify: takes a line about it.
            mends: False where a new group could not reach the rollout workers: a death ends the run then.

        Raises:
            LearnerError: a rank did not come up.
        """
        for _ in range(MOST_LOSSES - 1):
            try:
                return cls(begin, await asyncio.to_thread(begin), notify, mends=mends)
            except RankDied as error:
                notify(f"{error}\nAll ranks are being started again.")
        return cls(begin, await asyncio.to_thread(begin), notify, mends=mends)

    async def estimate(self, batch: Batch) -> Estimates:
        """See `LearnerGroup.estimate`."""
        estimates: Estimates = await self._through("estimate", batch)
        return estimates

    async def update(
        self, batch: Batch, estimates: Estimates, targets: Targets, *, train_policy: bool = True
    ) -> Metrics:
        """See `LearnerGroup.update`."""
        update = Update.put(batch, estimates, targets, train_policy=train_policy)
        metrics: Metrics = await self._through("learn", update)
        self._updates.append(update)
        return metrics

    async def write_weights(self, weights: WeightPublisher, version: int) -> WeightManifest:
        """See `LearnerGroup.write_weights`."""
        manifest: WeightManifest = await self._through("write_weights", weights, version)
        return manifest

    async def save(self, folder: Path) -> None:
        """See `LearnerGroup.save`; say `keep` when the folder is where it will stay."""
        await self._through("save", folder)

    def keep(self, folder: Path) -> None:
        """What was saved last lies here now: no update before it is needed any more."""
        self._saved = folder
        self._updates.clear()

    async def load(self, folder: Path, *, note: Callable[[str], None]) -> None:
        """See `LearnerGroup.load`."""
        await self._through("load", folder, note=note)
        self.keep(folder)

    async def export(self, folder: Path) -> None:
        """See `LearnerGroup.export`."""
        await self._through("export", folder)

    async def export_critic(self, folder: Path) -> None:
        """See `LearnerGroup.export_critic`."""
        await self._through("export_critic", folder)

    async def shutdown(self) -> None:
        """End all ranks."""
        await self._group.shutdown()

    def stalls(self, seconds: float) -> list[str]:
        """For people: the call that takes longer than this."""
        if self._call is None or (age := time.monotonic() - self._call[1]) < seconds:
            return []
        return [f"the learner has been at `{self._call[0]}` for {age:.0f} s (logs: {self._group.logs})"]

    async def _through(self, method: str, *arguments: Any, **named: Any) -> Any:
        """The result of a method, whatever ranks die on the way."""
        lost: RankDied | None = None
        for _ in range(MOST_LOSSES):
            self._call = (method, time.monotonic())
            try:
                if lost is not None:
                    await self._again(lost)
                return await getattr(self._group, method)(*arguments, **named)
            except RankDied as error:
                if not self._mends:
                    raise
                lost = error
            finally:
                self._call = None
        assert lost is not None
        raise lost

    async def _again(self, lost: RankDied) -> None:
        """A new group where the old one stood."""
        self.losses += 1
        start = "the model it began with" if self._saved is None else str(self._saved)
        count = len(self._updates)
        self._notify(
            f"{lost}\nAll ranks are being started again from {start}"
            + (f"; they repeat {count} update{'s' * (count > 1)}." if count else ".")
        )
        self._group = await asyncio.to_thread(self._begin)
        if self._saved is not None:
            await self._group.load(self._saved, note=self._notify)
        for update in self._updates:
            await self._group.learn(update)
