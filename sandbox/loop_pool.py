"""One killable process with an event loop for our own async functions: judges behind HTTP and the like.

The sibling of `KillablePool`, with the same promises to many calls in one process. Each call has a hard deadline. One
that waits is cancelled at its deadline. One that blocks the loop, or does not end when it is cancelled, is killed with
the process and its process group, and so is one that ends the process. The process marks in shared memory whose turn it
is (see `sandbox/loop_steps.py`), so that this call alone is blamed; the others run again in a fresh process.

A call is blamed only for what it is known to have done. Where that is not certain (the kernel killed the process for
want of memory, a thread died), those who may have done it run again in groups of half the size, in the end alone.

So a function may run more than once for one result. Threads of its own and callbacks that it leaves to the loop are not
seen as its own; threads of `asyncio.to_thread` and tasks are.
"""

from __future__ import annotations

import os
import pickle
import selectors
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from math import inf
from pathlib import Path

from sandbox.loop_calls import GRACE_S, CallQueue, PendingCall
from sandbox.loop_process import Answer, LoopProcess, Marks
from sandbox.pool import Call, CallOutcome, CallResult, to_result
from sandbox.pool_process import WorkerGone
from sandbox.pool_source import PoolError, WorkerSource

__all__ = ["LoopPool"]

TIMEOUT, CRASH, ERROR = CallOutcome.TIMEOUT, CallOutcome.CRASH, CallOutcome.ERROR

_OWN_SIGNALS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT)
"""A process that dies of one of these died of what it was doing; any other may have come from anywhere, at any time."""


