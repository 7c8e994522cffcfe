"""The stream: groups are generated while the learner learns, and a batch is taken when enough of them are ready.

- A prompt is *admitted* only when its group is sure to be learnt from within `max_staleness` weight versions: at most
  max_staleness + 1 batches are admitted and not taken yet, max_staleness while the learner works. So nothing that is
  finished is ever too old to be used, and nothing is thrown away for its age.
- Groups finish in any order, and a batch takes the oldest that are ready. The learner waits for an unfinished one only
  when it could not be used in time otherwise.
- Dynamic sampling works inside: a group without signal is replaced at once.
- Unfinished samples go on under new weights (`partial_rollout: continue`), or new weights wait for them (`off`).

With `max_staleness` 0 nothing is admitted while the learner works: that is the synchronous loop.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, replace

from rl.algorithms.base import DynamicSampling
from rl.collect import Collected, Collector
from rl.data.stream import PromptStream
from rl.groups import ScoredGroup
from rollout.types import Prompt


@dataclass(frozen=True)
class Ticket:
    """An admitted prompt."""

    number: int
    """In order of admission, over the whole run; names its samples, and so decides their seeds."""
    prompt: Prompt
    version: int
    """Weight version when it was admitted: no token of its samples is older."""


@dataclass(frozen=True)
class StreamState:
    """What a checkpoint keeps of the stream. Unfinished groups are generated again, under the same names and seeds."""

    admitted: int = 0
    """Prompts so far."""
    ready: tuple[tuple[Ticket, ScoredGroup], ...] = ()
    """Finished groups that wait, in order of admission."""
    unfinished: tuple[Ticket, ...] = ()
    generated: tuple[ScoredGroup, ...] = ()
    """All that finished since the last batch was taken, groups without signal included."""


class GroupStream:
    """Keeps groups coming. All methods belong to one event loop; `close` ends what is unfinished."""

    def __init__(
        self,
        collector: Collector,
        prompts: PromptStream,
        *,
        groups_per_batch: int,
        group_size: int,
        filtering: DynamicSampling,
        max_staleness: int,
        version: int,
        state: StreamState,
    ) -> None:
        """Nothing is generated before the first `take`.

        Args:
            groups_per_batch: groups of one batch.
            filtering: dynamic sampling; `max_rounds` limits the groups generated for one batch to that many times
                `groups_per_batch`.
            max_staleness: weight versions between a sample's oldest token and the learner, at most.
            version: of the weights that the fleet has.
            state: where to go on.
        """
        self._collector, self._prompts = collector, prompts
        self._size, self._group_size = groups_per_batch, group_size
        self._filtering, self._staleness = filtering, max_staleness
        self._version = version
        self._admitted = state.admitted
        self._ready: dict[int, tuple[Ticket, ScoredGroup]] = {ticket.number: (ticket, g) for ticket, g in state.ready}
        self._again = list(state.unfinished)
        self._running: dict[int, tuple[Ticket, asyncio.Task[None]]] = {}
        self._generated = list(state.generated)
        self._learning = False
        """Between `take` and `advance`."""
        self._draining = False
        self._news = asyncio.Event()
        self._failure: BaseException | None = None

    async def take(self) -> Collected:
        """The next batch, as soon as it is ready; generation goes on for later ones.

        Raises:
            RolloutError, RewardFailed: what ended a group; the stream cannot be used afterwards.
        """
        self._admit()
        self._raise_failure()
        while not self._complete():
            self._news.clear()
            await self._news.wait()
            self._raise_failure()
        chosen = [self._ready.pop(number) for number in self._oldest()]
        self._learning = True
        generated, self._generated = self._generated, []
        return Collected(
            groups=[group for _, group in chosen],
            generated=generated,
            surplus=(),
            rounds=max(1, math.ceil(len(generated) / self._size)),
            full=len(chosen) == self._size,
        )

    def advance(self, version: int) -> None:
        """The learner is done with the batch, and the fleet has its weights: admit what may follow."""
        self._version, self._learning, self._draining = version, False, False
        self._admit()

    async def drain(self) -> None:
        """Wait until nothing is unfinished, and admit nothing until `advance`."""
        self._draining = True
        while self._running:
            await asyncio.wait([task for _, task in self._running.values()])
            self._raise_failure()

    def state(self) -> StreamState:
        """Where the stream stands now, for a checkpoint."""
        return StreamState(
            self._admitted,
            tuple(self._ready[number] for number in sorted(self._ready)),
            (*self._again, *(self._running[number][0] for number in sorted(self._running))),
            tuple(self._generated),
        )

    async def close(self) -> None:
        """End what is unfinished."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _room(self) -> int:
        """Groups that may be admitted now."""
        if self._draining:
            return 0
        batches = self._staleness if self._learning else self._staleness + 1
        room = batches * self._size - len(self._ready) - len(self._running)
        if self._filtering.enabled:
            most = self._filtering.max_rounds * self._size
            room = min(room, most - len(self._generated) - len(self._running))
        return max(room, 0)

    def _admit(self) -> None:
        for ticket in self._again:  # after a restart: they were admitted before
            self._start(replace(ticket, version=self._version))
        self._again = []
        for prompt in self._prompts.take(self._room()):
            self._start(Ticket(self._admitted, prompt, self._version))
            self._admitted += 1

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _start(self, ticket: Ticket) -> None:
        self._running[ticket.number] = (ticket, asyncio.create_task(self._make(ticket)))

    async def _make(self, ticket: Ticket) -> None:
        """Generate and score one group."""
        try:
            (group,) = await self._collector.score_prompts(
                [ticket.prompt], label=f"stream{ticket.number}", group_size=self._group_size
            )
        except Exception as error:
            self._failure = error
            self._news.set()
            return
        finally:
            del self._running[ticket.number]
        self._generated.append(group)
        if group.informative or not self._filtering.enabled:
            self._ready[ticket.number] = (ticket, group)
        self._admit()
        self._news.set()

    def _oldest(self) -> list[int]:
        """The finished groups that the next batch would take."""
        ready = sorted(self._ready.values(), key=lambda held: (held[0].version, held[0].number))
        return [ticket.number for ticket, _ in ready[: self._size]]

    def _complete(self) -> bool:
        """Whether a batch can be taken: there are enough groups, and those that are left can all be used in time.

        A group that was admitted at version v is used by version v + max_staleness. So after this batch at most
        d batches may be left of groups that have d versions to go; in particular none at its limit.
        """
        chosen = set(self._oldest())
        if len(chosen) < self._size:
            return not self._running  # nothing more comes: the limit of generation is reached
        held = [ticket for ticket, _ in (*self._ready.values(), *self._running.values()) if ticket.number not in chosen]
        togo = sorted(ticket.version + self._staleness - self._version for ticket in held)
        return all(place < max(left, 0) * self._size for place, left in enumerate(togo))
