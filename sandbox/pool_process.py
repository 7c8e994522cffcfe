"""The parent's side of one worker process: start or fork it, hand it calls, read results until a deadline, kill it.

Used by one thread at a time, except `kill`, which any thread may call.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_LENGTH = struct.Struct("!I")
_WORKER = Path(__file__).with_name("pool_worker.py")
_OWN = tuple(f'"{Path(__file__).with_name(name)}"' for name in ("pool_worker.py", "loop_steps.py", "loop_worker.py"))
_TRACE_WAIT_MS = 200


class DeadlinePassed(Exception):
    """The worker sent no whole message in time."""


class WorkerGone(Exception):
    """The worker process has ended."""


class WorkerProcess:
    """A process in a process group of its own, and a child of this one."""

    def __init__(self, pid: int, wait: Callable[[], int], channel: socket.socket, trace: int) -> None:
        """Take over a process that was just made; see `start` and `fork`.

        Args:
            wait: reaps the process and returns its exit status in the manner of `subprocess`.
            channel: this side of its socket.
            trace: read end of the pipe that it writes stacks to.
        """
        self.pid = pid
        self.calls = 0
        """Calls that ended in this process."""
        self.status = 0
        """Once it has ended: its exit code, or the number of the signal that killed it, negative."""
        self._wait = wait
        self._channel = channel
        self._trace = trace
        self._lock = threading.Lock()
        self._reaped = False

    @classmethod
    def start(cls, settings: Mapping[str, Any], output: Path | None) -> WorkerProcess:
        """A fresh interpreter. It answers "template" or "ready" once its initializer has run.

        Args:
            settings: `memory_bytes`, `max_result_bytes`, `initializer`, and `concurrency` of its event loop or None for
                one call at a time (see `sandbox/pool_worker.py`).
            output: file that what it prints is appended to; None drops it.
        """
        path = [entry or os.getcwd() for entry in sys.path]
        with _Ends() as ends, open(output or os.devnull, "ab") as printed:
            own = {"path": path, "trace_descriptor": ends.trace_write, "parent": os.getpid()}
            message = pickle.dumps({**settings, **own})
            process = subprocess.Popen(
                [sys.executable, "-P", "-u", str(_WORKER), str(ends.theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                pass_fds=(ends.theirs.fileno(), ends.trace_write),
                start_new_session=True,
                # One thread a worker: the pool itself is what uses the cores.
                env={"OMP_NUM_THREADS": "1", **os.environ},
            )
            worker = cls(process.pid, lambda: _reap_group(process), *ends.take())
        with suppress(OSError):  # it died at once: the first receive says so
            worker._send(message)
        return worker

    def fork(self, timeout_s: float) -> WorkerProcess:
        """Have this process, which answered "template", fork a worker. It answers "ready" next.

        Raises:
            DeadlinePassed, WorkerGone: it does not, or no more.
        """
        with _Ends() as ends:
            self._channel.settimeout(timeout_s)
            try:
                socket.send_fds(self._channel, [b"+"], [ends.theirs.fileno(), ends.trace_write])
            except OSError as error:
                raise WorkerGone from error
            ends.close_theirs()  # so that its death ends the wait
            try:
                born = _receive(ends.ours, timeout_s)
            except DeadlinePassed:
                self.kill()
                born = _receive(ends.ours, timeout_s)  # it may have forked just before: that worker must not be lost
            pid = int(born[2])
            return WorkerProcess(pid, lambda: _reap(pid), *ends.take())

    @property
    def channel(self) -> socket.socket:
        """Our end of its socket, for a pool that reads and writes by itself."""
        return self._channel

    def submit(self, calls: Sequence[tuple[float, bytes]]) -> None:
        """Hand over deadlines in seconds and pickled (function, args) pairs; their results come back in order.

        Raises:
            WorkerGone: the process has ended.
        """
        try:
            self._send(pickle.dumps(list(calls)))
        except OSError as error:
            raise WorkerGone from error

    def receive(self, timeout_s: float) -> tuple[str, float, bytes | str]:
        """The next (kind, seconds, payload).

        Raises:
            DeadlinePassed: after `timeout_s`.
            WorkerGone: the process has ended.
        """
        return _receive(self._channel, timeout_s)

    def trace(self) -> str:
        """Where the worker is stuck: the Python stack of its main thread, also when it is inside C code.

        "" when it does not say within 0.2 s.
        """
        try:
            os.kill(self.pid, signal.SIGUSR1)  # not reaped yet: the pid is still its own
        except ProcessLookupError:
            return ""
        text, wait_ms = b"", _TRACE_WAIT_MS
        readable = select.poll()
        readable.register(self._trace, select.POLLIN)
        while readable.poll(wait_ms) and (part := os.read(self._trace, 65536)):
            text += part
            wait_ms = 10  # the stack comes in several writes
        lines = text.decode(errors="replace").splitlines()
        own = next((i for i, line in enumerate(lines) if any(file in line for file in _OWN)), len(lines))
        return "\n".join(lines[:own])

    def kill(self) -> None:
        """SIGKILL to the whole process group."""
        with self._lock:
            if not self._reaped:
                for send in (os.killpg, os.kill):  # a forked worker has its group only when it is ready
                    with suppress(ProcessLookupError):
                        send(self.pid, signal.SIGKILL)

    def end(self, *, patience_ms: int = 0) -> str:
        """Kill the group, reap the process, close the descriptors; how it ended in words. Once is enough.

        Args:
            patience_ms: moment to give a process that is ending by itself, so that its own exit status is told.
        """
        if self._reaped:
            return "the process ended before"
        self._channel.close()
        os.close(self._trace)
        for _ in range(patience_ms):
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                break
            time.sleep(0.001)
        self.kill()
        with self._lock:
            self._reaped = True
            self.status = self._wait()
        if self.status >= 0:
            return f"the process ended with exit code {self.status}"
        return f"the process was killed by {signal.Signals(-self.status).name}"

    def _send(self, message: bytes) -> None:
        # A worker that is between calls reads at once; one that does not within a minute is as good as gone.
        self._channel.settimeout(60.0)
        self._channel.sendall(_LENGTH.pack(len(message)) + message)


class _Ends:
    """Both ends of a new worker's socket and trace pipe. On leaving, those that nobody took over are closed."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.trace, self.trace_write = os.pipe()
        os.set_blocking(self.trace, False)
        self._taken = False

    def take(self) -> tuple[socket.socket, int]:
        """Our ends."""
        self._taken = True
        return self.ours, self.trace

    def close_theirs(self) -> None:
        if self.theirs.fileno() >= 0:
            self.theirs.close()
            os.close(self.trace_write)

    def __enter__(self) -> _Ends:
        return self

    def __exit__(self, *_: object) -> None:
        self.close_theirs()
        if not self._taken:
            self.ours.close()
            os.close(self.trace)


