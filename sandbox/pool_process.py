"""The parent's side of one worker process: start it, hand it calls, read results until a deadline, kill it.

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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

_LENGTH = struct.Struct("!I")
_WORKER = Path(__file__).with_name("pool_worker.py")
_TRACE_WAIT_MS = 200


class DeadlinePassed(Exception):
    """The worker sent no whole message in time."""


class WorkerGone(Exception):
    """The worker process has ended."""


class WorkerProcess:
    """One fresh interpreter in a process group of its own."""

    def __init__(self, settings: Mapping[str, Any], output: Path | None) -> None:
        """Start the process; it answers "ready" once its initializer has run.

        Args:
            settings: `memory_bytes`, `max_result_bytes`, `initializer` (see `sandbox/pool_worker.py`).
            output: file that what the worker prints is appended to; None drops it.
        """
        self.calls = 0
        """Calls that ended in this process."""
        self._lock = threading.Lock()
        self._reaped = False
        self._channel, theirs = socket.socketpair()
        self._trace, trace_write = os.pipe()
        os.set_blocking(self._trace, False)
        try:
            with theirs, open(output or os.devnull, "ab") as printed:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-u", str(_WORKER), str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=printed,
                    pass_fds=(theirs.fileno(), trace_write),
                    start_new_session=True,
                    # One thread a worker: the pool itself is what uses the cores.
                    env={"OMP_NUM_THREADS": "1", **os.environ},
                )
        except BaseException:
            self._channel.close()
            os.close(self._trace)
            raise
        finally:
            os.close(trace_write)
        path = [entry or os.getcwd() for entry in sys.path]
        with suppress(OSError):  # it died at once: the first receive says so
            self._send(pickle.dumps({**settings, "path": path, "trace_descriptor": trace_write}))

    def submit(self, calls: Sequence[bytes]) -> None:
        """Hand over pickled (function, args) pairs; their results come back in order.

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
        deadline = time.monotonic() + timeout_s
        size = _LENGTH.unpack(self._exactly(_LENGTH.size, deadline))[0]
        message: tuple[str, float, bytes | str] = pickle.loads(self._exactly(size, deadline))
        return message

    def trace(self) -> str:
        """Where the worker is stuck: the Python stack of its main thread, also when it is inside C code.

        "" when it does not say within 0.2 s.
        """
        try:
            os.kill(self._process.pid, signal.SIGUSR1)  # not reaped yet: the pid is still its own
        except ProcessLookupError:
            return ""
        text, wait_ms = b"", _TRACE_WAIT_MS
        readable = select.poll()
        readable.register(self._trace, select.POLLIN)
        while readable.poll(wait_ms) and (part := os.read(self._trace, 65536)):
            text += part
            wait_ms = 10  # the stack comes in several writes
        lines = text.decode(errors="replace").splitlines()
        own = next((i for i, line in enumerate(lines) if f'"{_WORKER}"' in line), len(lines))
        return "\n".join(lines[:own])

    def kill(self) -> None:
        """SIGKILL to the whole process group."""
        with self._lock:
            if not self._reaped:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def end(self, *, patience_ms: int = 0) -> str:
        """Kill the group, reap the process, close the descriptors; how it ended in words.

        Args:
            patience_ms: moment to give a process that is ending by itself, so that its own exit status is told.
        """
        self._channel.close()
        os.close(self._trace)
        for _ in range(patience_ms):
            if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                break
            time.sleep(0.001)
        self.kill()
        with self._lock:
            self._reaped = True
            status = self._process.wait()
        if status >= 0:
            return f"the process ended with exit code {status}"
        return f"the process was killed by {signal.Signals(-status).name}"

    def _send(self, message: bytes) -> None:
        # A worker that is between calls reads at once; one that does not within a minute is as good as gone.
        self._channel.settimeout(60.0)
        self._channel.sendall(_LENGTH.pack(len(message)) + message)

    def _exactly(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            # Never 0: what has arrived is read even when this thread comes late.
            self._channel.settimeout(max(deadline - time.monotonic(), 1e-3))
            try:
                part = self._channel.recv(min(size - len(data), 1 << 20))
            except TimeoutError as error:
                raise DeadlinePassed from error
            except OSError as error:
                raise WorkerGone from error
            if not part:
                raise WorkerGone
            data += part
        return bytes(data)
