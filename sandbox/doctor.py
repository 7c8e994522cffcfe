"""What `ponder sandbox doctor` finds out: which backends work here, what each isolates, and why another does not.

Nothing is taken for granted: every line is the answer of a program that was run inside and tried.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.bubblewrap import memory_limit_note
from sandbox.choose import make_backend
from sandbox.config import BACKENDS, SandboxConfig
from sandbox.probe import Check, examine_walls
from sandbox.types import Language, Limits, SandboxError, Verdict
from sandbox.warm import WarmSandbox

_RUNS = 50

_MEMORY = "parts = []\nwhile True: parts.append(bytearray(1 << 20))"
_TREE = """
import os, time
for _ in range(8):
    if os.fork() == 0:
        block = bytearray(b"x") * (24 << 20)
        time.sleep(20)
        os._exit(0)
time.sleep(20)
"""
_PROCESSES = """
import os, time
started = 0
try:
    for _ in range(100):
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        started += 1
except OSError:
    pass
print(started)
"""


@dataclass(frozen=True)
class Diagnosis:
    """What is known of one backend here."""

    name: str
    works: bool
    reason: str
    """Why it does not work, with the way out."""
    checks: tuple[Check, ...] = ()
    languages: tuple[str, ...] = ()
    milliseconds: float = 0.0
    """Of one trivial program."""


def diagnose(config: SandboxConfig) -> Iterator[Diagnosis]:
    """Look at every backend, one after another."""
    for name in BACKENDS:
        try:
            with WarmSandbox(make_backend(name, config), 2) as sandbox:
                yield _examine(name, sandbox)
        except SandboxError as error:
            yield Diagnosis(name, works=False, reason=str(error))


def _examine(name: str, sandbox: WarmSandbox) -> Diagnosis:
    small = Limits(memory_mb=96, wall_s=5.0, processes=16)
    one, tree = sandbox.run(_MEMORY, limits=small), sandbox.run(_TREE, limits=small)
    children = sandbox.run(_PROCESSES, limits=small)
    sleeper = sandbox.run("while True: pass", limits=Limits(wall_s=0.3))
    flood = sandbox.run("while True: print('x' * 1000)", limits=Limits(output_bytes=1 << 16))
    note = memory_limit_note() if name == "bubblewrap" else "by the container's limits"
    checks = (
        *examine_walls(sandbox),
        Check("memory limit", one.verdict is Verdict.MEMORY_LIMIT, f"ended at {one.peak_memory_mb:.0f} of 96 MiB"),
        Check("... of many processes", tree.verdict is Verdict.MEMORY_LIMIT, note),
        Check("process limit", children.stdout.strip().isdigit() and int(children.stdout) <= 16,
              f"{children.stdout.strip()} children of 16"),
        Check("time limit", sleeper.verdict is Verdict.TIMEOUT, f"killed after {sleeper.wall_s:.2f} s of 0.30"),
        Check("output limit", flood.verdict is Verdict.OUTPUT_LIMIT, str(flood.verdict)),
    )  # fmt: skip
    started = time.perf_counter()
    for _ in range(_RUNS):
        sandbox.run("print(1)")
    milliseconds = (time.perf_counter() - started) / _RUNS * 1000
    languages = [f"python {sandbox.python}", *sorted(sandbox.languages - {Language.PYTHON})]
    return Diagnosis(name, all(check.held for check in checks), "", checks, tuple(languages), milliseconds)
