"""Where the loop's batches come from: made when they are asked for (`Synchronous`), or streamed (`GroupStream`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rl.algorithms.base import DynamicSampling
from rl.collect import Collected, Collector
from rl.config import RunConfig
from rl.data.stream import PromptStream
from rl.groups import ScoredGroup
from rl.stream import GroupStream, StreamState


@dataclass(frozen=True)
class Surplus:
    """What a checkpoint keeps of a synchronous source."""

    groups: tuple[ScoredGroup, ...] = ()
    """Left over by dynamic sampling; they come first in the next batch."""


SourceState = Surplus | StreamState


class BatchSource(Protocol):
    """Batches of scored groups, one after the other: `take`, then `advance` when the learner is done with it."""

    async def take(self) -> Collected:
        """The next batch. Cancelling it loses nothing."""
        ...

    async def drain(self) -> None:
        """Wait until no sample is unfinished."""
        ...

    def advance(self, version: int) -> None:
        """The learner is done with the batch, and the fleet samples from its weights, of this version."""
        ...

    def state(self) -> SourceState:
        """Where the source stands, for a checkpoint: after `take`, without the batch that was taken."""
        ...

    async def close(self) -> None:
        """End what is unfinished."""
        ...


class Synchronous:
    """Batches made when they are asked for, all by the newest weights (but for what dynamic sampling left over)."""

    def __init__(
        self,
        collector: Collector,
        prompts: PromptStream,
        *,
        groups_per_batch: int,
        group_size: int,
        filtering: DynamicSampling,
        steps: int,
        state: Surplus,
    ) -> None:
        """Start, or go on after `steps` batches with what they left over."""
        self._collector, self._prompts = collector, prompts
        self._size, self._group_size, self._filtering = groups_per_batch, group_size, filtering
        self._steps, self._surplus = steps, state.groups

    async def take(self) -> Collected:
        """The next batch; its samples are named after its number."""
        place = self._prompts.state()
        try:
            collected = await self._collector.collect(
                self._prompts,
                label=str(self._steps + 1),
                prompts=self._size,
                group_size=self._group_size,
                filtering=self._filtering,
                waiting=self._surplus,
            )
        except BaseException:
            self._prompts.restore(place)
            raise
        self._steps += 1
        self._surplus = collected.surplus
        return collected

    async def drain(self) -> None:
        """Nothing is ever unfinished here."""

    def advance(self, version: int) -> None:
        """Nothing to begin before the next `take`."""

    def state(self) -> Surplus:
        """The groups left over."""
        return Surplus(self._surplus)

    async def close(self) -> None:
        """Nothing to end."""


def batch_source(
    config: RunConfig,
    collector: Collector,
    prompts: PromptStream,
    *,
    steps: int,
    version: int,
    state: SourceState | None,
) -> BatchSource:
    """The source that `streaming` asks for.

    Args:
        steps: batches that were learnt from.
        version: of the fleet's weights.
        state: of the run's last checkpoint; None at its start. A run that was synchronous and is streamed now (or the
            other way round) begins with an empty source.
    """
    filtering = config.algorithm.dynamic_sampling
    sizes = {"groups_per_batch": config.prompts_per_step, "group_size": config.group_size}
    if config.streaming.max_staleness == 0:
        left_over = state if isinstance(state, Surplus) else Surplus()
        return Synchronous(collector, prompts, **sizes, filtering=filtering, steps=steps, state=left_over)
    return GroupStream(
        collector,
        prompts,
        **sizes,
        filtering=filtering,
        max_staleness=config.streaming.max_staleness,
        completion_ratio=config.streaming.completion_ratio,
        version=version,
        state=state if isinstance(state, StreamState) else StreamState(),
    )
