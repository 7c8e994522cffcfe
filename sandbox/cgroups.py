"""Memory and process limits of whole process trees, through cgroups v1 or v2 where they can be written.

The directories lie below this process's own cgroup or, where that cannot be, below one of its ancestors. A program
joins by itself, through descriptors that were opened here: whoever opened them decides what they may do.
"""

from __future__ import annotations

import itertools
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PREFIX = "ponder"
_serial = itertools.count()
_REMOVE_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class _Names:
    """What the files of one cgroup version are called."""

    memory: str
    swap: str
    pids: str
    peak: str
    events: str


_V1 = _Names("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "pids.max", "memory.max_usage_in_bytes",
             "memory.oom_control")  # fmt: skip
_V2 = _Names("memory.max", "memory.swap.max", "pids.max", "memory.peak", "memory.events")


class Cgroup:
    """One slot's cgroup (in v1 one directory for memory and one for processes)."""

    def __init__(self, memory: Path, pids: Path, names: _Names) -> None:
        self._memory = memory
        self._pids = pids
        self._names = names
        self._limits: tuple[int, int] | None = None
        self._peak = -1  # v2 resets the peak for one descriptor only
        with suppress(OSError):
            self._peak = os.open(memory / names.peak, os.O_RDWR)
        self._peak_is_reset = False
        self.join = [os.open(folder / "cgroup.procs", os.O_WRONLY) for folder in dict.fromkeys((memory, pids))]
        """Descriptors to which a process writes "0" to enter."""

    def limit(self, memory_mb: int, processes: int) -> None:
        """Set the limits of the next program and forget the last one's peak."""
        if self._limits != (memory_mb, processes):
            size = memory_mb << 20
            # v1 wants memory <= memory and swap at any moment, so which comes first depends on the old limits
            for _ in range(2):
                for name in (self._names.memory, self._names.swap):
                    with suppress(OSError):  # no swap accounting, or the other one first
                        (self._memory / name).write_text("0" if name == _V2.swap else str(size))
            (self._memory / self._names.memory).write_text(str(size))
            (self._pids / self._names.pids).write_text(str(processes))
            self._limits = memory_mb, processes
        self._peak_is_reset = False
        with suppress(OSError):  # v2 before Linux 6.12 cannot
            os.pwrite(self._peak, b"0", 0)
            self._peak_is_reset = True

    def out_of_memory(self) -> int:
        """How many processes were killed at the memory limit so far."""
        for line in (self._memory / self._names.events).read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
        return 0

    def peak_mb(self) -> float:
        """The most memory used since `limit`, in MiB; 0 where the kernel does not say."""
        return int(os.pread(self._peak, 32, 0)) / (1 << 20) if self._peak_is_reset else 0.0

    def remove(self) -> None:
        """Kill what is inside and remove the directories."""
        for descriptor in (*self.join, *([self._peak] if self._peak >= 0 else [])):
            os.close(descriptor)
        self.join, self._peak = [], -1
        give_up = time.monotonic() + _REMOVE_TIMEOUT_S
        for folder in dict.fromkeys((self._memory, self._pids)):
            while folder.exists():
                with suppress(OSError):
                    for pid in (folder / "cgroup.procs").read_text().split():
                        os.kill(int(pid), 9)
                    folder.rmdir()
                if time.monotonic() > give_up:
                    break
                time.sleep(0.001)


class CgroupsUnusable(OSError):
    """No cgroup can be made here; the message says why."""


def make_cgroup() -> Cgroup:
    """A fresh cgroup with memory and process limits.

    Raises:
        CgroupsUnusable: neither version can be written here.
    """
    own = dict(_own_cgroups())
    name = f"{_PREFIX}-{os.getpid()}-{next(_serial)}-{os.urandom(4).hex()}"
    reasons = []
    if "memory" in own and "pids" in own:
        try:
            memory = _make_below(_ROOT / "memory", own["memory"], name, ())
            try:
                pids = _make_below(_ROOT / "pids", own["pids"], name, ())
            except OSError:
                memory.rmdir()
                raise
            return Cgroup(memory, pids, _V1)
        except OSError as error:
            reasons.append(f"v1: {error.strerror or error} ({error.filename})")
    elif "" in own:
        try:
            folder = _make_below(_ROOT, own[""], name, ("memory", "pids"))
            return Cgroup(folder, folder, _V2)
        except OSError as error:
            reasons.append(f"v2: {error.strerror or error} ({error.filename})")
    raise CgroupsUnusable("; ".join(reasons) or "there are no memory and pids cgroups here")


def _remove_stale(parent: Path) -> None:
    """Remove empty cgroups of processes that were killed before they could do it themselves."""
    for folder in parent.glob(f"{_PREFIX}-*"):
        pid = folder.name.split("-")[1]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            with suppress(OSError):
                folder.rmdir()


def _own_cgroups() -> list[tuple[str, str]]:
    """This process's cgroups, as (controller, path); the controller of v2 is ""."""
    entries = []
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            entries += [(controller, path) for controller in controllers.split(",")]
    return entries


def _make_below(root: Path, own: str, name: str, controllers: tuple[str, ...]) -> Path:
    """A directory below the own cgroup or the nearest ancestor that allows it and passes the controllers on."""
    own_folder = root / own.strip("/")
    failure: OSError = FileNotFoundError(2, "no such cgroup hierarchy", str(root))
    for parent in [own_folder, *own_folder.parents]:
        if not parent.is_relative_to(root):
            break
        try:
            for controller in controllers:
                (parent / "cgroup.subtree_control").write_text(f"+{controller}")
            folder = parent / name
            folder.mkdir()
            _remove_stale(parent)
        except OSError as error:
            failure = error
            continue
        if (folder / "cgroup.procs").exists():
            return folder
        folder.rmdir()
    raise failure
