"""The backend `bubblewrap`: zygotes inside bwrap containers, one program at a time each, limited by cgroups.

Two walls. bwrap makes the outer one, once for each slot: all namespaces, an own user id (as root: from a range; as an
ordinary user: one's own, unprivileged), a read-only system, no network, a cleared environment, no new privileges.
Inside it every program gets a second: a user, a PID and a mount namespace of its own with fresh file systems, no
capability, a system-call filter and its limits (see `sandbox/guest/runner.py`).
"""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

from sandbox.cgroups import Cgroup, CgroupsUnusable, make_cgroup
from sandbox.config import PYTHON
from sandbox.guest.places import FOLDER
from sandbox.slot import BOOTSTRAP, Slot, inside_environment
from sandbox.types import Job, SandboxError

UID_RANGE = range(1_200_000_000, 1_202_097_152)  # 32768 processes of 64 slots
"""User ids for slots of a sandbox that root starts; nobody else's on any machine we know."""

_STACK_KB = 65_536
_INSIDE_ID = "1000"
_DEVICES = ("null", "zero", "full", "random", "urandom")
_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = {
    "passwd": f"sandbox:x:{_INSIDE_ID}:{_INSIDE_ID}::{FOLDER}/work:/bin/sh\n",
    "group": f"sandbox:x:{_INSIDE_ID}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
}
_next_uid = itertools.count()


def uid_of(process: int, number: int) -> int:
    """The user id of a process's n-th slot; different processes' are different as far as the range goes."""
    return UID_RANGE[(process * 64 + number % 64) % len(UID_RANGE)]


