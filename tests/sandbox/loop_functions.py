"""Async functions that the loop pool's tests run. (Those of the other pool must not import asyncio.)"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pool_functions


async def run(name: str, *args: Any) -> Any:
    """One of the other pool's functions, inside of a coroutine."""
    return getattr(pool_functions, name)(*args)


def not_async() -> int:
    return 3


async def pid_after(seconds: float) -> int:
    await asyncio.sleep(seconds)
    return os.getpid()


BARRIERS: dict[int, asyncio.Barrier] = {}
NOW, PEAK = 0, 0


async def blink(times: int, seconds: float) -> None:
    """Bad manners, but no long stall."""
    for _ in range(times):
        time.sleep(seconds)
        await asyncio.sleep(0)


async def meet(others: int) -> int:
    """Ends when this many run at once; how many ever did."""
    global NOW, PEAK
    NOW += 1
    PEAK = max(PEAK, NOW)
    await BARRIERS.setdefault(others, asyncio.Barrier(others)).wait()
    NOW -= 1
    return PEAK


async def until_there(path: str) -> int:
    while not Path(path).exists():
        await asyncio.sleep(0.005)
    return os.getpid()


async def note_then(path: str, name: str, *args: Any) -> Any:
    """Its neighbours may end from now on, which they cannot while this blocks or after this has died."""
    Path(path).write_text(str(os.getpid()))
    return await globals()[name](*args)


async def wait_inside() -> None:
    await asyncio.Event().wait()


async def wait_forever() -> None:
    await wait_inside()


async def gather_and(name: str, *args: Any) -> None:
    await asyncio.gather(asyncio.sleep(1000), run(name, *args))


async def group_and(name: str, *args: Any) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(1000))
        group.create_task(run(name, *args))


async def wait_for_and(name: str, *args: Any) -> None:
    await asyncio.wait_for(run(name, *args), 500)


async def late_and(name: str, *args: Any) -> None:
    """Not in its first step."""
    await asyncio.sleep(0.01)
    await run(name, *args)


async def swallow() -> None:
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(1000)


async def too_late() -> str:
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        return "an answer after the deadline"
    return ""


async def in_thread(name: str, *args: Any) -> Any:
    return await asyncio.to_thread(getattr(pool_functions, name), *args)


async def in_callback(name: str, *args: Any) -> None:
    asyncio.get_running_loop().call_soon(lambda: getattr(pool_functions, name)(*args))
    await asyncio.sleep(1000)


async def raise_it(error: BaseException) -> None:
    raise error


async def raise_in_task(error: BaseException) -> None:
    await asyncio.gather(raise_it(error))


async def group_memory() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(run("memory_bomb"))


async def cancel_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(1000)


async def stop_loop() -> int:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0)
    return os.getpid()


KEPT: list[asyncio.Task[Any]] = []


async def leave_tasks(function: str, count: int) -> int:
    left: Callable[[], Any] = globals()[function]
    KEPT.extend(asyncio.create_task(left()) for _ in range(count))
    await asyncio.sleep(0)
    return os.getpid()


async def count_tasks() -> int:
    return len(asyncio.all_tasks())


async def hold_memory(path: str, size: int) -> int:
    held = bytearray(size)
    await until_there(path)
    return len(held)


async def take_memory(size: int) -> int:
    return len(bytearray(size))


async def kill_itself(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(1000)


async def loaded() -> tuple[list[str], int]:
    return sorted(sys.modules), threading.active_count()


READY: list[str] = []


def never_prepared(path: str) -> None:
    Path(path).touch()
    pool_functions.stuck_in_c()


async def prepare(word: str) -> None:
    await asyncio.sleep(0)
    READY.append(word)


def prepare_at_once(word: str) -> None:
    READY.append(word)


async def prepared() -> list[str]:
    return READY


async def fork_and_return() -> tuple[int, int]:
    """The child must not go on with the loop: not answer, nor run other calls. Our pid and its exit status."""
    child = os.fork()
    if child == 0:
        await asyncio.sleep(0)
        os._exit(9)
    return os.getpid(), os.waitpid(child, 0)[1]


async def leave_child(path: str) -> None:
    if os.fork() == 0:
        Path(path).write_text(str(os.getpid()))
        time.sleep(1000)
    await until_there(path)
