"""The killable pool. Pinned behaviour:

1. values, errors (also ones that do not pickle or print) and their tracebacks come back;
2. stuck calls (sleeping, in C with the GIL held, in bignum arithmetic, ignoring signals) end at their deadline,
   and the result says where they were stuck;
3. dying processes (exit, signal, memory) are crashes or errors of that call alone;
4. forked children neither answer twice, nor keep a dead worker's call waiting, nor survive;
5. many stuck calls in a row and from many threads leave the pool healthy, no zombie, no descriptor behind;
6. workers are gone when the pool is closed, and when the process that owns it is killed.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from sandbox.pool import Call, CallOutcome, CallResult, KillablePool, PoolError

HERE = Path(__file__).parent
F = f"{HERE / 'pool_functions.py'}:"


@pytest.fixture(scope="module")
def pool() -> Iterator[KillablePool]:
    with KillablePool(2, memory_mb=400) as pool:
        yield pool


def run(pool: KillablePool, name: str, *args: object, timeout_s: float = 10.0) -> CallResult:
    return pool.call(F + name, args, timeout_s)


def test_value_and_reference_forms(pool: KillablePool) -> None:
    assert run(pool, "add", 2, 3).value == 5
    assert pool.call("operator:mul", (6, 7)).value == 42


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("raise_unpicklable", "Unpicklable: only one argument"),
        ("raise_hostile", "Hostile"),
        ("return_unpicklable", "cannot pickle"),
        ("system_exit", "SystemExit: 3"),
        ("nothing_here", "has no attribute 'nothing_here'"),
    ],
)
def test_errors_carry_their_traceback(pool: KillablePool, name: str, text: str) -> None:
    result = run(pool, name)
    assert result.outcome is CallOutcome.ERROR
    assert text in result.traceback


def test_a_large_result_is_an_error() -> None:
    with KillablePool(max_result_bytes=1000) as pool:
        assert run(pool, "return_large", 100).outcome is CallOutcome.OK
        result = run(pool, "return_large", 100 * 2**20)
        assert result.outcome is CallOutcome.ERROR
        assert "the limit is 1,000" in result.traceback


def test_large_arguments_and_results_pass(pool: KillablePool) -> None:
    assert pool.call("builtins:len", (bytes(30 * 2**20),)).value == 30 * 2**20
    assert len(run(pool, "return_large", 10 * 2**20).value) == 10 * 2**20


@pytest.mark.parametrize("name", ["stuck_in_c", "stuck_in_arithmetic", "ignore_signals"])
def test_stuck_calls_end_at_their_deadline(pool: KillablePool, name: str) -> None:
    run(pool, "add", 1, 1)
    started = time.monotonic()
    result = run(pool, name, timeout_s=0.5)
    assert result.outcome is CallOutcome.TIMEOUT
    assert "no result within 0.5 s" in result.traceback
    assert time.monotonic() - started < 3
    assert run(pool, "add", 1, 1).value == 2


def test_a_timeout_says_where_it_was_stuck(pool: KillablePool) -> None:
    result = run(pool, "stuck_in_c", timeout_s=0.5)
    assert "pool_functions.py" in result.traceback
    assert "in stuck_in_c" in result.traceback
    assert "pool_worker.py" not in result.traceback


@pytest.mark.parametrize(
    ("name", "args", "text"),
    [("exit_at_once", (3,), "exit code 3"), ("segfault", (), "SIGSEGV"), ("fork_then_die", (), "exit code 7")],
)
def test_crashes(pool: KillablePool, name: str, args: tuple[object, ...], text: str) -> None:
    started = time.monotonic()
    result = run(pool, name, *args, timeout_s=20)
    assert result.outcome is CallOutcome.CRASH
    assert text in result.traceback
    assert time.monotonic() - started < 10  # the death is noticed, not waited for
    assert run(pool, "add", 1, 1).value == 2


@pytest.mark.parametrize("name", ["memory_bomb", "slow_memory_bomb"])
def test_memory_bombs_stay_in_their_worker(pool: KillablePool, name: str) -> None:
    result = run(pool, name)
    assert result.outcome in (CallOutcome.ERROR, CallOutcome.CRASH)
    assert "MemoryError" in result.traceback
    assert run(pool, "add", 1, 1).value == 2


def test_what_a_call_leaves_behind_never_costs_the_next_one(pool: KillablePool) -> None:
    with KillablePool(1) as pool:
        assert run(pool, "alarm_later").value == "armed"
        assert run(pool, "sleep", 0.5).outcome is CallOutcome.OK


def test_a_forked_child_never_answers(pool: KillablePool) -> None:
    with KillablePool(1) as pool:
        worker = run(pool, "pid").value
        assert [run(pool, "fork_and_return").value for _ in range(5)] == [worker] * 5
        assert run(pool, "add", 1, 1).value == 2


def test_forked_children_die_with_the_call(pool: KillablePool, tmp_path: Path) -> None:
    note = tmp_path / "child"
    assert run(pool, "leave_child", str(note), timeout_s=1).outcome is CallOutcome.TIMEOUT
    assert wait_until(lambda: not alive(int(note.read_text())))


def test_map_keeps_order_and_uses_all_workers(pool: KillablePool) -> None:
    started = time.monotonic()
    calls = [Call(F + "sleep", (0.4 if i % 2 else 0.3,), 10) for i in range(6)]
    assert [result.value for result in pool.map(calls)] == [call.args[0] for call in calls]
    assert time.monotonic() - started < 1.9  # 2.1 s one after the other


def test_map_in_chunks_with_failures_between(pool: KillablePool) -> None:
    names = ["add", "add", "exit", "add", "stuck", "add", "error", "add", "exit", "stuck"] * 2
    how = {
        "add": Call(F + "add", (1, 2), 5),
        "exit": Call(F + "exit_at_once", (1,), 5),
        "stuck": Call(F + "stuck_in_c", (), 0.3),
        "error": Call(F + "raise_hostile", (), 5),
    }
    expected = {"add": "ok", "exit": "crash", "stuck": "timeout", "error": "error"}
    results = list(pool.map((how[name] for name in names), chunk=5))
    assert [result.outcome.value for result in results] == [expected[name] for name in names]


def test_map_reads_ahead_only_a_little(pool: KillablePool) -> None:
    taken = 0

    def endless() -> Iterator[Call]:
        nonlocal taken
        while True:
            taken += 1
            yield Call(F + "add", (taken, 0))

    results = pool.map(endless(), chunk=4)
    assert [next(results).value for _ in range(20)] == list(range(1, 21))
    assert taken < 60


def test_many_stuck_calls_from_many_threads_leave_it_healthy() -> None:
    me = psutil.Process()
    with KillablePool(2) as pool:
        list(pool.map([Call(F + "sleep", (0.3,))] * 4))  # both workers are up
        gc.collect()
        descriptors, processes = me.num_fds(), len(me.children())

        def one(i: int) -> CallOutcome:
            if i % 2:
                return run(pool, "stuck_in_c", timeout_s=0.05).outcome
            return run(pool, "add", i, i).outcome

        with ThreadPoolExecutor(8) as threads:
            outcomes = list(threads.map(one, range(60)))
        assert outcomes == [CallOutcome.OK, CallOutcome.TIMEOUT] * 30
        assert list(pool.map([Call("builtins:abs", (-i,)) for i in range(100)], chunk=10))[-1].value == 99
        assert wait_until(lambda: len(me.children()) == processes and me.num_fds() <= descriptors)
    assert [child for child in me.children() if child.status() == psutil.STATUS_ZOMBIE] == []


def test_workers_are_recycled() -> None:
    with KillablePool(1, calls_per_worker=3) as pool:
        pids = [run(pool, "pid").value for _ in range(7)]
    assert pids[0] == pids[2] != pids[3] == pids[5] != pids[6]


def test_initializer_runs_first_in_every_worker() -> None:
    with KillablePool(1, initializer=Call(F + "prepare", ("warm",))) as pool:
        assert run(pool, "prepared").value == ["warm"]
        run(pool, "exit_at_once", 1)
        assert run(pool, "prepared").value == ["warm"]


def test_workers_that_do_not_start_are_an_error_with_the_reason() -> None:
    with KillablePool(1, initializer=Call(F + "cannot_prepare")) as pool:
        for _ in range(2):
            with pytest.raises(PoolError, match="no licence server"):
                run(pool, "add", 1, 1)


def test_prints_go_to_the_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with KillablePool(1, output=tmp_path / "out.log") as pool:
        assert run(pool, "shout").value == "done"
    assert capfd.readouterr().out == ""
    assert (tmp_path / "out.log").read_text() == "printed by a call\n"


def test_close_ends_calls_under_way() -> None:
    pool = KillablePool(1)
    failed: list[BaseException] = []

    def wait() -> None:
        try:
            run(pool, "sleep", 100.0, timeout_s=100)
        except PoolError as error:
            failed.append(error)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    pool.close()
    pool.close()
    for thread in threads:
        thread.join(5)
    assert len(failed) == 3
    with pytest.raises(PoolError, match="closed"):
        run(pool, "add", 1, 1)


def test_workers_die_with_their_owner() -> None:
    script = textwrap.dedent(f"""
        import threading, time
        from sandbox.pool import KillablePool
        pool = KillablePool(1)
        print(pool.call({F + "pid"!r}).value, flush=True)
        pool.call({F + "stuck_in_c"!r}, (), 1000)
    """)
    owner = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=HERE.parent.parent, env=os.environ
    )
    assert owner.stdout is not None
    worker = int(owner.stdout.readline())
    time.sleep(0.3)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    assert wait_until(lambda: not alive(worker))


def test_workers_import_little(pool: KillablePool) -> None:
    loaded = set(run(pool, "modules").value)
    assert not loaded & {"torch", "numpy", "ray", "sympy", "pydantic", "multiprocessing", "asyncio"}


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False
