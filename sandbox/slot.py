"""One place where programs run, one after another: the host side of a zygote (see `sandbox/guest/`).

A slot is a two-way byte stream to a zygote inside some isolation. Backends differ in how they start one and what they
limit around it; how a program is sent in and its end is told are the same.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.resources import files
from threading import Lock
from typing import Any, Protocol

from sandbox.guest import frames
from sandbox.guest.places import FOLDER
from sandbox.judge import judge, says_out_of_memory
from sandbox.packing import pack_job
from sandbox.types import CHANNEL_FD, Job, Language, Result, SandboxError, Verdict

GUEST_MODULES = (
    "frames",
    "places",
    "connection",
    "linux",
    "seccomp",
    "program",
    "watch",
    "runner",
    "cleaning",
    "zygote",
)
"""In the order in which they import each other."""

BOOTSTRAP = """
import json, os, sys, types
def take(size):
    data = b""
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more: os._exit(0)
        data += more
    return data
start = json.loads(take(int.from_bytes(take(4), "big")))
for name in ("sandbox", "sandbox.guest"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = []
for name, source in start["modules"]:
    module = sys.modules[name] = types.ModuleType(name)
    setattr(sys.modules["sandbox.guest"], name.rpartition(".")[2], module)
    exec(compile(source, "<" + name + ">", "exec"), module.__dict__)
del name, source, module, take
run = sys.modules["sandbox.guest.zygote"].serve(start["settings"])
del start
run()
"""
"""The zygote's first program (`python3 -I -c`): takes the guest's modules from its standard input and serves."""

_START_TIMEOUT_S = 30.0
_READ = 1 << 18
_TURN_S = 0.05
_LONGEST_POLL_S = 1_000_000.0  # poll counts milliseconds in 32 bits
_GRACE_S = 15.0
"""How much longer than a program's own limit the slot may take before it counts as lost."""

assert CHANNEL_FD == 3  # as in sandbox/guest/program.py, which cannot import this


class SlotLost(Exception):
    """The slot broke under a program, which says nothing about the program."""


class Container(Protocol):
    """The isolation around a zygote."""

    connection: socket.socket
    """Connected to the zygote's standard input, and to where it answers."""

    def decode(self, data: bytes) -> bytes:
        """What the zygote wrote, out of what came through the connection."""
        ...

    def close(self) -> str:
        """Kill everything inside, free what it held; returns what the inside had said on its standard error."""
        ...


class Meter(Protocol):
    """What a backend limits and measures around a slot."""

    def before(self, job: Job) -> None:
        """Set the limits of the program that starts next."""
        ...

    def after(self, report: Mapping[str, Any]) -> tuple[bool, float]:
        """Whether memory ended, and the peak in MiB."""
        ...


def _guest(settings: Mapping[str, Any]) -> bytes:
    """What the bootstrap reads first: the guest's modules and the backend's settings."""
    folder = files("sandbox.guest")
    modules = [(f"sandbox.guest.{name}", (folder / f"{name}.py").read_text()) for name in GUEST_MODULES]
    start = json.dumps({"modules": modules, "settings": settings}).encode()
    return len(start).to_bytes(4, "big") + start


class Slot:
    """A started zygote. Used by one program at a time."""

    def __init__(self, container: Container, meter: Meter, settings: Mapping[str, Any], *, poll_tree: bool) -> None:
        """Send the guest in and wait until the zygote is ready.

        Args:
            container: runs `BOOTSTRAP`.
            meter: the backend's limits around it.
            settings: for the guest (see `sandbox/guest/zygote.py`).
            poll_tree: whether the inside itself has to hold the memory limit of a process tree.

        Raises:
            SandboxError: it does not start; says what it said.
        """
        self._container = container
        self._connection = container.connection
        self._connection.setblocking(False)
        self._early: list[bytes] = []
        self._meter = meter
        self._poll_tree = poll_tree
        self._frames = frames.FrameBuffer()
        self._arrived: list[tuple[bytes, bytes]] = []
        self._close_lock = Lock()
        self.closed = False
        self._running: Running | None = None
        self._shares_network = not settings["namespaces"]
        self._reading = Lock()
        """Held by who takes in what comes: a session may be sent to and read from by two threads."""
        try:
            self._write(_guest(settings))
            kind, payload = self._next_frame(time.monotonic() + _START_TIMEOUT_S)
        except (OSError, SlotLost) as lost:  # TimeoutError among them
            said = self.close() or str(lost) or "no answer in time"
            raise SandboxError(f"a place for programs does not start: {said}") from None
        assert kind == frames.HELLO
        hello = json.loads(payload)
        self.python: str = hello["python"]
        """Version of the interpreter inside."""
        self.toolchains: dict[str, str] = hello["toolchains"]
        """Path of the compiler or interpreter inside, by language."""

    @property
    def languages(self) -> frozenset[Language]:
        """What can be run here."""
        return frozenset({Language.PYTHON, *(Language(name) for name in self.toolchains)})

    @property
    def usable(self) -> bool:
        """Whether the next program can be sent in: it is open, and the last program was seen to its end."""
        last = self._running
        if self.closed or (last is not None and last.result is None):
            return False
        # connections that a program closed hold their ports for a while, in a network that outlives it
        return not (last is not None and last.job.limits.loopback and self._shares_network)

    @property
    def alive(self) -> bool:
        """Whether the inside still holds the connection."""
        try:
            return not self._poll(select.POLLIN).poll(0) or bool(self._connection.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def close(self) -> str:
        """Kill everything in it; returns what the inside had to say."""
        with self._close_lock:
            self.closed = True
            return self._container.close()

    def start(self, job: Job, argv: list[str] | None, main: str, fetch: tuple[str, ...] = ()) -> Running:
        """Send a program in.

        Args:
            job: the program; its source is written to `main`.
            argv: what to execute; None runs `main.py` in the warm interpreter.
            main: file name of the source; empty where `job.files` has all that is needed.
            fetch: files to read back after its end.

        Raises:
            SlotLost: the slot is gone.
        """
        payload = pack_job(job, argv, main, fetch, poll_tree=self._poll_tree)
        self._running = Running(self, job)  # from here on only its end makes the slot usable again
        try:
            ready, _ = self._next_frame(time.monotonic() + _START_TIMEOUT_S)
            assert ready == frames.READY
            self._meter.before(job)
            self._write(frames.pack(frames.JOB, payload))
        except OSError as error:  # TimeoutError among them
            raise SlotLost(self.close() or str(error) or "the sandbox was not ready in time") from error
        return self._running

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Send a frame to the program that runs; one that is lost is noticed by who waits for the end."""
        with suppress(OSError):
            self._write(frames.pack(kind, payload))

    def _write(self, data: bytes) -> None:
        """All of it, while taking in what comes: neither side may wait for the other to read.

        Raises:
            OSError: the other side is gone.
        """
        left = memoryview(data)
        while left:
            reading = self._reading.acquire(blocking=False)
            try:
                poll = self._poll(select.POLLOUT | (select.POLLIN if reading else 0))
                for _, events in poll.poll(_TURN_S * 1000):
                    if events & select.POLLIN:
                        self._early.append(self._connection.recv(_READ))
                        if not self._early[-1]:
                            raise ConnectionResetError("the sandbox closed the connection")
                    if events & select.POLLOUT:
                        left = left[self._connection.send(left) :]
                    elif not events & select.POLLIN:
                        raise ConnectionResetError("the sandbox closed the connection")
            finally:
                if reading:
                    self._reading.release()

    def _poll(self, events: int) -> select.poll:
        poll = select.poll()
        try:
            poll.register(self._connection, events)
        except ValueError:  # another thread has closed the sandbox
            raise ConnectionResetError("the sandbox was closed") from None
        return poll

    def _read(self, deadline: float) -> bytes:
        with self._reading:
            if self._early:
                return self._early.pop(0)
            poll = self._poll(select.POLLIN)
            if not poll.poll(min(max(0.0, deadline - time.monotonic()), _LONGEST_POLL_S) * 1000):
                raise TimeoutError
            return self._connection.recv(_READ)

    def _next_frame(self, deadline: float) -> tuple[bytes, bytes]:
        """The next frame.

        Raises:
            SlotLost: the stream ended.
            TimeoutError: `deadline` passed.
        """
        while not self._arrived:
            try:
                data = self._read(deadline)
            except TimeoutError:
                raise
            except OSError:
                data = b""
            if not data:
                raise SlotLost(self.close() or "the connection to the sandbox ended")
            self._arrived += self._frames.feed(self._container.decode(data))
        return self._arrived.pop(0)


class Running:
    """A program that was sent into a slot."""

    def __init__(self, slot: Slot, job: Job) -> None:
        self._slot = slot
        self.job = job
        """What runs."""
        self._stdout: list[bytes] = []
        self._stderr: list[bytes] = []
        self._deadline = time.monotonic() + job.limits.wall_s + _GRACE_S
        self.fetched: list[bytes] = []
        """The files that were asked for."""
        self.result: Result | None = None
        """Set once the program has ended."""

    def send(self, data: bytes) -> None:
        """Write to the program's channel."""
        if self.result is None:
            self._slot.send(frames.CHANNEL, data)

    def kill(self) -> None:
        """Ask for the program's end."""
        if self.result is None:
            self._slot.send(frames.KILL)

    def receive(self, timeout_s: float | None) -> bytes:
        """The next bytes of the channel; b"" once the program has ended.

        Raises:
            TimeoutError: none came in time.
            SlotLost: the slot broke.
        """
        deadline = self._deadline if timeout_s is None else min(time.monotonic() + timeout_s, self._deadline)
        while self.result is None:
            try:
                kind, payload = self._slot._next_frame(deadline)
            except TimeoutError:
                if time.monotonic() < self._deadline:
                    raise
                raise SlotLost(self._slot.close() or "the sandbox did not answer in time") from None
            if kind == frames.CHANNEL:
                return payload
            if kind == frames.STDOUT:
                self._stdout.append(payload)
            elif kind == frames.STDERR:
                self._stderr.append(payload)
            elif kind == frames.FILE:
                self.fetched.append(payload)
            elif kind == frames.EXIT:
                self.result = self._judge(json.loads(payload))
                self._slot.send(frames.DONE)
        return b""

    def wait(self) -> Result:
        """To the end, without the channel.

        Raises:
            SlotLost: the slot broke.
        """
        while self.result is None:
            self.receive(None)
        return self.result

    def _judge(self, report: dict[str, Any]) -> Result:
        if report["failure"]:
            raise SlotLost(self._slot.close() or report["failure"])
        no_memory, peak_mb = self._slot._meter.after(report)
        result = Result(
            Verdict.OK,
            b"".join(self._stdout).decode("utf-8", "replace"),
            b"".join(self._stderr).decode("utf-8", "replace"),
            exit_code=report["exit_code"] if not report["ended"] else None,
            signal=report["signal"] if not report["ended"] else None,
            wall_s=report["wall_s"],
            cpu_s=report["cpu_s"],
            peak_memory_mb=peak_mb,
        )
        no_memory = no_memory or (self._slot._poll_tree and says_out_of_memory(result))
        verdict, detail = judge(report, self.job.limits, no_memory=no_memory)
        return replace(result, verdict=verdict, detail=detail)


def inside_environment() -> dict[str, str]:
    """All of a program's environment."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": f"{FOLDER}/work",
        "LANG": "C.UTF-8",
    }
