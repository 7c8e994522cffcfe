"""Watches a running program: carries its streams, ends it at its limits, says how it ended."""

from __future__ import annotations

import os
import resource
import select
import signal
import time
from collections.abc import Iterator
from typing import Any

from sandbox.guest import frames, program
from sandbox.guest.connection import HostGone, write
from sandbox.guest.places import FOLDER

_READ = 1 << 16
_LOOK_S = 0.02
_REAP_S = 0.2  # ended orphans count as processes until they are reaped


class Watch:
    """Carries a running program's streams and ends it at its limits."""

    def __init__(
        self,
        job: dict[str, Any],
        control: int,
        out: int,
        child: int,
        channel: Any,
        stdin_fd: int,
        stdin: memoryview,
        shared_files: tuple[str, ...],
    ) -> None:
        self._job = job
        self._control = control
        self._out = out
        self._child = child
        self._channel = channel
        self._to_channel = bytearray()
        self._stdin_fd = stdin_fd
        self._stdin = stdin
        self._shared_files = shared_files
        self._frames = frames.FrameBuffer()
        self._poll = select.poll()
        self._open: dict[int, bytes] = {}
        self._left: dict[bytes, int] = {}
        self._status = b""
        self._status_open = True
        self._peak_tree = 0
        self._outgoing = bytearray()
        self._hears = False
        """Whether the program still sends through its channel."""
        self._cpu: dict[tuple[str, bytes], float] = {}
        """CPU seconds of every process that was ever seen."""
        self._waited: set[int] = set()

    def until_end(self, stdout: int, stderr: int, status: int, started: float) -> dict[str, Any]:
        """Watch to the end; what the program was ended by, and what it used."""
        deadline = started + self._job["wall_s"]
        alive = os.pidfd_open(self._child)
        os.set_blocking(self._out, False)  # nor may a caller who does not read stop the clock
        for descriptor, kind in ((stdout, frames.STDOUT), (stderr, frames.STDERR)):
            os.set_blocking(descriptor, False)  # the program can take back what was said to be there
            self._open[descriptor] = kind
            self._left[kind] = self._job["output_bytes"]
            self._poll.register(descriptor, select.POLLIN)
        for descriptor in (status, alive, self._control):
            self._poll.register(descriptor, select.POLLIN)
        if self._channel:
            self._channel.setblocking(False)
            self._open[self._channel.fileno()] = frames.CHANNEL
            self._left[frames.CHANNEL] = self._job["output_bytes"]
            self._wait_for(self._channel.fileno(), select.POLLIN)
            self._hears = True
        self._start_stdin()

        ended = ""
        exited = False
        while not ended and not exited:
            wait = deadline - time.monotonic()
            if wait <= 0:
                ended = "wall"
                break
            if self._job["tree_mb"]:
                wait = min(wait, _LOOK_S)
                if self._tree_is_too_large():
                    ended = "memory"
                    break
            if self._shared_files:
                wait = min(wait, _LOOK_S)
                if self._files_are_too_many():
                    ended = "files"
                    break
            if self._job["cpu_s"]:
                wait = min(wait, _LOOK_S)
                if self._cpu_seconds() > self._job["cpu_s"]:
                    ended = "cpu"
                    break
            self._reap_orphans()
            if self._outgoing:
                self._flush()
            for descriptor, _ in self._poll.poll(min(wait, _REAP_S) * 1000 + 1):
                if descriptor == alive:
                    exited = True
                elif descriptor == status:
                    self._read_status(status)
                elif descriptor == self._out:
                    self._flush()
                elif descriptor == self._control:
                    ended = self._listen() or ended
                elif descriptor == self._stdin_fd:
                    self._feed_stdin()
                elif descriptor not in self._open:  # the channel of a program that sends no more, but still hears
                    self._flush_channel()
                else:
                    ended = self._carry(descriptor) or ended
        wall = time.monotonic() - started
        exit_code, by_signal = self._collect(exited)
        # Everything is dead: what is in the pipes now is all there will ever be.
        for descriptor in list(self._open):
            while not ended and descriptor in self._open and select.select([descriptor], [], [], 0)[0]:
                ended = self._carry(descriptor)
        while self._status_open:  # no writer is left
            self._read_status(status)
        os.set_blocking(self._out, True)
        write(self._out, self._outgoing)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        failed = self._status.find(program.FAILED)
        return {
            "ended": ended,
            "exit_code": exit_code,
            "signal": by_signal,
            "compiled": self._status.startswith(program.COMPILED),
            "failure": self._status[failed + 1 :].decode("utf-8", "replace") if failed >= 0 else "",
            "wall_s": wall,
            "cpu_s": max(used.ru_utime + used.ru_stime, sum(self._cpu.values())),
            "peak_kb": max(used.ru_maxrss, self._peak_tree // 1024),
        }

    def _collect(self, exited: bool) -> tuple[int | None, int | None]:
        """Kill what is left and reap it all; the program's own exit code or signal."""
        if not exited:
            os.kill(self._child, signal.SIGKILL)
        _, status = os.waitpid(self._child, 0)
        kill_all()
        if os.WIFSIGNALED(status):
            return None, os.WTERMSIG(status)
        return os.WEXITSTATUS(status), None

    def _reap_orphans(self) -> None:
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None or ended.si_pid == self._child:
                return
            os.waitpid(ended.si_pid, 0)

    def _start_stdin(self) -> None:
        os.set_blocking(self._stdin_fd, False)
        self._poll.register(self._stdin_fd, select.POLLOUT)
        self._feed_stdin()

    def _feed_stdin(self) -> None:
        try:
            while self._stdin:
                self._stdin = self._stdin[os.write(self._stdin_fd, self._stdin[:_READ]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # the program does not read it
            pass
        self._poll.unregister(self._stdin_fd)
        os.close(self._stdin_fd)
        self._stdin_fd = -1

    def _read_status(self, descriptor: int) -> None:
        data = os.read(descriptor, _READ)
        self._status += data
        if not data:
            self._status_open = False
            self._poll.unregister(descriptor)

    def _carry(self, descriptor: int) -> str:
        """Send on what a stream holds; says `output` once it was more than the limit."""
        kind = self._open[descriptor]
        if kind == frames.CHANNEL:
            self._flush_channel()
        try:
            data = os.read(descriptor, _READ)
        except BlockingIOError:
            return ""
        except OSError:
            data = b""
        if not data:
            del self._open[descriptor]
            if kind == frames.CHANNEL:
                self._hears = False
                self._flush_channel()
            else:
                self._poll.unregister(descriptor)
            return ""
        allowed = data[: self._left[kind]]
        self._left[kind] -= len(allowed)
        if allowed:
            self._outgoing += frames.pack(kind, allowed)
            self._flush()
        return "output" if len(allowed) < len(data) else ""

    def wait_until_done(self) -> None:
        """Read what the host still sends for this program, so that none of it is taken for the next one's.

        Raises:
            HostGone: the connection ended.
        """
        while True:
            for kind, _ in self._frames.feed(self._hear()):
                if kind == frames.DONE:
                    return

    def _hear(self) -> bytes:
        data = os.read(self._control, _READ)
        if not data:
            raise HostGone
        return data

    def _flush(self) -> None:
        """Send as much to the host as it takes now."""
        try:
            while self._outgoing:
                del self._outgoing[: os.write(self._out, self._outgoing[: 1 << 18])]
        except BlockingIOError:
            pass
        except OSError as error:
            raise HostGone from error
        self._wait_for(self._out, select.POLLOUT if self._outgoing else 0)

    def _wait_for(self, descriptor: int, events: int) -> None:
        """Have the poll report these events of a descriptor from now on; 0 is none."""
        if events:
            self._poll.register(descriptor, events)
            self._waited.add(descriptor)
        elif descriptor in self._waited:
            self._poll.unregister(descriptor)
            self._waited.discard(descriptor)

    def _listen(self) -> str:
        """Take what the host sends; says `killed` when it wants the end."""
        try:
            data = self._hear()
        except BlockingIOError:
            return ""
        for kind, payload in self._frames.feed(data):
            if kind == frames.KILL:
                return "killed"
            if kind == frames.CHANNEL:
                self._to_channel += payload
        self._flush_channel()
        return ""

    def _flush_channel(self) -> None:
        if self._channel is None:
            return
        try:
            while self._to_channel:
                del self._to_channel[: self._channel.send(self._to_channel[:_READ])]
        except BlockingIOError:
            pass
        except OSError:
            self._to_channel.clear()
        events = (select.POLLIN if self._hears else 0) | (select.POLLOUT if self._to_channel else 0)
        self._wait_for(self._channel.fileno(), events)

    def _tree_is_too_large(self) -> bool:
        """Where no cgroup limits memory: add up what the processes hold of their own, and the files."""
        total = _used_bytes(FOLDER)
        for _, status in _of_all_processes("status"):
            for line in status.split(b"\n"):  # the only end of a line that the kernel lets no name of a process have
                if line.startswith((b"RssAnon:", b"RssShmem:")):
                    total += int(line.split()[1]) << 10
        self._peak_tree = max(self._peak_tree, total)
        return total > int(self._job["tree_mb"]) << 20

    def _cpu_seconds(self) -> float:
        """Of the whole tree, those included that ended unnoticed (as far as they were seen before)."""
        ticks = os.sysconf("SC_CLK_TCK")
        for name, text in _of_all_processes("stat"):
            fields = text.rpartition(b")")[2].split()
            self._cpu[name, fields[19]] = (int(fields[11]) + int(fields[12])) / ticks
        return sum(self._cpu.values())

    def _files_are_too_many(self) -> bool:
        used = [os.statvfs(folder) for folder in self._shared_files]
        return bool(
            sum(map(_used_bytes, self._shared_files)) > self._job["file_bytes"]
            or sum(files.f_files - files.f_ffree for files in used) > self._job["file_count"]
        )


def _of_all_processes(name: str) -> Iterator[tuple[str, bytes]]:
    """A file of /proc of every process but this one and process 1, as (process, content).

    Bytes, as a program may call its processes what it likes.
    """
    for process in os.listdir("/proc"):
        if process.isdigit() and int(process) not in (1, os.getpid()):
            try:
                with open(f"/proc/{process}/{name}", "rb") as file:
                    yield process, file.read()
            except OSError:  # it has just ended
                continue


def kill_all() -> None:
    """End every process but this one (and, in a container, process 1, which the kernel spares)."""
    for _ in range(100):
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return
        _reap_all()


def _reap_all() -> None:
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _used_bytes(folder: str) -> int:
    """Of the file system mounted there."""
    files = os.statvfs(folder)
    return (files.f_blocks - files.f_bfree) * files.f_frsize
