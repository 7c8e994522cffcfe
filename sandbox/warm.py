"""`WarmSandbox`: a fixed number of slots that many threads share, whatever the backend.

Callers wait in line for free slots; who needs two (a program and what talks with it) takes both at once, so that two
callers cannot wait for each other. A slot that breaks is thrown away and replaced by the next call.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Protocol, Self

from sandbox.languages import Starter
from sandbox.slot import Running, Slot, SlotLost
from sandbox.types import Job, Language, Limits, Result, SandboxError, Session, Verdict

_ATTEMPTS = 3


class Backend(Protocol):
    """What can start slots."""

    name: str

    def start_slot(self) -> Slot:
        """A fresh slot; lives as long as the calling thread.

        Raises:
            SandboxError: none can be started.
        """
        ...


class WarmSandbox:
    """A `Sandbox` over slots of one backend."""

    def __init__(self, backend: Backend, workers: int | None = None) -> None:
        """Start one slot, so that what does not work is told now; others are started when they are needed.

        Args:
            backend: where slots come from.
            workers: programs at a time; default: the number of CPUs. At least 2, for a program and its tests.

        Raises:
            SandboxError: no slot starts.
        """
        self.backend = backend.name
        """Name of the backend."""
        self._backend = backend
        self._size = max(2, workers or len(os.sched_getaffinity(0)))
        self._owner = os.getpid()
        self._lock = threading.RLock()  # a forgotten session gives its slot back wherever it is collected
        self._line: deque[tuple[int, threading.Event]] = deque()
        self._free: list[Slot] = []
        self._slots: set[Slot] = set()
        self._taken = 0
        self._closed = False
        self._programs = Starter()
        # A slot dies with the thread that started it: one thread starts them all and lives until the end.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="sandbox-starter")
        self._end = weakref.finalize(self, _close_all, self._slots, self._starter, self._owner)
        try:
            first = self._start_slot()
        except SlotLost as lost:
            self.close()
            raise SandboxError(f"{backend.name}: {lost}") from None
        self.languages: frozenset[Language] = first.languages
        """What programs can be written in here."""
        self.python = first.python
        """Version of the Python inside."""
        self._free.append(first)

    def run(
        self,
        program: str,
        *,
        stdin: str | bytes = b"",
        files: Mapping[str, str | bytes] | None = None,
        limits: Limits | None = None,
        language: str = "python",
    ) -> Result:
        """See `Sandbox.run`."""
        job = Job(program, stdin, files or {}, limits or Limits(), Language(language))
        lost = ""
        for _ in range(_ATTEMPTS):
            slots: list[Slot] = []
            try:
                slots = self._take(1)
                return self._run_in(slots[0], job)
            except SlotLost as error:
                lost = str(error)
            finally:
                self._give(slots)
        return Result(Verdict.SANDBOX_ERROR, detail=lost)

    async def arun(
        self,
        program: str,
        *,
        stdin: str | bytes = b"",
        files: Mapping[str, str | bytes] | None = None,
        limits: Limits | None = None,
        language: str = "python",
    ) -> Result:
        """See `Sandbox.arun`."""
        call = partial(self.run, program, stdin=stdin, files=files, limits=limits, language=language)
        return await asyncio.to_thread(call)

    def open(self, jobs: Sequence[Job]) -> list[Session]:
        """See `Sandbox.open`."""
        if len(jobs) > self._size:
            raise SandboxError(
                f"{len(jobs)} programs are to run side by side, and this sandbox has {self._size} places"
            )
        try:
            slots = self._take(len(jobs))
        except SlotLost as lost:
            raise SandboxError(f"{self.backend}: {lost}") from None
        sessions: list[Session] = []
        try:
            for slot, job in zip(slots, jobs, strict=True):
                sessions.append(_Session(self, slot, job))
        except BaseException:
            for session in sessions:
                session.kill()
            self._give(slots[len(sessions) + 1 :])  # the one that failed has given back its own
            raise
        return sessions

    def close(self) -> None:
        """See `Sandbox.close`."""
        with self._lock:
            self._closed = True
            waiting, self._line = self._line, deque()
        for _, event in waiting:
            event.set()
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _run_in(self, slot: Slot, job: Job) -> Result:
        started = self._programs.start(slot, job)
        return started if isinstance(started, Result) else self._programs.finish(slot, job, started.wait())

    def _take(self, count: int) -> list[Slot]:
        """That many slots, all at once, in the order of asking.

        Raises:
            SandboxError: the sandbox is closed.
            SlotLost: a slot was missing and could not be started.
        """
        turn = threading.Event()
        with self._lock:
            self._refuse_closed()
            self._line.append((count, turn))
            self._grant()
        try:
            turn.wait()
        except BaseException:  # an interrupt: let the next one in
            with self._lock:
                if turn.is_set():
                    self._taken -= count
                elif (count, turn) in self._line:
                    self._line.remove((count, turn))
                self._grant()
            raise
        slots: list[Slot] = []
        try:
            while len(slots) < count and (slot := self._take_free()):
                slots.append(slot)
            while len(slots) < count:
                slots.append(self._start_slot())
        except BaseException:
            with self._lock:
                self._taken -= count - len(slots)
            self._give(slots)
            raise
        return slots

    def _take_free(self) -> Slot | None:
        """A slot that waits, and has not been killed meanwhile."""
        while True:
            with self._lock:
                self._refuse_closed()
                if not self._free:
                    return None
                slot = self._free.pop()
            if slot.alive:
                return slot
            slot.close()
            with self._lock:
                self._slots.discard(slot)

    def _give(self, slots: Sequence[Slot]) -> None:
        usable = [slot for slot in slots if slot.usable]
        gone = [slot for slot in slots if slot not in usable]
        for slot in gone:
            slot.close()
        with self._lock:
            self._taken -= len(slots)
            self._slots.difference_update(gone)
            self._free += usable
            self._grant()

    def _grant(self) -> None:
        """Let those at the head of the line in as far as there is room (with the lock held)."""
        while self._line and self._taken + self._line[0][0] <= self._size:
            count, turn = self._line.popleft()
            self._taken += count
            turn.set()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise SandboxError("the sandbox is closed")
        if os.getpid() != self._owner:
            raise SandboxError(f"this sandbox belongs to process {self._owner}; a forked copy has to open its own")

    def _start_slot(self) -> Slot:
        try:
            starting = self._starter.submit(self._backend.start_slot)
        except RuntimeError:  # the starter was shut down meanwhile
            raise SandboxError("the sandbox is closed") from None
        try:
            slot = starting.result()
        except SandboxError as error:
            raise SlotLost(str(error)) from error
        except BaseException:  # an interrupt: nobody will want it
            starting.add_done_callback(_close_unwanted)
            raise
        with self._lock:
            self._slots.add(slot)
            closed = self._closed
        if closed:
            slot.close()
            raise SandboxError("the sandbox is closed")
        return slot


def _close_all(slots: set[Slot], starter: ThreadPoolExecutor, owner: int) -> None:
    if os.getpid() != owner:  # a forked copy of the owner ends
        return
    failure: Exception | None = None
    for slot in list(slots):
        try:
            slot.close()
        except Exception as error:
            failure = error
    slots.clear()
    starter.shutdown()
    if failure:
        raise failure


def _close_unwanted(starting: Future[Slot]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().close()


class _Session:
    """See `sandbox.types.Session`."""

    def __init__(self, sandbox: WarmSandbox, slot: Slot, job: Job) -> None:
        self._sandbox = sandbox
        self._slot = slot
        self._job = job
        self._running: Running | None = None
        self._result: Result | None = None
        try:
            started = sandbox._programs.start(slot, job)
        except SlotLost as lost:
            self._finish(Result(Verdict.SANDBOX_ERROR, detail=str(lost)))
        except BaseException:
            sandbox._give([slot])
            raise
        else:
            if isinstance(started, Result):
                self._finish(started)
            else:
                self._running = started

    def send(self, data: bytes) -> None:
        if self._running and not self._result:
            self._running.send(data)

    def receive(self, timeout_s: float | None = None) -> bytes:
        if self._result or not self._running:
            return b""
        try:
            data = self._running.receive(timeout_s)
        except SlotLost as lost:
            self._finish(Result(Verdict.SANDBOX_ERROR, detail=str(lost)))
            return b""
        if not data:
            self.end()
        return data

    def end(self) -> Result:
        if self._result is None:
            assert self._running is not None
            try:
                result = self._running.wait()
                self._finish(self._sandbox._programs.finish(self._slot, self._job, result))
            except SlotLost as lost:
                self._finish(Result(Verdict.SANDBOX_ERROR, detail=str(lost)))
        assert self._result is not None
        return self._result

    def kill(self) -> Result:
        if self._running and not self._result:
            self._running.kill()
        return self.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.kill()

    def __del__(self) -> None:
        """A session that was forgotten keeps no place."""
        if self._result is None and self._running is not None and os.getpid() == self._sandbox._owner:
            self._finish(Result(Verdict.SANDBOX_ERROR, detail="the session was forgotten"))

    def _finish(self, result: Result) -> None:
        self._result = result
        self._sandbox._give([self._slot])
