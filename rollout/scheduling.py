"""Which worker answers which samples, and when: the scheduler of the rollout fleet, without Ray, vLLM or a clock.

The fleet drives it with real workers, the simulator (`rl/simulation`) with modelled ones.

- What is lost with a worker goes first, then what is due at the earliest weight version, then the longest (as far as
  is known), then the oldest. Work waits here, not in the engines, so that a worker that is done early gets more.
- It goes to the worker with the fewest expected tokens (prompts included) among those that have room: fewer samples
  than the engine decodes at once, and a KV cache that holds what is expected of them.
- The samples of one prompt stay together and share its KV cache. They are split where workers would have nothing to do
  (when computing the prompt again costs less than what is gained), and where no KV cache could hold them all.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Work:
    """Samples of one prompt that are to be generated."""

    tickets: tuple[int, ...]
    """Number of each sample."""
    prompt_tokens: int
    expected_tokens: float
    """Of each response, from here on."""
    due: int = 0
    """Weight version by which it is wanted."""
    again: bool = False
    """It was lost with a worker."""

    @property
    def kv_tokens(self) -> float:
        """What it is expected to hold of a KV cache at its end."""
        return self.prompt_tokens + self.expected_tokens * len(self.tickets)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one worker's engine can hold."""

    samples: int
    """Decoded at once."""
    kv_tokens: float
    """Tokens in its KV cache."""


@dataclass(slots=True)
class _Worker:
    capacity: Capacity
    running: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Ticket -> expected tokens of the response, and its part of the prompt's."""
    tokens: float = 0.0
    """Expected tokens of the responses."""
    prompts: float = 0.0
    """Tokens of their prompts; a prompt that samples share is counted once."""
    stamp: int = 0
    """Of its newest entry in the queue."""

    @property
    def load(self) -> float:
        """Expected of its KV cache."""
        return self.tokens + self.prompts

    def has_room(self, wanted: float) -> bool:
        if not self.running:  # whatever fits nowhere must still be generated
            return True
        return len(self.running) < self.capacity.samples and self.load + wanted <= self.capacity.kv_tokens


