"""The pool of worker processes behind `verify`: one for each process that verifies, started when first needed."""

from __future__ import annotations

import atexit
import os
import threading

from sandbox.pool import Call, CallOutcome, KillablePool
from verifiers.math.verdict import Outcome

WORKERS = max(1, min(4, len(os.sched_getaffinity(0))))
MEMORY_MB = 1024
"""Address space of a worker. sympy takes some 300 MiB of it."""
_CALLS_PER_WORKER = 5000

_lock = threading.Lock()
_pool: KillablePool | None = None


def judge_in_pool(gold: str, answer: str, timeout_s: float) -> tuple[Outcome, str, float]:
    """Compare two normalised answers in a worker that is killed after `timeout_s`: outcome, rule, seconds it took."""
    result = _running_pool().call("verifiers.math.verdict:judge_here", (gold, answer), timeout_s)
    match result.outcome:
        case CallOutcome.OK:
            outcome, rule = result.value
            return Outcome(outcome), rule, result.seconds
        case CallOutcome.TIMEOUT:
            return Outcome.TIMEOUT, "deadline", result.seconds
        case CallOutcome.CRASH:
            return Outcome.TOO_LARGE, "the worker died", result.seconds
    if "MemoryError" in result.traceback:
        return Outcome.TOO_LARGE, "memory", result.seconds
    return Outcome.WRONG, f"internal error: {result.traceback.strip().splitlines()[-1]}", result.seconds


def _running_pool() -> KillablePool:
    global _pool
    with _lock:
        if _pool is None:
            initializer = Call("verifiers.math.slow:warm", timeout_s=60.0)
            _pool = KillablePool(
                WORKERS, initializer=initializer, memory_mb=MEMORY_MB, calls_per_worker=_CALLS_PER_WORKER
            )
        return _pool


def close() -> None:
    """End the workers; the next comparison starts new ones."""
    global _pool
    with _lock:
        pool, _pool = _pool, None
    if pool is not None:
        pool.close()


def _forget() -> None:
    """In a forked child: the parent's pool has no threads here."""
    global _pool, _lock
    _lock = threading.Lock()
    _pool = None


os.register_at_fork(after_in_child=_forget)
atexit.register(close)
