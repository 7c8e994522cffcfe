"""The killable pool. Pinned behaviour:

1. values, errors (also ones that do not pickle or print) and their tracebacks come back;
2. stuck calls (sleeping, in C with the GIL held, in bignum arithmetic, ignoring signals) end at their deadline,
   which a call can ask for, and the result says where they were stuck;
3. dying processes (exit, signal, memory) are crashes or errors of that call alone; one that somebody else killed is
   not: its call is made once more;
4. forked children neither answer twice, nor keep a dead worker's call waiting, nor survive;
5. many stuck and dying calls in a row and from many threads leave the pool healthy, no zombie, no descriptor behind;
6. workers are gone when the pool is closed, and when the process that owns it is killed;
7. the initializer runs once, in a template; a forked worker is a whole process of its own, a child of the pool's
   process; an initializer that a fork would break runs in every worker;
8. an initializer that fails or is stuck is reported with the reason; a template that is killed or stopped is replaced,
   and takes no call along.
"""

from __future__ import annotations

import gc
import os
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

from sandbox import pool_source
from sandbox.pool import Call, CallOutcome, CallResult, KillablePool, PoolError
from sandbox.pool_worker import seconds_left

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


def test_a_call_is_made_again_when_somebody_kills_its_process(tmp_path: Path) -> None:
    note = tmp_path / "worker"
    with KillablePool(1) as pool, ThreadPoolExecutor(1) as threads:
        for kills in (1, 2):
            under_way = threads.submit(run, pool, "note_and_sleep", str(note), 0.5)
            for _ in range(kills):
                assert wait_until(lambda: note.exists() and note.read_text() != "")
                victim = psutil.Process(int(note.read_text()))
                note.unlink()
                victim.kill()
            result = under_way.result()
            assert result.outcome is (CallOutcome.OK if kills == 1 else CallOutcome.CRASH), result
            note.unlink(missing_ok=True)
            assert "SIGKILL" in result.traceback or kills == 1
            assert run(pool, "exit_at_once", 3).outcome is CallOutcome.CRASH  # the next call finds a fresh process


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


def test_a_call_knows_its_deadline(pool: KillablePool) -> None:
    calls = [Call("sandbox.pool_worker:seconds_left", timeout_s=timeout_s) for timeout_s in (5.0, 50.0)]
    found = {number: result.value for number, result in pool.completed(calls, chunk=2)}
    assert 4 < found[0] <= 5 and 49 < found[1] <= 50
    assert seconds_left() is None


def test_many_calls_use_all_workers_and_come_with_their_numbers(pool: KillablePool) -> None:
    started = time.monotonic()
    calls = [Call(F + "sleep", (0.4 if i % 2 else 0.3,), 10) for i in range(6)]
    found = dict(pool.completed(calls))
    assert [found[i].value for i in range(6)] == [call.args[0] for call in calls]
    assert time.monotonic() - started < 1.9  # 2.1 s one after the other


def test_nothing_waits_for_a_stuck_call(pool: KillablePool) -> None:
    calls = [Call(F + "stuck_in_c", (), 2.0), *(Call(F + "add", (i, 0), 5) for i in range(200))]
    numbers = [number for number, _ in pool.completed(calls, chunk=4)]
    assert numbers.index(0) >= 190  # but those in its own message
    assert sorted(numbers) == list(range(201))


def test_many_calls_in_chunks_with_failures_between(pool: KillablePool) -> None:
    names = ["add", "add", "exit", "add", "stuck", "add", "error", "add", "exit", "stuck"] * 2
    how = {
        "add": Call(F + "add", (1, 2), 5),
        "exit": Call(F + "exit_at_once", (1,), 5),
        "stuck": Call(F + "stuck_in_c", (), 0.3),
        "error": Call(F + "raise_hostile", (), 5),
    }
    expected = {"add": "ok", "exit": "crash", "stuck": "timeout", "error": "error"}
    found = dict(pool.completed((how[name] for name in names), chunk=5))
    assert [found[i].outcome.value for i in range(len(names))] == [expected[name] for name in names]