class Scheduler:
    """Holds what waits and knows what runs where. The caller reports what happens and asks what to start."""

    def __init__(self) -> None:
        self._waiting: list[tuple[tuple[bool, int, float, int], Work]] = []
        self._samples_waiting = 0
        self._order = itertools.count()
        self._workers: dict[int, _Worker] = {}
        self._where: dict[int, int] = {}
        """Running ticket -> worker."""
        self._queue: list[tuple[float, int, int]] = []
        """(load, worker, stamp) of workers that could take a sample, with entries that are out of date."""
        self._stamps = itertools.count(1)
        self._idle = 0
        """Workers without work."""
        self._roomiest = 0.0
        """KV tokens of the worker that has most."""

    def join(self, worker: int, capacity: Capacity) -> None:
        """A worker is ready for work."""
        self._workers[worker] = _Worker(capacity)
        self._idle += 1
        self._roomiest = max(self._roomiest, capacity.kv_tokens)
        self._enqueue(worker)

    def leave(self, worker: int) -> list[int]:
        """A worker is gone; returns the tickets that ran on it. They are forgotten: `add` them again."""
        gone = self._workers.pop(worker, None)
        tickets = list(gone.running) if gone is not None else []
        self._idle -= gone is not None and not tickets
        self._roomiest = max((left.capacity.kv_tokens for left in self._workers.values()), default=0.0)
        for ticket in tickets:
            del self._where[ticket]
        return tickets

    def add(self, work: Work) -> None:
        """Samples to be generated."""
        key = (not work.again, work.due, -work.expected_tokens, next(self._order))
        heapq.heappush(self._waiting, (key, work))
        self._samples_waiting += len(work.tickets)

    def cancel(self, tickets: Sequence[int]) -> dict[int, list[int]]:
        """Forget these, waiting or running; returns those that run, by worker."""
        gone = set(tickets)
        left = []
        for key, work in self._waiting:
            kept = tuple(ticket for ticket in work.tickets if ticket not in gone)
            if kept:
                left.append((key, work if len(kept) == len(work.tickets) else replace(work, tickets=kept)))
        self._waiting = left
        heapq.heapify(self._waiting)
        self._samples_waiting = sum(len(work.tickets) for _, work in left)
        running: dict[int, list[int]] = {}
        for ticket in tickets:
            if ticket in self._where:
                running.setdefault(self._where[ticket], []).append(ticket)
                self.finished(ticket)
        return running

    def finished(self, ticket: int) -> None:
        """A running sample ended."""
        number = self._where.pop(ticket)
        worker = self._workers[number]
        expected, prompt = worker.running.pop(ticket)
        worker.tokens -= expected
        worker.prompts -= prompt
        if not worker.running:
            worker.tokens = worker.prompts = 0.0  # no rounding is left
            self._idle += 1
        self._enqueue(number)

    def start(self) -> list[tuple[int, Work]]:
        """What to start now, and on which worker; from here on it counts as running."""
        self._split()
        started: list[tuple[int, Work]] = []
        while self._waiting:
            work = self._waiting[0][1]
            number = self._shortest(work)
            if number is None and self._halve_what_fits_nowhere():
                continue
            if number is None:
                break  # nothing overtakes: what is due first must not wait for what is small
            heapq.heappop(self._waiting)
            self._samples_waiting -= len(work.tickets)
            worker = self._workers[number]
            self._idle -= not worker.running
            share = work.prompt_tokens / len(work.tickets)
            for ticket in work.tickets:
                worker.running[ticket] = (work.expected_tokens, share)
                self._where[ticket] = number
            worker.tokens += work.expected_tokens * len(work.tickets)
            worker.prompts += work.prompt_tokens
            self._enqueue(number)
            started.append((number, work))
        return started

    @property
    def waiting(self) -> int:
        """Samples that no worker has."""
        return self._samples_waiting

    def running(self, worker: int) -> list[int]:
        """Tickets of one worker."""
        found = self._workers.get(worker)
        return list(found.running) if found is not None else []

    def _enqueue(self, number: int) -> None:
        """Put a worker where it belongs now; what stood for it before is out of date."""
        worker = self._workers[number]
        worker.stamp = next(self._stamps)
        if len(worker.running) < worker.capacity.samples:
            heapq.heappush(self._queue, (worker.load, number, worker.stamp))
        if len(self._queue) > 2 * len(self._workers) + _SPARE:
            self._queue = [entry for entry in self._queue if self._holds(entry)]
            heapq.heapify(self._queue)

    def _holds(self, entry: tuple[float, int, int]) -> bool:
        """Whether an entry of the queue is up to date."""
        worker = self._workers.get(entry[1])
        return worker is not None and worker.stamp == entry[2]

    def _shortest(self, work: Work) -> int | None:
        """The worker with the smallest load that has room."""
        wanted = work.kv_tokens
        seen: list[tuple[float, int, int]] = []
        chosen = None
        while self._queue:
            entry = heapq.heappop(self._queue)
            if not self._holds(entry):
                continue
            seen.append(entry)
            load, number, _ = entry
            if self._workers[number].has_room(wanted):
                chosen = number
                break
            if load + wanted > self._roomiest:
                break  # those that follow hold more
        for entry in seen:
            heapq.heappush(self._queue, entry)
        return chosen

    def _split(self) -> None:
        """Halve the largest pieces until every worker without work can have one."""
        if not 0 < len(self._waiting) < self._idle:
            return
        pieces = [(-_length(work), place, key, work) for place, (key, work) in enumerate(self._waiting)]
        heapq.heapify(pieces)
        while len(pieces) < self._idle:
            _, place, key, work = pieces[0]
            half = len(work.tickets) // 2
            if half == 0 or work.expected_tokens * half <= work.prompt_tokens:
                break
            first, second = replace(work, tickets=work.tickets[:half]), replace(work, tickets=work.tickets[half:])
            heapq.heapreplace(pieces, (-_length(first), place, key, first))
            again = (*key[:3], next(self._order))
            heapq.heappush(pieces, (-_length(second), len(pieces), again, second))
        self._waiting = [(key, work) for _, _, key, work in pieces]
        heapq.heapify(self._waiting)

    def _halve_what_fits_nowhere(self) -> bool:
        """Halve the first piece where no worker could ever hold it beside others: all would wait for an empty one."""
        work = self._waiting[0][1]
        if len(work.tickets) == 1 or work.kv_tokens <= self._roomiest:
            return False
        key, _ = self._waiting[0]
        half = len(work.tickets) // 2
        self._waiting[0] = (key, replace(work, tickets=work.tickets[:half]))
        second = ((*key[:3], next(self._order)), replace(work, tickets=work.tickets[half:]))
        heapq.heappush(self._waiting, second)
        return True


_SPARE = 64
"""Entries of the queue beyond two for each worker: above that, those that are out of date are dropped."""


def _length(work: Work) -> float:
    return work.expected_tokens * len(work.tickets)


class ExpectedLengths:
    """Response lengths to expect: of a prompt's last responses, else of all recent ones."""

    _FORGET = 1e-4
    """Least weight of a new length in the mean of all, which so follows the last ten thousand. Many, because the long
    responses of a batch are the last to end: a mean of few would be theirs just when the next batch begins."""

    def __init__(self, most: int) -> None:
        """Before anything was seen, the longest response is expected: nothing is put where it may not fit."""
        self._most = float(most)
        self._mean: float | None = None
        self._count = 0
        self._own: dict[str, float] = {}

    def note(self, prompt_id: str, tokens: int) -> None:
        """A response of this length ended."""
        self._count += 1
        mean = self._mean or 0.0
        self._mean = mean + max(1 / self._count, self._FORGET) * (tokens - mean)
        own = self._own.get(prompt_id)
        self._own[prompt_id] = tokens if own is None else own + 0.2 * (tokens - own)

    def of(self, prompt_id: str, done: int = 0) -> float:
        """Tokens that a response still has before it, of which `done` are there."""
        whole = self._own.get(prompt_id, self._most if self._mean is None else self._mean)
        left = whole - done if done < whole else whole  # past its expected end it goes on for a while: tails are long
        return min(left, self._most - done)
