"""What runs inside a `LoopPool`'s process: an event loop with many calls on it, that always tells whose turn it is.

`sandbox/pool_worker.py` loads this file when the pool asks for a loop. Like that one it imports the standard library
only. The parent's side is `sandbox/loop_pool.py`.

Wire format, both ways: an 8-byte big-endian length and a pickle. A first message says "ready", as `pool_worker` does,
and is answered with one byte and the descriptor of the marks.
  parent -> process    (time of sending, [(number, timeout_s, pickled (function, args)), ...])
  process -> parent    [(kind, number, seconds, payload), ...] with the kinds
                       "ok" (pickled value), "error" (traceback), "memory" (traceback; the process is to be replaced),
                       "timeout" (where it waited), "stuck" (the same; it does not end when it is cancelled),
                       "until" (`seconds` is the time at which its deadline passes, which is later than it seems),
                       "worn" (too much that ended calls left behind; the process is to be replaced when it is idle)

Times are those of `time.monotonic`, which all processes share.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import mmap
import os
import pickle
import socket
import struct
import time
import traceback
from collections.abc import Coroutine, Generator, Mapping
from contextlib import suppress
from typing import Any

from sandbox.loop_steps import (
    SPARE_THREADS,
    CallHere,
    MarkedSteps,
    MarkedThreads,
    Turns,
    current_call,
    marks_size,
    stacks,
)
from sandbox.pool_worker import load_function, send

LENGTH = struct.Struct("!Q")

_LATE_S = 0.1  # a call that starts this much after it was sent tells when its deadline is
# Together less than the parent's grace.
_CLEAN_UP_S = 0.5  # what a cancelled call may take to end
_LEFTOVERS_S = 0.25  # what the tasks that a call leaves behind may take to end


def serve(channel: socket.socket, settings: Mapping[str, Any]) -> None:
    """Run the initializer and then calls, until the parent is gone."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    started = time.perf_counter()
    if settings["initializer"] is not None:
        failure = _initialize(loop, *settings["initializer"])
        if failure:
            send(channel, "error", 0.0, failure)
            return
    send(channel, "ready", time.perf_counter() - started, b"")
    _, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
    with mmap.mmap(descriptors[0], marks_size(settings["concurrency"])) as memory:
        os.close(descriptors[0])
        worker = _Worker(loop, memoryview(memory).cast("d"), settings)
        channel.setblocking(False)
        loop.run_until_complete(loop.connect_accepted_socket(lambda: worker, channel))
        while True:  # what leaves the loop is a call's SystemExit, KeyboardInterrupt or loop.stop()
            with suppress(SystemExit, KeyboardInterrupt):
                loop.run_forever()


def _initialize(loop: asyncio.AbstractEventLoop, function: str, args: tuple[Any, ...]) -> str:
    async def run(awaitable: Any) -> None:
        await awaitable

    try:
        value = load_function(function)(*args)
        if inspect.isawaitable(value):
            loop.run_until_complete(run(value))
        return ""
    except BaseException:
        return traceback.format_exc()


