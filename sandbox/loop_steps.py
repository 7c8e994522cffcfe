"""Who is at work in a `LoopPool`'s process: the marks of the coroutines and threads of its calls.

The marks are shared memory, written before and after every step of a coroutine, so that the parent knows who held the
loop when it hangs or the process has died: `NUMBER` of the call, `SINCE` when, `DUE` the call's deadline; from
`THREADS` on one number for each thread of the loop's executor. Standard library only (see `sandbox/pool_worker.py`).
"""

from __future__ import annotations

import asyncio
import collections.abc
import contextvars
import itertools
import os
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

NUMBER, SINCE, DUE, THREADS = range(4)
SPARE_THREADS = 16
"""Threads, or tasks that cannot be cancelled, that ended calls may have left at work before the process is replaced."""

_STALL_S = 0.01  # a call's deadline makes up for steps of others that are longer than this
_STACKS = 4  # of a call's tasks, told at a timeout


def marks_size(concurrency: int) -> int:
    """Bytes of the marks of a process."""
    return 8 * (THREADS + concurrency + SPARE_THREADS)


@dataclass(slots=True, eq=False)
class CallHere:
    """A call in the process that runs it."""

    number: int
    payload: bytes
    timeout_s: float
    started: float
    due: float
    stalled: float
    """Time that others held the loop and that its deadline makes up for, or that it held the loop itself."""
    task: asyncio.Task[None] | None = None
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    """Those that it made itself."""
    jobs: set[int] = field(default_factory=set)
    """The threads that work for it."""
    awaited: Any = None
    timer: asyncio.TimerHandle | None = None
    expired: bool = False
    where: str = ""


current_call: contextvars.ContextVar[CallHere | None] = contextvars.ContextVar("call", default=None)
"""The call that the running code belongs to."""
_forked = False  # a call forked, and this is the child


def _note_fork() -> None:
    global _forked
    _forked = True


class Turns:
    """The marks, and what long turns have cost."""

    def __init__(self, marks: memoryview[float]) -> None:
        """Once in a process."""
        self.marks = marks
        self.stalled = 0.0
        """Sum of all steps that took long."""
        os.register_at_fork(after_in_child=_note_fork)

    def in_threads(self) -> list[float]:
        """The numbers of the calls that threads work for."""
        return [number for number in self.marks[THREADS:] if number]


class MarkedSteps(collections.abc.Coroutine[Any, Any, Any]):
    """A coroutine of a call, every step of which is marked."""

    def __init__(self, turns: Turns, call: CallHere, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._turns = turns
        self._call = call
        self._coroutine = coroutine

    def send(self, value: Any) -> Any:
        return self._step(self._coroutine.send, value)

    def throw(self, *error: Any) -> Any:
        return self._step(self._coroutine.throw, *error)

    def close(self) -> None:
        self._step(self._coroutine.close)

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()

    def __getattr__(self, name: str) -> Any:
        """`cr_frame` and so on, for those who look at tasks."""
        return getattr(self._coroutine, name)

    def _step(self, resume: Callable[..., Any], *value: Any) -> Any:
        marks, call = self._turns.marks, self._call
        outer = marks[NUMBER]  # a task may begin inside of another's step (`eager_task_factory`)
        marks[SINCE] = started = time.monotonic()
        marks[DUE] = call.due
        marks[NUMBER] = call.number
        try:
            return resume(*value)
        finally:
            if _forked:
                os._exit(0)
            marks[NUMBER] = outer
            took = time.monotonic() - started
            if took > _STALL_S:
                self._turns.stalled += took
                call.stalled += took


class MarkedThreads(ThreadPoolExecutor):
    """The loop's executor. Each thread marks the call that it works for."""

    def __init__(self, size: int, marks: memoryview[float]) -> None:
        super().__init__(size, initializer=self._take_mark)
        self._marks = marks
        self._places = itertools.count(THREADS)
        self._mine = threading.local()

    def submit(self, function: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        return super().submit(self._work, current_call.get(), function, *args, **named)

    def _take_mark(self) -> None:
        self._mine.place = next(self._places)

    def _work(self, call: CallHere | None, function: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
        if call is None:
            return function(*args, **named)
        place: int = self._mine.place
        self._marks[place] = call.number
        call.jobs.add(place)
        try:
            return function(*args, **named)
        finally:
            if _forked:
                os._exit(0)
            self._marks[place] = 0
            call.jobs.discard(place)


def stacks(call: CallHere) -> str:
    """The stacks of a call's coroutines that wait."""
    frames = [_frames(call.awaited), *(_frames(task.get_coro()) for task in list(call.tasks)[:_STACKS])]
    return "".join("".join(traceback.StackSummary.extract(stack).format()) for stack in frames)


def _frames(awaited: Any) -> Iterator[tuple[Any, int]]:
    while awaited is not None:
        for kind, inner in (("cr", "await"), ("gi", "yieldfrom"), ("ag", "await")):
            if (frame := getattr(awaited, f"{kind}_frame", None)) is not None:
                yield frame, frame.f_lineno
                awaited = getattr(awaited, f"{kind}_{inner}")
                break
        else:
            return
