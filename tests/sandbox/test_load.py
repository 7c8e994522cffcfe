"""Many programs from many threads: every verdict right, nothing grows, and killed helpers never cost a right verdict.

1. 5,000 programs from 16 threads, one in twenty hostile: verdicts, memory and descriptors.
2. `kill -9` of the sandbox's own helpers, at random, during load: right verdicts or `sandbox error`.
"""

from __future__ import annotations

import gc
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import psutil
import pytest

from sandbox import Limits, Result, Verdict
from sandbox.warm import WarmSandbox
from tests.sandbox.conftest import open_backend

_TIGHT = Limits(wall_s=5.0, memory_mb=48, processes=24, output_bytes=1 << 16)


@dataclass(frozen=True)
class Expected:
    """A program and what has to come out."""

    program: str
    right: Callable[[Result, int], bool]
    limits: Limits = _TIGHT


def _ends(verdict: Verdict) -> Callable[[Result, int], bool]:
    return lambda result, _: result.verdict is verdict


HOSTILE = (
    Expected("parts = []\nwhile True: parts.append(bytearray(1 << 20))", _ends(Verdict.MEMORY_LIMIT)),
    Expected("while True: print('x' * 1000)", _ends(Verdict.OUTPUT_LIMIT)),
    Expected("while True: pass", _ends(Verdict.TIMEOUT), Limits(wall_s=0.3)),
    Expected("import os\nos.kill(os.getpid(), 9)", _ends(Verdict.KILLED_BY_SIGNAL)),
    Expected("import os\nif os.fork() == 0:\n    os.setsid()\n    import time; time.sleep(60)", _ends(Verdict.OK)),
    Expected("import os\ntry:\n    while True: os.fork()\nexcept OSError: os._exit(7)",
             lambda result, _: result.verdict in (Verdict.NONZERO_EXIT, Verdict.OK, Verdict.TIMEOUT),
             Limits(wall_s=1.0, processes=16)),
    Expected("import ctypes; ctypes.string_at(0)", _ends(Verdict.KILLED_BY_SIGNAL)),
    Expected("open('/tmp/left', 'w').write('{n}')\nimport os; os._exit(3)", _ends(Verdict.NONZERO_EXIT)),
)  # fmt: skip
HONEST = (
    Expected("print({n} * {n})", lambda result, n: (result.verdict, result.stdout) == (Verdict.OK, f"{n * n}\n")),
    Expected("import sys\nsys.exit({n} % 5)", lambda result, n: result.exit_code == n % 5),
    Expected("import os\nassert not os.path.exists('/tmp/left')\nprint(sorted(os.listdir()), end='')",
             lambda result, _: result.stdout == "['main.py']"),
    Expected("raise ValueError('{n}')", lambda result, n: f"ValueError: {n}" in result.stderr),
    Expected("print('y' * 20000)", lambda result, _: result.stdout == "y" * 20000 + "\n"),
    Expected("if {n} >= 0 print('no')", _ends(Verdict.COMPILE_ERROR)),
)  # fmt: skip


def _run(sandbox: WarmSandbox, number: int, case: Expected) -> tuple[bool, Result]:
    result = sandbox.run(case.program.replace("{n}", str(number)), limits=case.limits)
    return case.right(result, number), result


def _cases(count: int, seed: int) -> list[Expected]:
    draw = random.Random(seed)
    return [draw.choice(HOSTILE if number % 20 == 0 else HONEST) for number in range(count)]


def _footprint() -> tuple[float, int]:
    """Memory in MiB of this process and all below it, and open descriptors of this process."""
    gc.collect()
    own = psutil.Process()
    total = 0
    for process in [own, *own.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total / (1 << 20), own.num_fds()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_five_thousand_programs_from_sixteen_threads(sandbox: WarmSandbox) -> None:
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda number: _run(sandbox, number, HONEST[number % len(HONEST)]), range(200)))
        memory, descriptors = _footprint()
        cases = _cases(5000, seed=1)
        results = list(threads.map(lambda number: _run(sandbox, number, cases[number]), range(len(cases))))
        wrong = [(cases[number].program, result) for number, (right, result) in enumerate(results) if not right]
        assert wrong == []
        assert {result.verdict for _, result in results} == set(Verdict) - {Verdict.SANDBOX_ERROR}
        memory_after, descriptors_after = _footprint()
    assert memory_after < memory + 48, f"{memory:.0f} MiB before, {memory_after:.0f} after"
    assert descriptors_after <= descriptors + 2


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_helpers_killed_at_random_during_load() -> None:
    draw = random.Random(5)
    done = threading.Event()
    kills: Counter[str] = Counter()

    with open_backend("bubblewrap", workers=4) as sandbox:

        def kill_helpers() -> None:
            while not done.wait(draw.uniform(0.02, 0.2)):
                with suppress(psutil.NoSuchProcess, IndexError):
                    slot = draw.choice(list(sandbox._slots))
                    outer = psutil.Process(slot._container._process.pid)  # type: ignore[attr-defined]
                    # bwrap, its first process, the zygote, the runner; what is further down is the program
                    chain = [outer, *outer.children(recursive=True)[:3]]
                    victim = draw.randrange(len(chain))
                    chain[victim].send_signal(signal.SIGKILL)
                    kills[("bwrap", "first process", "zygote", "runner")[victim]] += 1

        killer = threading.Thread(target=kill_helpers)
        killer.start()
        try:
            cases = _cases(1500, seed=2)
            with ThreadPoolExecutor(16) as threads:
                results = list(threads.map(lambda number: _run(sandbox, number, cases[number]), range(len(cases))))
        finally:
            done.set()
            killer.join()
        wrong = [
            (cases[number].program, result)
            for number, (right, result) in enumerate(results)
            if not right and result.verdict is not Verdict.SANDBOX_ERROR
        ]
        assert wrong == []
        assert all(kills[name] >= 3 for name in ("bwrap", "first process", "zygote", "runner")), kills
        errors = sum(result.verdict is Verdict.SANDBOX_ERROR for _, result in results)
        assert errors < 0.05 * len(results), f"{errors} sandbox errors for {kills.total()} kills"
        print(f"{kills.total()} kills ({dict(kills)}), {errors} sandbox errors of {len(results)}")
        for number in range(50):
            assert sandbox.run(f"print({number})").stdout == f"{number}\n"
