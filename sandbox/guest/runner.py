"""One program's watcher: makes its namespaces, writes its files, starts it, carries its streams, reports its end.

Where namespaces can be made the runner is process 1 of the program's PID namespace: signals from inside cannot end it,
and when it ends the kernel ends everything else in there. In a container that forbids namespaces it is an ordinary
process that the program's system-call filter protects.
"""

from __future__ import annotations

import json
import os
import stat
import time
from typing import Any

from sandbox.guest import frames, linux, program
from sandbox.guest.connection import HostGone, read_frame, send
from sandbox.guest.places import FOLDER, SHARED, WORK
from sandbox.guest.watch import Watch, kill_all

HOST_GONE = 3
"""The runner's exit status after which the zygote ends as well."""


def run_one(control: int, out: int, settings: dict[str, Any]) -> Any:
    """Wait for a job, run it and report. Returns only in the process that is to become a Python program.

    Args:
        control: where the host's frames come from.
        out: where the host reads.
        settings: see `sandbox.guest.zygote`.
    """
    if settings["namespaces"]:
        _map_user(settings)
    else:
        linux.adopt_orphans()
    linux.die_with_parent()
    linux.set_dumpable(False)
    try:
        send(out, frames.READY, b"")
        _, payload = read_frame(control)
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
    job["memory_files"] = settings["namespaces"] and not job["tree_mb"]  # where a cgroup of its own counts them
    job.update(folder=WORK, cgroups=settings["cgroups"])

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
    watch = Watch(job, control, out, child, ours, stdin_write, stdin,
                   () if settings["namespaces"] else SHARED)  # fmt: skip
    try:
        report = watch.until_end(stdout_read, stderr_read, status_read, started)
        report["oom_kills"] = _oom_kills() - killed_before
        for path in job["fetch"]:
            send(out, frames.FILE, _read_back(path, job["file_bytes"]))
        send(out, frames.EXIT, json.dumps(report).encode())
        watch.wait_until_done()
    except HostGone:
        kill_all()
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


def _unpack(payload: bytearray) -> tuple[dict[str, Any], list[tuple[str, memoryview]], memoryview]:
    """A job frame: four bytes of length, the description (JSON), then the files and stdin one after another."""
    start = 4 + int.from_bytes(payload[:4], "big")
    job = json.loads(payload[4:start])
    files = []
    rest = memoryview(payload)
    for path, size in job["files"]:
        files.append((path, rest[start : start + size]))
        start += size
    return job, files, rest[start:]


def _write(path: str, content: memoryview) -> None:
    full = os.path.join(WORK, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    descriptor = os.open(full, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755)
    with open(descriptor, "wb") as file:
        file.write(content)


def _read_back(path: str, limit: int) -> bytes:
    """A file that the program made; empty where it is none, or a link or a device."""
    try:
        descriptor = os.open(os.path.join(WORK, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    with open(descriptor, "rb") as file:
        return file.read(limit) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""


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