def _reap(pid: int) -> int:
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:  # as `subprocess` has it: SIGCHLD is ignored here
        return 0


def _reap_group(process: subprocess.Popen[bytes]) -> int:
    """Reap an interpreter that was killed, and the worker that it forked last if nobody has heard of that one yet.

    Such a worker is our child too, and still in the interpreter's process group.
    """
    status = process.wait()
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-process.pid, 0)
    return status


def _receive(channel: socket.socket, timeout_s: float) -> tuple[str, float, bytes | str]:
    deadline = time.monotonic() + timeout_s
    size = _LENGTH.unpack(_exactly(channel, _LENGTH.size, deadline))[0]
    message: tuple[str, float, bytes | str] = pickle.loads(_exactly(channel, size, deadline))
    return message


def _exactly(channel: socket.socket, size: int, deadline: float) -> bytes:
    data = bytearray()
    while len(data) < size:
        # Never 0: what has arrived is read even when this thread comes late.
        channel.settimeout(max(deadline - time.monotonic(), 1e-3))
        try:
            part = channel.recv(min(size - len(data), 1 << 20))
        except TimeoutError as error:
            raise DeadlinePassed from error
        except OSError as error:
            raise WorkerGone from error
        if not part:
            raise WorkerGone
        data += part
    return bytes(data)