class _Worker(asyncio.Protocol):
    """The calls on the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, marks: memoryview[float], settings: Mapping[str, Any]) -> None:
        self._loop = loop
        self._turns = Turns(marks)
        self._max_result_bytes: int = settings["max_result_bytes"]
        self._transport: asyncio.WriteTransport
        self._calls: dict[int, CallHere] = {}
        self._arrived = bytearray()
        self._answers: list[tuple[str, int, float, bytes | str]] = []
        self._abandoned: set[asyncio.Task[Any]] = set()
        loop.set_task_factory(self._make_task)
        loop.set_default_executor(MarkedThreads(settings["concurrency"] + SPARE_THREADS, marks))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        os._exit(1)

    def data_received(self, data: bytes) -> None:
        self._arrived += data
        while len(self._arrived) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(self._arrived)[0]
            if len(self._arrived) < end:
                return
            sent, calls = pickle.loads(self._arrived[LENGTH.size : end])
            del self._arrived[:end]
            for number, timeout_s, payload in calls:
                self._start(sent, number, timeout_s, payload)

    def _start(self, sent: float, number: int, timeout_s: float, payload: bytes) -> None:
        now = time.monotonic()
        call = CallHere(number, payload, timeout_s, now, now + timeout_s, self._turns.stalled)
        self._calls[number] = call
        context = contextvars.copy_context()
        context.run(current_call.set, call)
        call.task = asyncio.Task(MarkedSteps(self._turns, call, self._run(call)), loop=self._loop, context=context)
        call.timer = self._loop.call_at(call.due, self._expire, call)
        if now - sent > _LATE_S:
            self._answer("until", number, call.due, "")

    def _make_task(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any] | Generator[Any, Any, Any],
        **how: Any,
    ) -> asyncio.Task[Any]:
        """The loop's task factory: a task belongs to the call that it was made in, and marks its steps."""
        call: CallHere | None = (
            how["context"].get(current_call) if how.get("context") is not None else current_call.get()
        )
        if call is None or not asyncio.iscoroutine(coroutine):
            return asyncio.Task(coroutine, loop=loop, **how)
        task: asyncio.Task[Any] = asyncio.Task(MarkedSteps(self._turns, call, coroutine), loop=loop, **how)
        call.tasks.add(task)
        task.add_done_callback(call.tasks.discard)
        return task

    async def _run(self, call: CallHere) -> None:
        try:
            await self._run_to_its_end(call)
        except BaseException:  # no memory even to say so
            os._exit(1)

    async def _run_to_its_end(self, call: CallHere) -> None:
        kind, payload = await self._outcome(call)
        seconds = time.monotonic() - call.started
        assert call.timer is not None
        call.timer.cancel()
        if call.tasks:
            await self._end_leftovers(call.tasks.copy())
        if call.expired and kind != "memory":
            kind, payload = "timeout", call.where
        del self._calls[call.number]
        call.awaited = call.task = None  # a connection that is kept open keeps the context, and so the call
        self._answer(kind, call.number, seconds, payload)
        if call.jobs or self._abandoned:
            threads = sum(number not in self._calls for number in self._turns.in_threads())
            if threads + len(self._abandoned) >= SPARE_THREADS:
                self._answer("worn", 0, 0.0, "")

    async def _outcome(self, call: CallHere) -> tuple[str, bytes | str]:
        try:
            (function, args), call.payload = pickle.loads(call.payload), b""
            call.awaited = load_function(function)(*args)
            if not inspect.isawaitable(call.awaited):
                raise TypeError(f"{function} is not async: it returned a {type(call.awaited).__name__}")
            value = pickle.dumps(await call.awaited)
            if len(value) > self._max_result_bytes:
                return "error", f"the result takes {len(value):,} bytes; the limit is {self._max_result_bytes:,}"
            return "ok", value
        except BaseException as error:  # SystemExit and CancelledError too: a call ends with a result
            memory = isinstance(error, MemoryError) or (
                isinstance(error, BaseExceptionGroup) and error.subgroup(MemoryError) is not None
            )
            return "memory" if memory else "error", traceback.format_exc()

    async def _end_leftovers(self, tasks: set[asyncio.Task[Any]]) -> None:
        """Cancel what a call leaves behind, as a part of the call: it answers for what they do with that."""
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait(tasks, timeout=_LEFTOVERS_S)
        for task in tasks:
            if not task.done():
                self._abandoned.add(task)
                task.add_done_callback(self._abandoned.discard)

    def _expire(self, call: CallHere) -> None:
        """A call's deadline has passed."""
        lost, call.stalled = self._turns.stalled - call.stalled, self._turns.stalled
        if lost > 0:
            call.due += lost
            call.timer = self._loop.call_at(call.due, self._expire, call)
            self._answer("until", call.number, call.due, "")
        else:
            self._loop.call_soon(self._cancel, call)  # what is ready to run when a busy loop comes to this runs first

    def _cancel(self, call: CallHere) -> None:
        if call.number not in self._calls:
            return
        call.expired = True
        call.where = stacks(call)
        call.timer = self._loop.call_later(_CLEAN_UP_S, self._give_up, call)
        if call.task is not None:
            call.task.cancel()

    def _give_up(self, call: CallHere) -> None:
        self._answer("stuck", call.number, call.timeout_s, call.where)

    def _answer(self, kind: str, number: int, seconds: float, payload: bytes | str) -> None:
        """Answers go out together, once in a turn of the loop."""
        if not self._answers:
            self._loop.call_soon(self._flush)
        self._answers.append((kind, number, seconds, payload))

    def _flush(self) -> None:
        try:
            message = pickle.dumps(self._answers)
            self._answers = []
            self._transport.write(LENGTH.pack(len(message)) + message)
        except MemoryError:
            os._exit(1)
