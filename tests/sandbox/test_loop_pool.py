"""The loop pool. Pinned behaviour:

1. values and errors of many calls come back to whoever submitted them; no call ends the loop, whatever it raises;
2. `concurrency` calls run at a time, all of that and no more, and who submits another one waits;
3. a call that waits ends at its deadline and says where it waited; its process lives on;
4. a call that blocks the loop, does not end when cancelled, ends the process or fills it is blamed, and nobody else:
   also from tasks, threads and callbacks; its neighbours run again and are fine;
5. a deadline makes up for what others have blocked;
6. tasks and threads that calls leave behind do not pile up;
7. many bad calls in a row leave the pool healthy, no zombie, no descriptor, no thread behind;
8. the process is gone when the pool is closed, and when the process that owns it is killed;
9. a process that does not start is an error with the reason.
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
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import psutil
import pytest

from sandbox import loop_calls, loop_pool
from sandbox.loop_pool import LoopPool
from sandbox.pool import Call, CallOutcome, CallResult, PoolError

HERE = Path(__file__).parent
F = f"{HERE / 'loop_functions.py'}:"


@pytest.fixture(scope="module")
def pool() -> Iterator[LoopPool]:
    with LoopPool(concurrency=32) as pool:
        yield pool


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (loop_calls, loop_pool):
        monkeypatch.setattr(module, "GRACE_S", 0.2)


def submit(pool: LoopPool, name: str, *args: object, timeout_s: float = 20.0) -> Future[CallResult]:
    return pool.submit(Call(F + name, args, timeout_s))


def run(pool: LoopPool, name: str, *args: object, timeout_s: float = 20.0) -> CallResult:
    return submit(pool, name, *args, timeout_s=timeout_s).result()


def process_of(pool: LoopPool) -> int:
    return int(run(pool, "pid_after", 0).value)


def among_others(
    pool: LoopPool, path: Path, name: str, *args: object, timeout_s: float = 0.3, others: int = 20
) -> CallResult:
    """The result of a bad call with 20 neighbours that are in flight when it strikes, and must not notice."""
    good = [submit(pool, "until_there", str(path)) for _ in range(others // 2)]
    bad = submit(pool, "note_then", str(path), name, *args, timeout_s=timeout_s)
    good += [submit(pool, "until_there", str(path)) for _ in range(others // 2)]
    assert [result.result().outcome for result in good] == [CallOutcome.OK] * others
    return bad.result()


# Results


def test_values_from_many_threads(pool: LoopPool) -> None:
    def one(i: int) -> int:
        seconds = (i * 7 % 10) / 1000
        return int(pool.submit(Call("asyncio:sleep", (seconds, i))).result().value)

    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(one, range(400))) == list(range(400))


@pytest.mark.parametrize(
    ("name", "args", "text"),
    [
        ("run", ("raise_unpicklable",), "Unpicklable: only one argument"),
        ("run", ("raise_hostile",), "Hostile"),
        ("run", ("return_unpicklable",), "cannot pickle"),
        ("run", ("system_exit",), "SystemExit: 3"),
        ("raise_it", (KeyboardInterrupt("no"),), "KeyboardInterrupt: no"),
        ("raise_in_task", (SystemExit(4),), "SystemExit: 4"),
        ("raise_in_task", (KeyboardInterrupt("no"),), "KeyboardInterrupt: no"),
        ("cancel_itself", (), "CancelledError"),
        ("not_async", (), "is not async: it returned a int"),
        ("nothing_here", (), "has no attribute 'nothing_here'"),
    ],
)
def test_errors_carry_their_traceback_and_the_loop_survives(
    pool: LoopPool, name: str, args: tuple[object, ...], text: str
) -> None:
    process = process_of(pool)
    result = run(pool, name, *args)
    assert result.outcome is CallOutcome.ERROR
    assert text in result.traceback
    assert process_of(pool) == process


def test_a_stopped_loop_goes_on(pool: LoopPool) -> None:
    process = process_of(pool)
    assert run(pool, "stop_loop").value == process == process_of(pool)


def test_large_arguments_and_results() -> None:
    with LoopPool(concurrency=4) as pool:
        assert len(run(pool, "run", "return_large", 10 * 2**20).value) == 10 * 2**20
        results = [pool.submit(Call("asyncio:sleep", (0, bytes(15 * 2**20)))) for _ in range(4)]
        assert [len(result.result().value) for result in results] == [15 * 2**20] * 4
        result = run(pool, "run", "return_large", 100 * 2**20)
        assert result.outcome is CallOutcome.ERROR
        assert "the limit is 16,777,216" in result.traceback


def test_prints_go_to_the_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with LoopPool(concurrency=1, output=tmp_path / "out.log") as pool:
        assert run(pool, "run", "shout").value == "done"
    assert capfd.readouterr().out == ""
    assert (tmp_path / "out.log").read_text() == "printed by a call\n"


def test_the_process_imports_little_and_has_one_thread() -> None:
    with LoopPool(concurrency=1) as pool:
        modules, threads = run(pool, "loaded").value
    assert not set(modules) & {"torch", "numpy", "ray", "sympy", "pydantic", "multiprocessing", "sandbox.types"}
    assert threads == 1


# Concurrency


def test_concurrency_is_used_fully_and_never_exceeded() -> None:
    with LoopPool(concurrency=8) as pool, ThreadPoolExecutor(24) as threads:
        peaks = list(threads.map(lambda _: run(pool, "meet", 8).value, range(80)))
    assert set(peaks) == {8}


def test_a_thousand_sleeps_at_once() -> None:
    with LoopPool(concurrency=1000) as pool:
        process_of(pool)
        started = time.monotonic()
        results = [pool.submit(Call("asyncio:sleep", (0.1, i))) for i in range(1000)]
        assert [result.result().value for result in results] == list(range(1000))
        assert time.monotonic() - started < 1


def test_who_submits_too_much_waits(tmp_path: Path) -> None:
    with LoopPool(concurrency=2) as pool, ThreadPoolExecutor(1) as threads:
        under_way = [submit(pool, "until_there", str(tmp_path / "go")) for _ in range(2)]
        third = threads.submit(submit, pool, "pid_after", 0)
        assert wait([third], 0.2).not_done == {third}
        (tmp_path / "go").touch()
        assert third.result().result().value == under_way[0].result().value


# Deadlines


def test_a_call_that_waits_ends_at_its_deadline(pool: LoopPool) -> None:
    process = process_of(pool)
    started = time.monotonic()
    result = run(pool, "wait_forever", timeout_s=0.2)
    assert 0.2 <= time.monotonic() - started < 1
    assert (result.outcome, result.seconds) == (CallOutcome.TIMEOUT, 0.2)
    assert "no result within 0.2 s" in result.traceback
    assert "in wait_forever" in result.traceback and "in wait_inside" in result.traceback
    assert "loop_worker.py" not in result.traceback
    assert run(pool, "too_late", timeout_s=0.1).outcome is CallOutcome.TIMEOUT
    assert process_of(pool) == process


@pytest.mark.parametrize("name", ["stuck_in_c", "stuck_in_arithmetic", "ignore_signals"])
def test_a_call_that_blocks_is_killed_and_nobody_else(pool: LoopPool, name: str, tmp_path: Path) -> None:
    result = among_others(pool, tmp_path / "there", "run", name)
    assert result.outcome is CallOutcome.TIMEOUT
    assert "no result within 0.3 s" in result.traceback
    if name == "stuck_in_c":
        assert "in stuck_in_c" in result.traceback
        assert "loop_steps.py" not in result.traceback


@pytest.mark.parametrize("how", ["gather_and", "group_and", "wait_for_and", "late_and", "in_thread", "in_callback"])
@pytest.mark.usefixtures("impatient")
def test_also_from_a_task_a_thread_or_a_callback(pool: LoopPool, how: str, tmp_path: Path) -> None:
    result = among_others(pool, tmp_path / "there", how, "stuck_in_c", others=6)
    assert result.outcome is CallOutcome.TIMEOUT


def test_equal_deadlines(pool: LoopPool, tmp_path: Path) -> None:
    good = [submit(pool, "until_there", str(tmp_path / "there"), timeout_s=0.3) for _ in range(10)]
    bad = submit(pool, "note_then", str(tmp_path / "there"), "run", "sleep", 1000, timeout_s=0.3)
    assert bad.result().outcome is CallOutcome.TIMEOUT
    assert [result.result().outcome for result in good] == [CallOutcome.OK] * 10


def test_a_call_that_does_not_end_when_cancelled_is_killed(pool: LoopPool, tmp_path: Path) -> None:
    result = among_others(pool, tmp_path / "there", "swallow")
    assert result.outcome is CallOutcome.TIMEOUT
    assert "in swallow" in result.traceback
    assert "did not end when it was cancelled" in result.traceback


def test_deadlines_make_up_for_what_others_block(pool: LoopPool) -> None:
    process = process_of(pool)
    good = [submit(pool, "pid_after", 0.2, timeout_s=0.4) for _ in range(10)]
    slow = [submit(pool, "run", "sleep", 2.0)]
    good += [submit(pool, "pid_after", 0.2, timeout_s=0.4) for _ in range(10)]
    assert slow[0].result().outcome is CallOutcome.OK
    assert [result.result().value for result in good] == [process] * 20
    slow = [submit(pool, "blink", 5, 0.03) for _ in range(10)]
    good = [submit(pool, "pid_after", 0.1, timeout_s=0.3) for _ in range(20)]
    assert {result.result().outcome for result in slow} == {CallOutcome.OK}
    assert [result.result().value for result in good] == [process] * 20


# Deaths


@pytest.mark.parametrize(
    ("name", "args", "text"),
    [
        ("run", ("exit_at_once", 3), "exit code 3"),
        ("run", ("segfault",), "SIGSEGV"),
        ("run", ("fork_then_die",), "exit code 7"),
        ("gather_and", ("exit_at_once", 3), "exit code 3"),
        ("in_thread", ("exit_at_once", 3), "exit code 3"),
        ("in_callback", ("exit_at_once", 3), "exit code 3"),
        ("kill_itself", (signal.SIGKILL,), "SIGKILL"),
    ],
)
def test_a_call_that_ends_the_process_is_a_crash_and_nobody_else(
    pool: LoopPool, name: str, args: tuple[object, ...], text: str, tmp_path: Path
) -> None:
    result = among_others(pool, tmp_path / "there", name, *args, timeout_s=20)
    assert result.outcome is CallOutcome.CRASH
    assert text in result.traceback


def test_a_process_that_is_killed_from_outside_is_nobodys_fault(pool: LoopPool, tmp_path: Path) -> None:
    for round_ in range(3):
        note = tmp_path / str(round_)
        good = [submit(pool, "until_there", str(note)) for _ in range(20)]
        os.kill(process_of(pool), signal.SIGKILL)
        note.touch()
        assert [result.result().outcome for result in good] == [CallOutcome.OK] * 20
    busy = submit(pool, "note_then", str(tmp_path / "busy"), "run", "sleep", 0.5)
    assert wait_until(lambda: (tmp_path / "busy").exists() and (tmp_path / "busy").read_text() != "")
    os.kill(int((tmp_path / "busy").read_text()), signal.SIGKILL)
    assert busy.result().outcome is CallOutcome.OK


@pytest.mark.parametrize("bomb", ["memory_bomb", "slow_memory_bomb"])
def test_memory_bombs_hurt_nobody_else(bomb: str, tmp_path: Path) -> None:
    with LoopPool(concurrency=32, memory_mb=600) as pool:
        result = among_others(pool, tmp_path / "there", "run", bomb, timeout_s=20)
        assert result.outcome is CallOutcome.ERROR
        assert "MemoryError" in result.traceback
        result = run(pool, "group_memory")
        assert result.outcome is CallOutcome.ERROR
        assert "MemoryError" in result.traceback


def test_memory_that_others_hold_is_not_held_against_a_call(tmp_path: Path) -> None:
    with LoopPool(concurrency=32, memory_mb=600) as pool:
        held = submit(pool, "hold_memory", str(tmp_path / "there"), 300 * 2**20)
        taken = submit(pool, "note_then", str(tmp_path / "there"), "take_memory", 300 * 2**20)
        assert held.result().value == taken.result().value == 300 * 2**20


def test_a_forked_child_never_answers_and_dies_with_the_process(pool: LoopPool, tmp_path: Path) -> None:
    note = tmp_path / "child"
    with LoopPool(concurrency=2) as pool:
        process = process_of(pool)
        assert [run(pool, "fork_and_return").value for _ in range(5)] == [(process, 0)] * 5
        assert run(pool, "leave_child", str(note)).outcome is CallOutcome.OK
        assert wait_until(lambda: note.read_text() != "")
        assert alive(int(note.read_text()))
    assert wait_until(lambda: not alive(int(note.read_text())))


# What calls leave behind


def test_background_tasks_do_not_pile_up() -> None:
    with LoopPool(concurrency=10) as pool:
        process = process_of(pool)
        results = [submit(pool, "leave_tasks", "wait_forever", 10) for _ in range(50)]
        assert {result.result().value for result in results} == {process}
        assert run(pool, "count_tasks").value == 1


def test_tasks_and_threads_that_do_not_end_wear_the_process_out() -> None:
    with LoopPool(concurrency=4) as pool:
        process = process_of(pool)
        assert run(pool, "leave_tasks", "swallow", 10).value == process
        assert run(pool, "leave_tasks", "swallow", 10).value == process
        assert (next_one := process_of(pool)) != process
        results = [submit(pool, "in_thread", "sleep", 1000, timeout_s=0.05) for _ in range(20)]
        assert {result.result().outcome for result in results} == {CallOutcome.TIMEOUT}
        results = [submit(pool, "in_thread", "pid") for _ in range(20)]
        assert results[-1].result().value != next_one
        assert {result.result().outcome for result in results} == {CallOutcome.OK}


# The pool itself


@pytest.mark.usefixtures("impatient")
def test_many_bad_calls_leave_it_healthy() -> None:
    bad = [
        (("run", "stuck_in_c"), 0.05, CallOutcome.TIMEOUT),
        (("gather_and", "sleep", 1000), 0.05, CallOutcome.TIMEOUT),
        (("run", "exit_at_once", 3), 20, CallOutcome.CRASH),
        (("run", "fork_then_die"), 20, CallOutcome.CRASH),
    ]
    me = psutil.Process()
    gc.collect()
    before = me.num_fds(), len(me.children(recursive=True)), threading.active_count()
    with LoopPool(concurrency=8) as pool:
        good = [submit(pool, "pid_after", 0.3) for _ in range(3)]
        for call, timeout_s, outcome in bad * 5:
            assert run(pool, *call, timeout_s=timeout_s).outcome is outcome
        results = [submit(pool, *call, timeout_s=timeout_s) for call, timeout_s, _ in bad]
        assert [result.result().outcome for result in results] == [outcome for _, _, outcome in bad]
        assert [result.result().outcome for result in good] == [CallOutcome.OK] * 3
        assert run(pool, "run", "add", 1, 1).value == 2
        assert len(me.children(recursive=True)) == before[1] + 1
        assert [child for child in me.children() if child.status() == psutil.STATUS_ZOMBIE] == []
    gc.collect()
    assert (me.num_fds(), len(me.children(recursive=True)), threading.active_count()) == before


def test_closing_at_any_moment_leaves_nothing() -> None:
    me = psutil.Process()
    gc.collect()
    before = me.num_fds(), len(me.children(recursive=True)), threading.active_count()
    for calls in range(8):
        pool = LoopPool(concurrency=10)
        results = [pool.submit(Call("asyncio:sleep", (0, i))) for i in range(calls)]
        if calls % 2:
            results[-1].result()
        pool.close()
        for result in results:
            assert result.done()
    gc.collect()
    assert (me.num_fds(), len(me.children(recursive=True)), threading.active_count()) == before


def test_close_ends_calls_under_way_and_those_who_wait_to_submit() -> None:
    pool = LoopPool(concurrency=3)
    process_of(pool)
    under_way = [submit(pool, "wait_forever"), submit(pool, "wait_forever"), submit(pool, "run", "stuck_in_c")]
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(submit, pool, "pid_after", 0) for _ in range(2)]
        pool.close()
        pool.close()
        for future in under_way + waiting:
            with pytest.raises(PoolError, match="closed"):
                future.result(5)
    with pytest.raises(PoolError, match="closed"):
        submit(pool, "pid_after", 0)


def test_close_does_not_wait_for_an_initializer(tmp_path: Path) -> None:
    pool = LoopPool(concurrency=2, initializer=Call(F + "never_prepared", (str(tmp_path / "note"),), 60))
    result = submit(pool, "pid_after", 0)
    assert wait_until((tmp_path / "note").exists)
    started = time.monotonic()
    pool.close()
    assert time.monotonic() - started < 5
    with pytest.raises(PoolError, match="closed"):
        result.result()


@pytest.mark.parametrize("initializer", ["prepare", "prepare_at_once"])
def test_the_initializer_runs_first_in_every_process(initializer: str) -> None:
    with LoopPool(concurrency=2, initializer=Call(F + initializer, ("warm",))) as pool:
        assert run(pool, "prepared").value == ["warm"]
        run(pool, "run", "exit_at_once", 1)
        assert run(pool, "prepared").value == ["warm"]


def test_a_process_that_does_not_start_is_an_error_with_the_reason() -> None:
    with LoopPool(concurrency=4, initializer=Call(F + "run", ("cannot_prepare",))) as pool:
        for _ in range(2):
            results = [submit(pool, "pid_after", 0) for _ in range(4)]
            for result in results:
                with pytest.raises(PoolError, match="no licence server"):
                    result.result()


def test_a_stuck_initializer_is_an_error_that_says_where() -> None:
    with LoopPool(concurrency=2, initializer=Call(F + "run", ("stuck_in_c",), timeout_s=0.5)) as pool:
        result = submit(pool, "pid_after", 0)
        with pytest.raises(PoolError, match=r"no sign of life within 0.5 s\n(.*\n)*.*in stuck_in_c"):
            result.result()


def test_the_process_dies_with_its_owner(tmp_path: Path) -> None:
    note = tmp_path / "process"
    script = textwrap.dedent(f"""
        from sandbox.loop_pool import LoopPool
        from sandbox.pool import Call
        pool = LoopPool(concurrency=2)
        pool.submit(Call({F + "note_then"!r}, ({str(note)!r}, "run", "stuck_in_c"), 1000)).result()
    """)
    owner = subprocess.Popen([sys.executable, "-c", script], cwd=HERE.parent.parent, env=os.environ)
    assert wait_until(lambda: note.exists() and note.read_text() != "")
    process = int(note.read_text())
    assert psutil.Process(owner.pid).children()[0].pid == process
    owner.kill()
    owner.wait()
    assert wait_until(lambda: not alive(process))


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False
