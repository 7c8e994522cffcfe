"""The parent's side of a `LoopPool`'s process: what goes to and from its event loop, without waiting, and its marks.

Used by one thread. The process itself is a `WorkerProcess`; the wire format is told in `sandbox/loop_worker.py`.
"""

from __future__ import annotations

import mmap
import os
import pickle
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from sandbox.loop_steps import DUE, NUMBER, SINCE, THREADS, marks_size
from sandbox.loop_worker import LENGTH
from sandbox.pool_process import WorkerGone, WorkerProcess

Answer = tuple[str, int, float, bytes | str]
"""(kind, number of the call, seconds, payload)"""


@dataclass(frozen=True, slots=True)
class Marks:
    """Who is at work in the process, by the numbers of their calls."""

    holder: int
    """The call whose coroutine runs; 0 while none does."""
    since: float
    """Since when; while none does, when the last one began to."""
    due: float
    """The holder's deadline, as the process knows it."""
    threads: frozenset[int]
    """The calls that threads work for."""

    @property
    def at_work(self) -> frozenset[int]:
        """All of them."""
        return self.threads | ({self.holder} - {0})


class LoopProcess:
    """A process that has answered "ready"."""

    def __init__(self, worker: WorkerProcess, concurrency: int) -> None:
        """Give the process its marks, and take over its socket."""
        self.worker = worker
        self.calls = 0
        """Calls that it was handed."""
        self.worn = False
        """It is to get no more calls."""
        self.active_at = time.monotonic()
        """When it last wrote, or read what it had fallen behind with."""
        self._out = bytearray()
        self._arrived = bytearray()
        descriptor = os.memfd_create("marks")
        try:
            os.ftruncate(descriptor, marks_size(concurrency))
            self._memory = mmap.mmap(descriptor, marks_size(concurrency))
            self._marks = memoryview(self._memory).cast("d")
            with suppress(OSError):  # it is gone: the next `receive` says so
                socket.send_fds(worker.channel, [b"+"], [descriptor])
        finally:
            os.close(descriptor)
        worker.channel.setblocking(False)

    def fileno(self) -> int:
        """For a selector."""
        return self.worker.channel.fileno()

    @property
    def writes(self) -> bool:
        """Whether something is left to `flush`."""
        return bool(self._out)

    def send(self, calls: Sequence[tuple[int, float, bytes]]) -> None:
        """Hand over (number, timeout_s, pickled (function, args)) of some calls, as far as the socket takes them."""
        self.calls += len(calls)
        message = pickle.dumps((time.monotonic(), calls))
        self._out += LENGTH.pack(len(message))
        self._out += message
        self._write()

    def flush(self) -> None:
        """Write more, as the process has made room in the socket."""
        self.active_at = time.monotonic()
        self._write()

    def _write(self) -> None:
        with suppress(OSError):  # it is full; or the process is gone, and the next `receive` says so
            while self._out:
                with memoryview(self._out)[: 1 << 20] as part:
                    size = self.worker.channel.send(part)
                del self._out[:size]

    def receive(self) -> list[Answer]:
        """What has arrived.

        Raises:
            WorkerGone: the process has ended, and nothing is left to read.
        """
        try:
            part = self.worker.channel.recv(1 << 20)
        except BlockingIOError:
            return []
        except OSError as error:
            raise WorkerGone from error
        if not part:
            raise WorkerGone
        self.active_at = time.monotonic()
        self._arrived += part
        answers: list[Answer] = []
        while len(self._arrived) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(self._arrived)[0]
            if len(self._arrived) < end:
                break
            answers += pickle.loads(self._arrived[LENGTH.size : end])
            del self._arrived[:end]
        return answers

    def marks(self) -> Marks:
        """Who is at work right now."""
        marks = self._marks
        while True:
            head = marks[NUMBER], marks[SINCE], marks[DUE]
            if head == (marks[NUMBER], marks[SINCE], marks[DUE]):  # read between two of its writes
                threads = frozenset(int(number) for number in marks[THREADS:] if number)
                return Marks(int(head[0]), head[1], head[2], threads)

    def release(self) -> None:
        """Let go of the marks. The process is the source's to end."""
        self._marks.release()
        self._memory.close()
