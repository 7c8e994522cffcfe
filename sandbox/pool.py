"""A pool of killable worker processes for our own Python functions.

For what may hang or crash: a symbolic computation, a user's plug-in. Each call has a hard deadline at which its process
is killed with its whole process group (SIGKILL, so C code and blocked signals do not matter) and replaced; a stuck or
crashed call costs its own deadline and nothing else. Replacements are forked off a template that has run the
initializer, and so cost a few milliseconds.

- `Call`: a function by reference, its arguments, its deadline.
- `CallResult`: how the call ended.
- `KillablePool`: the workers. Any number of threads may call it.

This is not a sandbox for hostile code: a function runs with the rights of the user, and what it returns is unpickled.
"""

from __future__ import annotations

import pickle
import queue
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from sandbox.pool_process import DeadlinePassed, WorkerGone, WorkerProcess
from sandbox.pool_source import PoolError, WorkerSource

__all__ = ["Call", "CallOutcome", "CallResult", "KillablePool", "PoolError"]


class CallOutcome(StrEnum):
    """How a call ended."""

    OK = "ok"
    TIMEOUT = "timeout"
    CRASH = "crash"
    """The process died under the call."""
    ERROR = "error"
    """The function raised, or returned something that does not pickle or is too large."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call. Arguments must pickle."""

    function: str
    """`package.module:function` or `path/to/file.py:function`."""
    args: tuple[Any, ...] = ()
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class CallResult:
    """How a call ended, and with what."""

    outcome: CallOutcome
    value: Any = None
    traceback: str = ""
    """Python traceback of an error; where a timeout was stuck; how the process of a crash ended."""
    seconds: float = 0.0
    """Time inside the worker; of a timeout, its deadline."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A few calls for one worker, and the promise of their results."""

    payloads: Sequence[bytes]
    timeouts: Sequence[float]
    results: Future[list[CallResult]]


