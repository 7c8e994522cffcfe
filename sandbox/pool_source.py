"""Where a pool's workers come from: forked off one template process, or each a fresh interpreter.

The template is an interpreter that has run the pool's initializer and then does nothing but fork. So what the
initializer imports is paid for once, in time and in memory, and a killed worker is replaced within milliseconds. The
workers are children of the pool's process all the same (see `sandbox/pool_worker.py`): a template that is killed takes
none of them along, and is replaced at the next fork.

Where a fork would not be a true copy (the initializer started threads, or left files or connections open) or is
forbidden, every worker is a fresh interpreter that runs the initializer itself.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from sandbox.pool_process import DeadlinePassed, WorkerGone, WorkerProcess

_FORK_TIMEOUT_S = 20.0  # a fork takes milliseconds; a template that was stopped or swapped out is as good as gone


class PoolError(RuntimeError):
    """The pool cannot run calls: it is closed, or its workers do not start."""


class WorkerSource:
    """Starts and ends the workers of one pool. Any thread may use it; a worker dies with the thread that made it.

    With a template: with the thread that made the template.
    """

    def __init__(self, settings: Mapping[str, Any], output: Path | None, patience_s: float) -> None:
        """Nothing is started yet.

        Args:
            settings: see `WorkerProcess.start`.
            output: see `WorkerProcess.start`.
            patience_s: how long the initializer may take.
        """
        self._settings = settings
        self._output = output
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._running: set[WorkerProcess] = set()
        self._closed = False
        self._fork_lock = threading.Lock()
        self._forks = True
        """False once it turned out that forking is not safe or not possible."""
        self._template: WorkerProcess | None = None
        self._failures = 0
        self._failure = ""

    def start(self) -> WorkerProcess:
        """A worker that is ready for calls.

        Raises:
            PoolError: it does not start, or the pool was closed.
        """
        failures = self._failures
        with self._fork_lock:
            if self._template is None and self._failures > failures:
                raise PoolError(self._failure)  # of the attempt that this thread has waited for: no second wait
            try:
                if self._forks and (worker := self._fork()) is not None:
                    return worker
            except PoolError as error:
                self._failures += 1
                self._failure = str(error)
                raise
        return self._start_interpreter()[0]

    def end(self, worker: WorkerProcess, *, patience_ms: int = 0) -> str:
        """Kill and reap a worker; how it ended in words."""
        with self._lock:
            self._running.discard(worker)
        return worker.end(patience_ms=patience_ms)

    def kill_all(self) -> None:
        """Kill every process and start no more. Their threads still have to `end` them."""
        with self._lock:
            self._closed = True
            for worker in self._running:
                worker.kill()

    def end_template(self) -> None:
        """End the template. For when all workers are gone."""
        with self._fork_lock:
            if self._template is not None:
                self.end(self._template)
                self._template = None

    def _fork(self) -> WorkerProcess | None:
        """A worker off the template, which is made where there is none; None when there can be none."""
        while self._forks:
            fresh = self._template is None
            if self._template is None:
                process, kind = self._start_interpreter()
                if kind == "ready":
                    self._forks = False
                    return process
                self._template = process
            with suppress(DeadlinePassed, WorkerGone):
                worker = self._watch(self._template.fork(_FORK_TIMEOUT_S))
                try:
                    worker.receive(_FORK_TIMEOUT_S)
                except (DeadlinePassed, WorkerGone):
                    self.end(worker)
                    raise
                return worker
            self.end(self._template)
            self._template = None
            self._forks = not fresh  # one that forks nothing at all: the system does not let it
        return None

    def _start_interpreter(self) -> tuple[WorkerProcess, str]:
        """A fresh interpreter that has run the initializer, and whether it is a "template" or a worker ("ready")."""
        if self._closed:
            raise PoolError("the pool was closed")
        process = self._watch(WorkerProcess.start(self._settings, self._output))
        try:
            kind, _, payload = process.receive(self._patience_s)
        except DeadlinePassed:
            self._fail(process, f"no sign of life within {self._patience_s:g} s\n{process.trace()}")
        except WorkerGone:
            self._fail(process, "")
        if kind not in ("template", "ready"):
            self._fail(process, str(payload))
        return process, kind

    def _watch(self, worker: WorkerProcess) -> WorkerProcess:
        """From here on `kill_all` sees the process, or it is not let live."""
        with self._lock:
            if not self._closed:
                self._running.add(worker)
                return worker
        worker.end()
        raise PoolError("the pool was closed")

    def _fail(self, worker: WorkerProcess, reason: str) -> NoReturn:
        ended = self.end(worker, patience_ms=50)
        if self._closed:
            raise PoolError("the pool was closed")
        raise PoolError(f"a worker process does not start: {reason or ended}")