def test_many_calls_are_read_ahead_only_a_little(pool: KillablePool) -> None:
    taken = 0

    def endless() -> Iterator[Call]:
        nonlocal taken
        while True:
            taken += 1
            yield Call(F + "add", (taken, 0))

    results = pool.completed(endless(), chunk=4)
    for _ in range(20):
        number, result = next(results)
        assert result.value == number + 1
    assert taken < 60


def test_many_stuck_calls_from_many_threads_leave_it_healthy() -> None:
    hostile = [
        (Call(F + "stuck_in_c", (), 0.05), CallOutcome.TIMEOUT),
        (Call(F + "ignore_signals", (), 0.05), CallOutcome.TIMEOUT),
        (Call(F + "exit_at_once", (3,), 20), CallOutcome.CRASH),
        (Call(F + "fork_then_die", (), 20), CallOutcome.CRASH),
        (Call(F + "memory_bomb", (), 20), CallOutcome.ERROR),
        *[(Call(F + "stuck_in_c", (), 0.05), CallOutcome.TIMEOUT)] * 3,
    ]
    me = psutil.Process()
    gc.collect()
    before = me.num_fds(), len(me.children(recursive=True))
    with KillablePool(4, memory_mb=400) as pool:

        def one(i: int) -> None:
            assert run(pool, "add", i, i, timeout_s=20).value == 2 * i
            call, outcome = hostile[i % len(hostile)]
            assert pool.call(call.function, call.args, call.timeout_s).outcome is outcome

        with ThreadPoolExecutor(8) as threads:
            assert len(list(threads.map(one, range(300)))) == 300
        assert dict(pool.completed([Call("builtins:abs", (-i,)) for i in range(100)], chunk=10))[99].value == 99
        assert wait_until(lambda: len(me.children(recursive=True)) == before[1] + 5)  # the template and the workers
        assert [child for child in me.children() if child.status() == psutil.STATUS_ZOMBIE] == []
    gc.collect()
    assert (me.num_fds(), len(me.children(recursive=True))) == before


def test_closing_at_any_moment_leaves_nothing() -> None:
    me = psutil.Process()
    gc.collect()
    before = me.num_fds(), len(me.children(recursive=True))
    for calls in range(0, 60, 3):
        pool = KillablePool(3, calls_per_worker=1)  # so that it forks all the time
        results = pool.completed([Call("builtins:abs", (-i,)) for i in range(100)])
        for _ in range(calls):
            number, result = next(results)
            assert result.value == number
        pool.close()
        with pytest.raises(PoolError, match="closed"):
            list(results)
    gc.collect()
    assert (me.num_fds(), len(me.children(recursive=True))) == before


def test_workers_are_recycled() -> None:
    with KillablePool(1, calls_per_worker=3) as pool:
        pids = [run(pool, "pid").value for _ in range(7)]
    assert pids[0] == pids[2] != pids[3] == pids[5] != pids[6]


def test_initializer_runs_first_in_every_worker() -> None:
    with KillablePool(1, initializer=Call(F + "prepare", ("warm",))) as pool:
        assert run(pool, "prepared").value == ["warm"]
        run(pool, "exit_at_once", 1)
        assert run(pool, "prepared").value == ["warm"]


def test_a_forked_worker_is_a_process_of_its_own() -> None:
    with KillablePool(1, calls_per_worker=1, initializer=Call(F + "who")) as pool:
        first, second = run(pool, "who").value, run(pool, "who").value
        assert template_of(pool).pid not in (first["pid"], second["pid"])
    for one in (first, second):
        assert one["parent"] == os.getpid()
        assert one["group"] == one["pid"]
        assert one["woken"] == [True]
        assert one["program"] == b"1\n"
    assert first["pid"] != second["pid"]
    assert first["random"] != second["random"]


