"""A job as the inside reads it: four bytes of length, its description (JSON), its files and its standard input."""

from __future__ import annotations

import json
import math

from sandbox.types import Job

_PAGE = 8192  # what a file takes at most beside its length, its folder included


def pack_job(job: Job, argv: list[str] | None, main: str, fetch: tuple[str, ...], *, poll_tree: bool) -> bytes:
    """The payload of a job frame.

    Args:
        job: the program; its source is written to `main`.
        argv: what to execute; None runs `main.py` in the warm interpreter.
        main: file name of the source; empty where `job.files` has all that is needed.
        fetch: files to read back after its end.
        poll_tree: whether the inside itself has to hold the limits of the process tree.
    """
    limits = job.limits
    contents = {**({main: job.program} if main else {}), **job.files}
    blobs = {path: _bytes(content) for path, content in contents.items()}
    stdin = _bytes(job.stdin)
    cpu_s = limits.cpu_s or limits.wall_s
    rlimits = {
        "RLIMIT_CPU": max(1, math.ceil(cpu_s)),
        "RLIMIT_FSIZE": limits.file_bytes,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_CORE": 0,
    }
    if poll_tree:
        # Without a cgroup; counted for each user id, which in containers would be one for all of them.
        rlimits["RLIMIT_NPROC"] = limits.processes
    if argv:  # takes effect at exec: recursion may use the memory that there is
        rlimits["RLIMIT_STACK"] = limits.memory_mb << 20
    if poll_tree:
        # Catches one huge allocation before the next look at the tree; threads' stacks are only reserved.
        rlimits["RLIMIT_AS"] = (limits.memory_mb + 65536) << 20
    described = {
        "files": [(path, len(content)) for path, content in blobs.items()],
        "argv": argv,
        "channel": job.channel,
        "loopback": limits.loopback,
        "fetch": fetch,
        "wall_s": limits.wall_s,
        "cpu_s": limits.cpu_s,
        "output_bytes": limits.output_bytes,
        "file_bytes": limits.file_bytes + sum(_PAGE + len(content) for content in blobs.values()) + (1 << 20),
        "file_count": 4096 + limits.file_bytes // 65536 + 2 * len(blobs),
        "limits": rlimits,
        "tree_mb": limits.memory_mb if poll_tree else 0,
    }
    header = json.dumps(described).encode()
    return b"".join([len(header).to_bytes(4, "big"), header, *blobs.values(), stdin])


def _bytes(content: str | bytes) -> bytes:
    return content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
