"""One program's watcher: makes its namespaces, writes its files, starts it, carries its streams, reports its end.

Where namespaces can be made the runner is process 1 of the program's PID namespace: signals from inside cannot end it,
and when it ends the kernel ends everything else in there. In a container that forbids namespaces it is an ordinary
process that the program's system-call filter protects.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import stat
import time
from typing import Any

from sandbox.guest import frames, linux, program

FOLDER = "/sandbox"
"""A file system of its own for each program: `work` is its working directory, `tmp` and `shm` what their names say."""
_WORK = f"{FOLDER}/work"
SHARED = (FOLDER, "/tmp", "/dev/shm")
"""What programs of a container without namespaces write to, one after another."""

HOST_GONE = 3
"""The runner's exit status after which the zygote ends as well."""

_READ = 1 << 16
_LOOK_S = 0.02
_REAP_S = 0.2  # ended orphans count as processes until they are reaped


class HostGone(Exception):
    """The host side closed the connection."""


def run_one(control: int, out: int, settings: dict[str, Any]) -> Any:
    """Wait for a job, run it and report. Returns only in the process that is to become a Python program.

    Args:
        control: where the host's frames come from.
        out: where the host reads.
        settings: see `sandbox.zygote`.
    """
    if settings["namespaces"]:
        _map_user(settings)
    else:
        linux.adopt_orphans()
    linux.die_with_parent()
    linux.set_dumpable(False)
    try:
        kind, payload = _read_frame(control)
        while kind != frames.JOB:  # what was meant for a program that has ended
            kind, payload = _read_frame(control)
    except HostGone:
        os._exit(HOST_GONE)
    job, files, stdin = _unpack(payload)
    if settings["namespaces"]:
        linux.mount("tmpfs", FOLDER, linux.MS_NOSUID | linux.MS_NODEV,
                    f"size={job['file_bytes']},nr_inodes={job['file_count']},mode=755")  # fmt: skip
        if job["loopback"]:
            linux.make_loopback()
        linux.mount("proc", "/proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    for name in ("work", "tmp", "shm"):
        os.mkdir(f"{FOLDER}/{name}")
    linux.drop_capabilities()
    for path, content in files:
        _write(path, content)
    job.update(folder=_WORK, cgroups=settings["cgroups"])

    stdin_read, stdin_write = os.pipe()
    stdout_read, stdout_write = os.pipe()
    stderr_read, stderr_write = os.pipe()
    status_read, status_write = os.pipe()
    ours, theirs = _socketpair() if job["channel"] else (None, None)
    killed_before = _oom_kills()
    started = time.monotonic()
    runner = os.getpid()
    child = os.fork()
    if child == 0:
        return program.become(job, (stdin_read, stdout_write, stderr_write),
                              theirs.fileno() if theirs else -1, status_write, runner)  # fmt: skip
    for descriptor in (stdin_read, stdout_write, stderr_write, status_write):
        os.close(descriptor)
    if theirs:
        theirs.close()
    watch = _Watch(job, control, out, child, ours, stdin_write, stdin,
                   () if settings["namespaces"] else SHARED)  # fmt: skip
    try:
        report = watch.until_end(stdout_read, stderr_read, status_read, started)
        report["oom_kills"] = _oom_kills() - killed_before
        for path in job["fetch"]:
            _send(out, frames.FILE, _read_back(path, job["file_bytes"]))
        _send(out, frames.EXIT, json.dumps(report).encode())
    except HostGone:
        _kill_all()
        os._exit(HOST_GONE)
    os._exit(0)


def _socketpair() -> tuple[Any, Any]:
    import socket  # a large module that few programs need

    return socket.socketpair()


def _map_user(settings: dict[str, Any]) -> None:
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{settings['uid']} {settings['uid']} 1"),
        ("gid_map", f"{settings['gid']} {settings['gid']} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _read_frame(control: int) -> tuple[bytes, bytes]:
    kind, length = frames.HEADER.unpack(_read_exactly(control, frames.HEADER.size))
    return kind, _read_exactly(control, length)


def _read_exactly(control: int, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        data = os.read(control, min(size - len(parts), 1 << 20))
        if not data:
            raise HostGone
        parts += data
    return bytes(parts)


def _unpack(payload: bytes) -> tuple[dict[str, Any], list[tuple[str, bytes]], bytes]:
    """A job frame: four bytes of length, the description (JSON), then the files and stdin one after another."""
    start = 4 + int.from_bytes(payload[:4], "big")
    job = json.loads(payload[4:start])
    files = []
    for path, size in job["files"]:
        files.append((path, payload[start : start + size]))
        start += size
    return job, files, payload[start:]


def _write(path: str, content: bytes) -> None:
    full = os.path.join(_WORK, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    descriptor = os.open(full, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755)
    with open(descriptor, "wb") as file:
        file.write(content)


def _read_back(path: str, limit: int) -> bytes:
    """A file that the program made; empty where it is none, or a link or a device."""
    try:
        descriptor = os.open(os.path.join(_WORK, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    with open(descriptor, "rb") as file:
        return file.read(limit) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""


def _send(out: int, kind: bytes, payload: bytes) -> None:
    data = memoryview(frames.pack(kind, payload))
    while data:
        try:
            data = data[os.write(out, data) :]
        except OSError as error:
            raise HostGone from error


def _kill_all() -> None:
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


def _oom_kills() -> int:
    """How many processes of this container the kernel has killed for memory; 0 where it cannot be seen."""
    for path in ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events"):
        try:
            with open(path) as file:
                for line in file:
                    if line.startswith("oom_kill "):
                        return int(line.split()[1])
        except OSError:
            continue
    return 0


class _Watch:
    """Carries a running program's streams and ends it at its limits."""

    def __init__(
        self,
        job: dict[str, Any],
        control: int,
        out: int,
        child: int,
        channel: Any,
        stdin_fd: int,
        stdin: bytes,
        shared_files: tuple[str, ...],
    ) -> None:
        self._job = job
        self._control = control
        self._out = out
        self._child = child
        self._channel = channel
        self._to_channel = bytearray()
        self._stdin_fd = stdin_fd
        self._stdin = memoryview(stdin)
        self._shared_files = shared_files
        self._frames = frames.FrameBuffer()
        self._poll = select.poll()
        self._open: dict[int, bytes] = {}
        self._left: dict[bytes, int] = {}
        self._status = b""
        self._status_open = True
        self._peak_tree = 0

    def until_end(self, stdout: int, stderr: int, status: int, started: float) -> dict[str, Any]:
        """Watch to the end; what the program was ended by, and what it used."""
        deadline = started + self._job["wall_s"]
        alive = os.pidfd_open(self._child)
        for descriptor, kind in ((stdout, frames.STDOUT), (stderr, frames.STDERR)):
            self._open[descriptor] = kind
            self._left[kind] = self._job["output_bytes"]
            self._poll.register(descriptor, select.POLLIN)
        for descriptor in (status, alive, self._control):
            self._poll.register(descriptor, select.POLLIN)
        if self._channel:
            self._channel.setblocking(False)
            self._open[self._channel.fileno()] = frames.CHANNEL
            self._left[frames.CHANNEL] = self._job["output_bytes"]
            self._poll.register(self._channel.fileno(), select.POLLIN)
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
                if sum(map(_used_bytes, self._shared_files)) > self._job["file_bytes"]:
                    ended = "files"
                    break
            self._reap_orphans()
            for descriptor, _ in self._poll.poll(min(wait, _REAP_S) * 1000 + 1):
                if descriptor == alive:
                    exited = True
                elif descriptor == status:
                    self._read_status(status)
                elif descriptor == self._control:
                    ended = self._listen() or ended
                elif descriptor == self._stdin_fd:
                    self._feed_stdin()
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
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        failed = self._status.find(program.FAILED)
        return {
            "ended": ended,
            "exit_code": exit_code,
            "signal": by_signal,
            "compiled": self._status.startswith(program.COMPILED),
            "failure": self._status[failed + 1 :].decode("utf-8", "replace") if failed >= 0 else "",
            "wall_s": wall,
            "cpu_s": used.ru_utime + used.ru_stime,
            "peak_kb": max(used.ru_maxrss, self._peak_tree // 1024),
        }

    def _collect(self, exited: bool) -> tuple[int | None, int | None]:
        """Kill what is left and reap it all; the program's own exit code or signal."""
        if not exited:
            os.kill(self._child, signal.SIGKILL)
        _, status = os.waitpid(self._child, 0)
        _kill_all()
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
        try:
            data = os.read(descriptor, _READ)
        except BlockingIOError:
            data = b""
            if kind == frames.CHANNEL:
                self._flush_channel()
                return ""
        except OSError:
            data = b""
        if not data:
            self._poll.unregister(descriptor)
            del self._open[descriptor]
            return ""
        if kind == frames.CHANNEL:
            self._flush_channel()
        allowed = data[: self._left[kind]]
        self._left[kind] -= len(allowed)
        if allowed:
            _send(self._out, kind, allowed)
        return "output" if len(allowed) < len(data) else ""

    def _listen(self) -> str:
        """Take what the host sends; says `killed` when it wants the end."""
        data = os.read(self._control, _READ)
        if not data:
            raise HostGone
        for kind, payload in self._frames.feed(data):
            if kind == frames.KILL:
                return "killed"
            if kind == frames.CHANNEL:
                self._to_channel += payload
        self._flush_channel()
        return ""

    def _flush_channel(self) -> None:
        if self._channel is None or self._channel.fileno() not in self._open:
            self._to_channel.clear()
            return
        try:
            while self._to_channel:
                del self._to_channel[: self._channel.send(self._to_channel[:_READ])]
        except BlockingIOError:
            pass
        except OSError:
            self._to_channel.clear()
        events = select.POLLIN | (select.POLLOUT if self._to_channel else 0)
        self._poll.modify(self._channel.fileno(), events)

    def _tree_is_too_large(self) -> bool:
        """Where no cgroup limits memory: add up what the processes hold of their own, and the files."""
        page = os.sysconf("SC_PAGE_SIZE")
        total = 0
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid():
                try:
                    with open(f"/proc/{name}/statm") as file:
                        fields = file.read().split()
                except OSError:  # it has just ended
                    continue
                total += (int(fields[1]) - int(fields[2])) * page
        total += _used_bytes(FOLDER)
        self._peak_tree = max(self._peak_tree, total)
        return total > int(self._job["tree_mb"]) << 20