class KillablePool:
    """Worker processes that run one call at a time each.

    Each worker belongs to one thread of the pool, which has it made, watches, kills and replaces it. The kernel kills
    the workers when the pool's threads end, whatever ends them.
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        initializer: Call | None = None,
        memory_mb: int | None = None,
        calls_per_worker: int = 5000,
        max_result_bytes: int = 16 * 2**20,
        output: Path | None = None,
    ) -> None:
        """Start the workers (in the background; the first call waits for them).

        Args:
            initializer: for imports that no call's deadline should pay. Runs once, in the template that the workers are
                forked off with what it set up (random generators included); in every worker where it starts threads or
                leaves files or connections open, which a fork would break.
            memory_mb: limit of each worker's address space in MiB, in the initializer too.
            calls_per_worker: a worker is replaced after this many calls, which bounds what leaks.
            max_result_bytes: a larger pickled result is an error.
            output: file that what the functions print is appended to; None drops it.
        """
        self._calls_per_worker = calls_per_worker
        settings = {
            "initializer": None if initializer is None else (initializer.function, initializer.args),
            "memory_bytes": None if memory_mb is None else memory_mb * 2**20,
            "max_result_bytes": max_result_bytes,
            "concurrency": None,
        }
        self._source = WorkerSource(settings, output, initializer.timeout_s if initializer else 60.0)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"killable-pool-{i}", daemon=True) for i in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def call(self, function: str, args: tuple[Any, ...] = (), timeout_s: float = 10.0) -> CallResult:
        """Run one call and wait for how it ends.

        Raises:
            PoolError: the pool is closed or its workers do not start. Whatever pickling the arguments raises.
        """
        return self._submit([Call(function, args, timeout_s)]).result()[0]

    def completed(self, calls: Iterable[Call], *, chunk: int = 1) -> Iterator[tuple[int, CallResult]]:
        """Run calls on all workers; (number of the call from 0, result) as they end: none waits for a stuck one.

        Reads ahead by a few chunks per worker only, so `calls` may be endless.

        Args:
            chunk: calls handed to a worker in one message. Raise it for calls of microseconds.
        """
        source, read, under_way = iter(calls), 0, 0
        done: queue.SimpleQueue[tuple[int, Future[list[CallResult]]]] = queue.SimpleQueue()

        def ended(first: int, results: Future[list[CallResult]]) -> None:
            done.put((first, results))

        while True:
            while under_way < 3 * len(self._threads) and (part := list(islice(source, chunk))):
                self._submit(part).add_done_callback(partial(ended, read))
                read, under_way = read + len(part), under_way + 1
            if not under_way:
                return
            first, results = done.get()
            under_way -= 1
            yield from enumerate(results.result(), first)

    def close(self) -> None:
        """Kill all workers and wait until they are gone. Calls under way end in `PoolError`."""
        with self._lock:
            if not self._closed:
                self._closed = True
                for _ in self._threads:
                    self._jobs.put(None)
                self._source.kill_all()
        for thread in self._threads:
            thread.join()
        self._source.end_template()

    def __enter__(self) -> KillablePool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _submit(self, calls: Sequence[Call]) -> Future[list[CallResult]]:
        payloads = [pickle.dumps((call.function, call.args)) for call in calls]
        job = _Job(payloads, [call.timeout_s for call in calls], Future())
        with self._lock:
            if self._closed:
                raise PoolError("the pool is closed")
            self._jobs.put(job)
        return job.results

    # What follows runs in the pool's threads.

    def _serve(self) -> None:
        worker: WorkerProcess | None = None
        with suppress(PoolError, OSError):  # tried again, and reported, at the first job
            worker = self._source.start()
        while (job := self._jobs.get()) is not None:
            results: list[CallResult] = []
            tried: set[int] = set()
            try:
                while len(results) < len(job.payloads):
                    if worker is not None and worker.calls >= self._calls_per_worker:
                        self._source.end(worker)
                        worker = None
                    worker = worker or self._source.start()
                    if not self._advance(worker, job, results, tried):
                        worker = None
                job.results.set_result(results)
            except Exception as error:  # whatever it is, the caller that waits must hear of it
                if worker is not None:
                    self._source.end(worker)
                worker = None
                job.results.set_exception(error)
        if worker is not None:
            self._source.end(worker)

    def _advance(self, worker: WorkerProcess, job: _Job, results: list[CallResult], tried: set[int]) -> bool:
        """Run the job's remaining calls until they are done or the worker is; False when the worker is gone.

        `tried` are the calls whose process was killed from outside once.
        """
        fresh = worker.calls == 0
        try:
            worker.submit(list(zip(job.timeouts, job.payloads, strict=True))[len(results) :])
            while len(results) < len(job.payloads):
                kind, seconds, payload = worker.receive(job.timeouts[len(results)])
                worker.calls += 1
                if kind == "memory":
                    self._source.end(worker)
                    if fresh:
                        results.append(CallResult(CallOutcome.ERROR, traceback=str(payload), seconds=seconds))
                    return False
                fresh = False
                results.append(to_result(kind, seconds, payload))
            return True
        except DeadlinePassed:
            timeout_s = job.timeouts[len(results)]
            where = worker.trace()
            self._source.end(worker)
            text = f"no result within {timeout_s:g} s" + (f"\n{where}" if where else "")
            results.append(CallResult(CallOutcome.TIMEOUT, traceback=text, seconds=timeout_s))
        except WorkerGone:
            ended = self._source.end(worker, patience_ms=50)
            if self._closed:
                raise PoolError("the pool was closed") from None
            # Only a call that was alone in its process is known to have ended it: what an earlier call left behind
            # (a thread, a pending alarm, a full heap) may have. Any other call gets a fresh process.
            if fresh and worker.status == -signal.SIGKILL and len(results) not in tried:
                tried.add(len(results))  # nobody's own doing, most often: somebody else's, or memory that was short
            elif fresh:
                results.append(CallResult(CallOutcome.CRASH, traceback=ended))
        return False


def to_result(kind: str, seconds: float, payload: bytes | str) -> CallResult:
    """How a call ended that its process has answered with "ok" (a pickled value) or "error" (a traceback)."""
    if isinstance(payload, str):
        return CallResult(CallOutcome.ERROR, traceback=payload, seconds=seconds)
    try:
        return CallResult(CallOutcome(kind), value=pickle.loads(payload), seconds=seconds)
    except Exception as error:  # whatever a class of the value does when it is rebuilt here
        return CallResult(CallOutcome.ERROR, traceback=f"the result does not unpickle: {error!r}", seconds=seconds)
