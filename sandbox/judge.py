"""What the inside reports, as a verdict."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from sandbox.types import Limits, Result, Verdict

_CPU_TICK_S = 0.02  # the kernel's limit and its report do not agree to the millisecond


def judge(report: Mapping[str, Any], limits: Limits, *, no_memory: bool) -> tuple[Verdict, str]:
    """How a program ended, and the detail for people.

    Args:
        report: of `sandbox.guest.watch`.
        limits: the program's.
        no_memory: whether one of its processes was killed for memory.
    """
    ended, number = report["ended"], report["signal"]
    if ended == "memory" or no_memory:
        return Verdict.MEMORY_LIMIT, f"more than {limits.memory_mb} MiB"
    if ended == "output":
        return Verdict.OUTPUT_LIMIT, f"more than {limits.output_bytes} bytes"
    if ended == "files":
        return Verdict.OUTPUT_LIMIT, f"files of more than {limits.file_bytes} bytes"
    if ended == "wall":
        return Verdict.TIMEOUT, f"still running after {limits.wall_s:g} s"
    cpu_s = limits.cpu_s or limits.wall_s
    used_up = report["cpu_s"] > cpu_s - _CPU_TICK_S
    # a process that ignores SIGXCPU is killed a second later
    if ended == "cpu" or number == signal.SIGXCPU or (used_up and (limits.cpu_s or number == signal.SIGKILL)):
        return Verdict.TIMEOUT, f"more than {cpu_s:g} s of CPU time"
    if ended == "killed":
        return Verdict.KILLED_BY_SIGNAL, "ended by its caller"
    if not report["compiled"]:
        return Verdict.COMPILE_ERROR, ""
    if number:
        return Verdict.KILLED_BY_SIGNAL, f"signal {number}"
    return (Verdict.NONZERO_EXIT if report["exit_code"] else Verdict.OK), ""


def says_out_of_memory(result: Result) -> bool:
    """Whether a failed program's last words are of memory: where no cgroup limits it, an allocation fails inside it."""
    last = result.stderr.rstrip().rpartition("\n")[2]
    return bool(result.exit_code or result.signal) and (
        last.startswith("MemoryError") or "std::bad_alloc" in result.stderr
    )