class BubblewrapBackend:
    """Starts slots inside bwrap."""

    name = "bubblewrap"

    def __init__(self, python: str = PYTHON, read_only: tuple[str, ...] = ()) -> None:
        """Look for what is needed; start nothing.

        Args:
            python: the interpreter inside, below /usr or a folder of `read_only`.
            read_only: further folders of this machine that programs may read, at the same place.

        Raises:
            SandboxError: bwrap or the interpreter is not installed.
        """
        self._bwrap = shutil.which("bwrap") or ""
        if not self._bwrap:
            raise SandboxError(
                "bubblewrap is not installed (on Debian or Ubuntu: sudo apt-get install bubblewrap; "
                "on Fedora: sudo dnf install bubblewrap)"
            )
        if not os.access(python, os.X_OK):
            raise SandboxError(f"there is no {python}; set `python` of the sandbox to an interpreter below /usr")
        self._python = python
        self._read_only = read_only

    def start_slot(self) -> Slot:
        """A fresh container with a warm interpreter.

        The kernel ends it when the calling thread ends.

        Raises:
            SandboxError: it does not start.
        """
        cgroup: Cgroup | None = None
        with suppress(CgroupsUnusable):
            cgroup = make_cgroup()
        try:
            with ExitStack() as opened:
                etc = {}
                for name, text in _ETC.items():
                    file = opened.enter_context(tempfile.TemporaryFile())
                    file.write(text.encode())
                    file.seek(0)
                    etc[name] = file.fileno()
                container = _Container(self._command(etc), cgroup, etc.values())
            settings = {
                "namespaces": True,
                "environment": inside_environment(),
                "cgroups": cgroup.join if cgroup else [],
            }
            return Slot(container, _CgroupMeter(cgroup), settings, poll_tree=cgroup is None)
        except BaseException:
            if cgroup:
                cgroup.remove()
            raise

    def _command(self, etc: Mapping[str, int]) -> list[str]:
        """What to execute.

        Args:
            etc: files of /etc, as descriptors that the process inherits.
        """
        options = ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts",
                   "--unshare-cgroup-try", "--uid", _INSIDE_ID, "--gid", _INSIDE_ID, "--hostname", "sandbox",
                   "--new-session", "--die-with-parent", "--clearenv", "--cap-drop", "ALL"]  # fmt: skip
        for name, value in inside_environment().items():
            options += ["--setenv", name, value]
        options += ["--ro-bind", "/usr", "/usr"]
        for name in _SYSTEM:
            if os.path.islink(f"/{name}"):
                options += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
            elif os.path.isdir(f"/{name}"):
                options += ["--ro-bind", f"/{name}", f"/{name}"]
        options += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
        options += ["--ro-bind-try", "/etc/alternatives", "/etc/alternatives"]
        for folder in self._read_only:
            options += ["--ro-bind", folder, folder]
        options += ["--proc", "/proc", "--tmpfs", "/dev"]
        for name in _DEVICES:
            options += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
        for name, target in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
                             ("stderr", "/proc/self/fd/2"), ("shm", f"{FOLDER}/shm")):  # fmt: skip
            options += ["--symlink", target, f"/dev/{name}"]
        options += ["--symlink", f"{FOLDER}/tmp", "/tmp", "--dir", "/var", "--symlink", f"{FOLDER}/tmp", "/var/tmp"]
        for name, descriptor in etc.items():
            options += ["--perms", "0444", "--file", str(descriptor), f"/etc/{name}"]
        options += ["--dir", FOLDER, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/"]
        # the stack's size is settled when the interpreter starts: deep recursion must not end it
        shell = ["/bin/sh", "-c", f'ulimit -s {_STACK_KB} 2>/dev/null; exec "$@"', "sh"]
        return [*shell, self._bwrap, *options, self._python, "-I", "-c", BOOTSTRAP]


class _Container:
    """A bwrap process."""

    def __init__(self, command: list[str], cgroup: Cgroup | None, inherited: Iterable[int]) -> None:
        self._cgroup = cgroup
        self.connection, inside = socket.socketpair()
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)
        uid = uid_of(os.getpid(), next(_next_uid)) if os.geteuid() == 0 else None
        try:
            with inside:
                self._process = subprocess.Popen(
                    command,
                    stdin=inside.fileno(),
                    stdout=inside.fileno(),
                    stderr=self._said,
                    pass_fds=[*inherited, *(cgroup.join if cgroup else ())],
                    cwd="/",
                    start_new_session=True,
                    user=uid,
                    group=uid,
                    extra_groups=None if uid is None else [],
                )
        except BaseException:
            self.connection.close()
            self._said.close()
            raise

    def decode(self, data: bytes) -> bytes:
        return data

    def close(self) -> str:
        if self._said.closed:
            return ""
        self._process.kill()
        self._process.wait()
        self.connection.close()
        if self._cgroup:
            self._cgroup.remove()
        self._said.seek(0)
        said = self._said.read(2000).decode("utf-8", "replace").strip()
        self._said.close()
        return said


class _CgroupMeter:
    """Limits and peaks by cgroup, where there is one."""

    def __init__(self, cgroup: Cgroup | None) -> None:
        self._cgroup = cgroup
        self._killed = 0

    def before(self, job: Job) -> None:
        if self._cgroup:
            self._cgroup.limit(job.limits.memory_mb, job.limits.processes)

    def after(self, report: Mapping[str, Any]) -> tuple[bool, float]:
        peak_mb = report["peak_kb"] / 1024
        if not self._cgroup:
            return False, peak_mb
        killed, self._killed = self._killed, self._cgroup.out_of_memory()
        return self._killed > killed, self._cgroup.peak_mb() or peak_mb


def memory_limit_note() -> str:
    """How memory and processes are limited here, for people."""
    try:
        make_cgroup().remove()
    except CgroupsUnusable as error:
        nproc = resource.getrlimit(resource.RLIMIT_NPROC)[0]
        return f"by looking at the process tree every 20 ms and RLIMIT_NPROC ({nproc} at most); no cgroups: {error}"
    return f"by cgroups {'v1' if Path('/sys/fs/cgroup/memory').exists() else 'v2'}"
