"""A modelled rollout fleet: the real scheduler in front of modelled workers."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from rl.simulation.engine import ModelledWorker, Order, Response, Usage
from rl.simulation.figures import EngineFigures
from rollout.scheduling import Capacity, ExpectedLengths, Scheduler, Work
from rollout.types import Prompt


@dataclass(slots=True, eq=False)
class _Group:
    """The responses to one prompt."""

    prompt_id: str
    left: int
    done: asyncio.Future[None]


class ModelledFleet:
    """Answers prompts with responses of given lengths."""

    def __init__(
        self, workers: int, figures: EngineFigures, *, most: int, recompute: bool, restart: bool = False
    ) -> None:
        """
        Args:
            workers: all there from the beginning.
            most: tokens of the longest response.
            recompute: new weights make the KV cache of what runs be computed anew.
            restart: new weights make what runs begin anew.
        """
        self._scheduler, self._lengths = Scheduler(), ExpectedLengths(most)
        self._workers = [ModelledWorker(figures, self._take) for _ in range(workers)]
        for number in range(workers):
            self._scheduler.join(number, Capacity(figures.slots, figures.kv_tokens))
        self._recompute, self._restart = recompute, restart
        self._tickets = itertools.count()
        self._responses: dict[int, tuple[Response, _Group]] = {}
        self._starting = False
        self.version = 0

    async def generate(self, prompt: Prompt, lengths: Sequence[int], *, due: int) -> list[Response]:
        """Responses of these lengths to one prompt, when all are finished.

        Args:
            due: weight version by which they are wanted.
        """
        loop = asyncio.get_running_loop()
        group = _Group(prompt.prompt_id, len(lengths), loop.create_future())
        order = Order(len(prompt.token_ids))  # the scheduler's parts of it get their own when they start
        responses = [Response(next(self._tickets), order, tokens) for tokens in lengths]
        for response in responses:
            self._responses[response.ticket] = (response, group)
        tickets = tuple(response.ticket for response in responses)
        self._scheduler.add(Work(tickets, len(prompt.token_ids), self._lengths.of(prompt.prompt_id), due))
        self._start_soon()
        await group.done
        return responses

    async def publish(self, version: int, *, publish: float, pause: float) -> None:
        """New weights: `publish` seconds until all have them, in the last `pause` of which workers stand still."""
        await asyncio.sleep(publish - pause)
        self.rest()
        await asyncio.sleep(pause)
        for worker in self._workers:
            worker.resume(version, recompute=self._recompute, restart=self._restart)
        self.version = version

    def rest(self) -> None:
        """Stand still until new weights are published."""
        for worker in self._workers:
            worker.pause()

    def slow_down(self, factor: float) -> None:
        """All workers decode at 1 / factor of their speed."""
        for worker in self._workers:
            worker.slow_down(factor)

    @property
    def busy(self) -> bool:
        """Whether samples are under way."""
        return bool(self._responses)

    def usage(self) -> Usage:
        """What all workers did until now, added up."""
        total = Usage()
        for worker in self._workers:
            used = worker.account()
            total.decoding += used.decoding
            total.stalled += used.stalled
            total.samples += used.samples
            total.tokens += used.tokens
            total.evicted += used.evicted
        return total

    def _start_soon(self) -> None:
        """Start what waits once all that happens at this moment has happened."""
        if not self._starting:
            self._starting = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._starting = False
        parts: dict[int, list[Response]] = {}
        for number, work in self._scheduler.start():
            order = Order(work.prompt_tokens)
            for ticket in work.tickets:
                response = self._responses[ticket][0]
                response.order = order
                parts.setdefault(number, []).append(response)
        for number, responses in parts.items():
            self._workers[number].submit(responses)

    def _take(self, ended: list[Response]) -> None:
        """What a worker finished."""
        for response in ended:
            _, group = self._responses.pop(response.ticket)
            self._scheduler.finished(response.ticket)
            self._lengths.note(group.prompt_id, response.tokens)
            group.left -= 1
            if group.left == 0 and not group.done.cancelled():
                group.done.set_result(None)
        if self._scheduler.waiting:
            self._start_soon()