@pytest.mark.parametrize(
    ("prepare", "ask", "answer"),
    [("prepare_thread", "kept_thread", True), ("prepare_file", "next_line", '"""Functions that the pool\'s tests run')],
)
def test_an_initializer_that_a_fork_would_break_runs_in_every_worker(prepare: str, ask: str, answer: object) -> None:
    with KillablePool(2, calls_per_worker=1, initializer=Call(F + prepare)) as pool:
        for _ in range(3):
            value = run(pool, ask).value
            assert value == answer or value.startswith(answer)
        assert run(pool, "stuck_in_c", timeout_s=0.05).outcome is CallOutcome.TIMEOUT
        assert run(pool, "exit_at_once", 3).outcome is CallOutcome.CRASH
        assert run(pool, "add", 1, 1).value == 2


def test_workers_that_do_not_start_are_an_error_with_the_reason() -> None:
    with KillablePool(1, initializer=Call(F + "cannot_prepare")) as pool:
        for _ in range(2):
            with pytest.raises(PoolError, match="no licence server"):
                run(pool, "add", 1, 1)


def test_a_stuck_initializer_is_an_error_that_says_where_and_is_waited_for_once() -> None:
    started = time.monotonic()
    with KillablePool(8, initializer=Call(F + "stuck_in_c", timeout_s=0.5)) as pool:
        for _ in range(2):
            with pytest.raises(PoolError, match=r"no sign of life within 0.5 s\n(.*\n)*.*in stuck_in_c"):
                run(pool, "add", 1, 1)
    assert time.monotonic() - started < 4  # 8 workers one after the other


def test_a_killed_template_is_replaced_and_takes_no_call_along(tmp_path: Path) -> None:
    note = tmp_path / "worker"
    with (
        KillablePool(2, calls_per_worker=2, initializer=Call(F + "prepare", ("warm",))) as pool,
        ThreadPoolExecutor(1) as threads,
    ):
        under_way = threads.submit(run, pool, "note_and_sleep", str(note), 0.5)
        assert wait_until(lambda: note.exists() and note.read_text() != "")
        template = template_of(pool)
        template.kill()
        assert wait_until(lambda: template.status() == psutil.STATUS_ZOMBIE)
        assert under_way.result().value == int(note.read_text())
        assert [run(pool, "prepared").value for _ in range(10)] == [["warm"]] * 10
        assert not template.is_running()
        assert template_of(pool).pid != template.pid


def test_a_stopped_template_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_source, "_FORK_TIMEOUT_S", 0.5)
    with KillablePool(1) as pool:
        run(pool, "add", 1, 1)
        template = template_of(pool)
        template.suspend()
        assert run(pool, "exit_at_once", 3).outcome is CallOutcome.CRASH
        assert run(pool, "add", 1, 1).value == 2
        assert not template.is_running()


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


def test_processes_die_with_their_owner(tmp_path: Path) -> None:
    note = tmp_path / "worker"
    script = textwrap.dedent(f"""
        from sandbox.pool import KillablePool
        pool = KillablePool(2)
        pool.call({F + "note_and_sleep"!r}, ({str(note)!r}, 1000.0), 1000)
    """)
    owner = subprocess.Popen([sys.executable, "-c", script], cwd=HERE.parent.parent, env=os.environ)
    children = psutil.Process(owner.pid).children
    assert wait_until(lambda: note.exists() and note.read_text() != "" and len(children()) == 3)
    processes = children(recursive=True)
    assert int(note.read_text()) in [process.pid for process in processes]
    owner.kill()
    owner.wait()
    assert wait_until(lambda: not any(alive(process.pid) for process in processes))


def test_workers_import_little(pool: KillablePool) -> None:
    loaded = set(run(pool, "modules").value)
    assert not loaded & {"torch", "numpy", "ray", "sympy", "pydantic", "multiprocessing", "asyncio"}


def template_of(pool: KillablePool) -> psutil.Process:
    template = pool._source._template
    assert template is not None
    return psutil.Process(template.pid)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False
