"""A modelled rollout worker: continuous batching, a KV cache that fills up, prompts computed once, pauses for weights.

Nothing happens token by token. While the same samples run, all of them are at the same number of decode steps since
the worker began, and the next event (a sample ends, or the KV cache is full) is computed in closed form.

As in vLLM: samples are admitted in order while there are slots and KV cache; when the cache is full, the sample that
was admitted last is put back and computed again later; computing prompts and caches makes decoding wait.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from rl.simulation.figures import EngineFigures

_FREE = 0.01
"""Share of the KV cache that admission leaves free (vLLM's watermark)."""
_NEAR = 1e-6
"""Decode steps that are taken for none: rounding of the clock."""


@dataclass(slots=True, eq=False)
class Order:
    """Samples of one prompt on one worker: they share the prompt's KV cache."""

    prompt_tokens: int
    running: int = 0


@dataclass(slots=True, eq=False)
class Response:
    """One sample under way."""

    ticket: int
    order: Order
    tokens: int
    """Of the whole response."""
    done: float = 0.0
    """Tokens of it when it last stopped."""
    ends: float = 0.0
    """Decode step of its worker at which it is finished; while it runs."""
    version: int = -1
    """Weight version of its first token; -1 before that."""


@dataclass(slots=True)
class Usage:
    """What a worker did, in seconds."""

    decoding: float = 0.0
    stalled: float = 0.0
    """It had samples, and computed prompts and caches or waited for weights."""
    samples: float = 0.0
    """Seconds of decoding, for each sample that runs."""
    tokens: float = 0.0
    """Tokens decoded (not seconds)."""
    evicted: int = 0
    """Times that a sample was put back because the KV cache was full."""


class ModelledWorker:
    """One engine. Every method is called at the loop's present time."""

    def __init__(self, figures: EngineFigures, finished: Callable[[list[Response]], None]) -> None:
        self._figures, self._finished = figures, finished
        self._loop = asyncio.get_running_loop()
        self._running: dict[int, Response] = {}
        """In order of admission."""
        self._ends: list[tuple[float, int, Response]] = []
        self._entries = itertools.count()
        self._waiting: deque[Response] = deque()
        self._steps = 0.0
        """Decode steps so far."""
        self._at = self._blocked = self._loop.time()
        """Until when all is accounted for; until when prompts and caches are computed."""
        self._held = self._read = 0.0
        """KV tokens: shared prompts once, and as often as they are read."""
        self._paused = False
        self._slowdown = 1.0
        self._timer: asyncio.TimerHandle | None = None
        self._target = 0.0
        """Decode step of the next event."""
        self.version = 0
        self.usage = Usage()

    def submit(self, responses: list[Response]) -> None:
        """Begin, or go on with, samples."""
        self._settle()
        self._waiting.extend(responses)
        self._admit()
        self._plan()

    def pause(self) -> None:
        """Stand still for new weights."""
        self._settle()
        self._paused = True
        self._plan()

    def resume(self, version: int, *, recompute: bool, restart: bool) -> None:
        """Go on under new weights: `recompute` the KV cache of what runs, or `restart` all that has begun."""
        self._settle()
        self._paused, self.version = False, version
        if restart:
            begun = list(self._running.values())
            for response in begun:
                self._remove(response)
            self._waiting.extendleft(reversed(begun))
            for response in self._waiting:
                response.done, response.version = 0.0, -1
        elif recompute:
            self._block(self._held)
        self._admit()
        self._plan()

    def slow_down(self, factor: float) -> None:
        """Decode at 1 / factor of the speed from now on."""
        self._settle()
        self._slowdown = factor
        self._plan()

    def account(self) -> Usage:
        """What it did until now."""
        self._settle()
        return self.usage

    def _block(self, tokens: float) -> None:
        self._blocked = max(self._blocked, self._loop.time()) + tokens * self._figures.prefill * self._slowdown

    def _settle(self, arrived: bool = False) -> None:
        """Account for the time since the last event; `arrived`: the next one is now, whatever the clock's rounding."""
        now, count = self._loop.time(), len(self._running)
        if count:
            begin = now if self._paused else min(max(self._at, self._blocked), now)
            seconds, usage = now - begin, self.usage
            usage.stalled += begin - self._at
            steps = self._target - self._steps
            if not arrived and steps > 0:
                steps = min(steps, self._figures.steps_in(seconds / self._slowdown, count, self._read))
            if steps > 0:
                tokens = steps * count
                self._steps += steps
                self._held += tokens
                self._read += tokens
                usage.tokens += tokens
            usage.decoding += seconds
            usage.samples += seconds * count
        self._at = now

    def _admit(self) -> None:
        figures = self._figures
        while self._waiting and len(self._running) < figures.slots and not self._paused:
            response = self._waiting[0]
            order = response.order
            wanted = response.done + (0 if order.running else order.prompt_tokens)
            if self._running and self._held + wanted > figures.kv_tokens * (1 - _FREE):
                return
            self._waiting.popleft()
            self._block(wanted)
            self._held += wanted
            self._read += response.done + order.prompt_tokens
            order.running += 1
            response.ends = self._steps + response.tokens - response.done
            if response.version < 0:
                response.version = self.version
            self._running[response.ticket] = response
            heapq.heappush(self._ends, (response.ends, next(self._entries), response))

    def _remove(self, response: Response) -> None:
        del self._running[response.ticket]
        response.done = response.tokens - max(response.ends - self._steps, 0.0)
        order = response.order
        order.running -= 1
        self._held -= response.done + (0 if order.running else order.prompt_tokens)
        self._read -= response.done + order.prompt_tokens
        if not self._running:
            self._held = self._read = 0.0  # no rounding is left

    def _plan(self) -> None:
        """Set the timer for the next event."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._ends and not self._runs(self._ends[0]):
            heapq.heappop(self._ends)
        count = len(self._running)
        self._target = self._ends[0][0] if self._ends else self._steps
        if count == 0 or self._paused:
            return
        if count > 1:
            full = self._steps + max(self._figures.kv_tokens - self._held, 0.0) / count
            self._target = min(self._target, full)
        seconds = self._figures.seconds_of(max(self._target - self._steps, 0.0), count, self._read)
        at = max(self._at, self._blocked) + seconds * self._slowdown
        self._timer = self._loop.call_at(at, self._event)

    def _runs(self, entry: tuple[float, int, Response]) -> bool:
        ends, _, response = entry
        return self._running.get(response.ticket) is response and response.ends == ends

    def _event(self) -> None:
        self._timer = None
        self._settle(arrived=True)
        ended: list[Response] = []
        while self._ends and self._ends[0][0] <= self._steps + _NEAR:
            entry = heapq.heappop(self._ends)
            if self._runs(entry):
                self._remove(entry[2])
                ended.append(entry[2])
        if ended:
            self._admit()
        elif len(self._running) > 1 and self._held >= self._figures.kv_tokens - _NEAR * len(self._running):
            last = self._running[next(reversed(self._running))]
            self._remove(last)
            self._waiting.appendleft(last)
            self.usage.evicted += 1
        self._plan()
        if ended:
            self._finished(ended)