class LoopPool:
    """One process with an event loop that runs up to `concurrency` calls of async functions at a time.

    The process belongs to one thread of the pool, which has it made, watches, kills and replaces it. The kernel kills
    the process when this thread ends, whatever ends it.
    """

    def __init__(
        self,
        *,
        concurrency: int,
        initializer: Call | None = None,
        memory_mb: int | None = None,
        max_result_bytes: int = 16 * 2**20,
        output: Path | None = None,
    ) -> None:
        """Start the process (in the background; the first calls wait for it).

        Args:
            concurrency: calls at a time. Threads of `asyncio.to_thread` are as many, and a few more.
            initializer: a function, async or not, that runs first in every process, for imports that no call's deadline
                should pay.
            memory_mb: limit of the process's address space in MiB.
            max_result_bytes: a larger pickled result is an error.
            output: file that what the functions print is appended to; None drops it.
        """
        self._concurrency = concurrency
        settings = {
            "initializer": None if initializer is None else (initializer.function, initializer.args),
            "memory_bytes": None if memory_mb is None else memory_mb * 2**20,
            "max_result_bytes": max_result_bytes,
            "concurrency": concurrency,
        }
        self._source = WorkerSource(settings, output, initializer.timeout_s if initializer else 60.0)
        self._room = threading.Condition()
        self._under_way = 0
        self._number = 0
        self._over = ""
        """Why there are no more calls."""
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._calls = CallQueue(concurrency)
        # What follows belongs to the pool's thread.
        self._selector = selectors.DefaultSelector()
        self._process: LoopProcess | None = None
        self._ended: list[tuple[PendingCall, CallResult]] = []
        self._thread = threading.Thread(target=self._supervise, name="loop-pool", daemon=True)
        self._thread.start()

    def submit(self, call: Call) -> Future[CallResult]:
        """Have a call run; waits while `concurrency` calls are under way. Its deadline counts from when it starts.

        The future cannot be cancelled. What is added to it with `add_done_callback` runs in the pool's thread, and must
        not submit. It ends in `PoolError` when the pool is closed or its process does not start.

        Raises:
            PoolError: the pool is closed. Whatever pickling the arguments raises.
        """
        payload = pickle.dumps((call.function, call.args))
        result: Future[CallResult] = Future()
        result.set_running_or_notify_cancel()
        with self._room:
            self._room.wait_for(lambda: self._over or self._under_way < self._concurrency)
            if self._over:
                raise PoolError(self._over)
            self._under_way += 1
            self._number += 1
            self._calls.wait(PendingCall(self._number, payload, call.timeout_s, result, self._concurrency))
            os.eventfd_write(self._wake, 1)
        return result

    def close(self) -> None:
        """Kill the process and wait until it is gone. Calls under way end in `PoolError`."""
        with self._room:
            if not self._over:
                self._over = "the pool was closed"
                self._room.notify_all()
                self._source.kill_all()
                os.eventfd_write(self._wake, 1)
        self._thread.join()
        with self._room:
            if self._wake >= 0:
                os.close(self._wake)
            self._wake = -1

    def __enter__(self) -> LoopPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What follows runs in the pool's thread.

    def _supervise(self) -> None:
        self._selector.register(self._wake, selectors.EVENT_READ)
        try:
            self._start()
            while not self._over:
                self._dispatch()
                self._settle()
                wait_s = max(0.0, self._calls.look_at - time.monotonic())
                for key, events in self._selector.select(None if wait_s == inf else wait_s):
                    if key.fd == self._wake:
                        os.eventfd_read(self._wake)
                    elif self._process is not None:
                        self._exchange(self._process, events)
                # Reads all that is there first: this thread may come late itself.
                if time.monotonic() >= self._calls.look_at and not self._selector.select(0):
                    self._look()
        except BaseException as error:  # whatever it is, the callers that wait must hear of it
            with self._room:
                self._over = self._over or f"the pool failed: {error!r}"
                self._room.notify_all()
            raise
        finally:
            self._end_process()
            self._settle()
            self._fail(self._over)
            self._selector.close()

    def _start(self) -> None:
        """Start a process; where that fails, so do the calls that wait for it."""
        try:
            worker = self._source.start()
        except (PoolError, OSError) as error:
            self._fail(str(error) if isinstance(error, PoolError) else f"a worker process does not start: {error}")
            return
        self._process = LoopProcess(worker, self._concurrency)
        self._selector.register(self._process, selectors.EVENT_READ)

    def _end_process(self, *, patience_ms: int = 0) -> str:
        """Kill and reap the process; how it ended in words."""
        if self._process is None:
            return ""
        self._selector.unregister(self._process)
        ended = self._source.end(self._process.worker, patience_ms=patience_ms)
        self._process.release()
        self._process = None
        return ended

    def _dispatch(self) -> None:
        """Start what may start now."""
        if self._process is not None and self._process.worn and not self._calls.running:
            self._end_process()
        if self._process is None and self._calls.waits:
            self._start()
        if self._process is None or self._process.worn:
            return
        while batch := self._calls.start():
            self._process.send([(call.number, call.timeout_s, call.payload) for call in batch])
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._process.writes else 0)
        if self._selector.get_key(self._process).events != events:
            self._selector.modify(self._process, events)

    def _exchange(self, process: LoopProcess, events: int) -> None:
        """Write and read what is there."""
        if events & selectors.EVENT_WRITE:
            process.flush()
        if not events & selectors.EVENT_READ:
            return
        try:
            answers = process.receive()
        except WorkerGone:
            if not self._over:
                self._mourn(process)
            return
        # What ends the process comes last: the others that have ended need not run again.
        for answer in sorted(answers, key=lambda answer: answer[0] in ("memory", "stuck")):
            if self._process is process:
                self._take(process, answer)

    def _take(self, process: LoopProcess, answer: Answer) -> None:
        kind, number, seconds, payload = answer
        process.worn |= kind == "worn"
        if (call := self._calls.running.get(number)) is None:
            return
        if kind == "until":
            self._calls.expect(call, seconds)
        elif kind == "timeout":
            self._finish(call, call.timed_out(str(payload)))
        elif kind == "stuck":
            self._end_process()
            self._blame(process, [call], TIMEOUT, f"{payload!s}It did not end when it was cancelled.", certain=True)
        elif kind == "memory":  # what others hold may be what it lacked
            self._end_process()
            self._blame(process, [call], ERROR, str(payload))
        else:
            self._finish(call, to_result(kind, seconds, payload))

    def _look(self) -> None:
        """Nothing was heard of a call that should have ended: the loop hangs, or is slow."""
        late, process = self._calls.late(), self._process
        if not late or process is None:
            return
        now, marks = time.monotonic(), process.marks()
        holds = marks.holder in self._calls.running
        active_at = max(marks.since, process.active_at)
        if now < active_at + GRACE_S:
            self._calls.look_at = active_at + GRACE_S  # it goes on, and will tell
        elif holds and now < marks.due + GRACE_S:
            self._calls.look_at = marks.due + GRACE_S  # the holder's time is not over yet
        else:
            where = process.worker.trace()
            self._end_process()
            certain = holds and not marks.threads  # a thread may keep the GIL, and so hold up the holder
            self._blame(process, self._suspects(marks, late), TIMEOUT, where, certain)

    def _mourn(self, process: LoopProcess) -> None:
        """The process has died."""
        marks = process.marks()
        ended = self._end_process(patience_ms=50)
        by_itself = process.worker.status >= 0 or -process.worker.status in _OWN_SIGNALS
        certain = marks.holder in self._calls.running and not marks.threads and by_itself
        suspects = self._suspects(marks, list(self._calls.running.values()))
        self._blame(process, suspects, CRASH, ended, certain)

    def _suspects(self, marks: Marks, otherwise: list[PendingCall]) -> list[PendingCall]:
        """The calls that were at work; none if those at work have ended before."""
        running = self._calls.running
        return [running[number] for number in marks.at_work & running.keys()] if marks.at_work else otherwise

    def _blame(
        self, process: LoopProcess, suspects: Sequence[PendingCall], how: CallOutcome, text: str, certain: bool = False
    ) -> None:
        """End the call that has cost us the process, if it is known, and run the others again.

        Args:
            process: it is gone. A call that was all it ever ran is known to have done it.
            certain: the first of the suspects is known to have done it.
        """
        if certain or process.calls == 1:
            for guilty in suspects[:1]:
                self._finish(guilty, guilty.timed_out(text) if how is TIMEOUT else CallResult(how, traceback=text))
        self._calls.start_over(suspects)

    def _finish(self, call: PendingCall, result: CallResult) -> None:
        self._calls.end(call)
        self._ended.append((call, result))

    def _settle(self) -> None:
        """Give out the results that are there."""
        if self._ended:
            ended, self._ended = self._ended, []
            self._make_room(len(ended))  # first, as what waits for a result may be what submits the next call
            for call, result in ended:
                call.result.set_result(result)

    def _fail(self, reason: str) -> None:
        """All calls end in an error of the pool."""
        failed = self._calls.give_up()
        self._make_room(len(failed))
        for call in failed:
            call.result.set_exception(PoolError(reason))

    def _make_room(self, calls: int) -> None:
        with self._room:
            self._under_way -= calls
            self._room.notify(calls)
