"""An asyncio event loop in virtual time: where nothing can run, the clock jumps to the next timer.

Code that is written for asyncio runs in it unchanged, as fast as it can compute, and in the same order every time.
Threads, sockets and processes are not for it.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class StandsStill(Exception):
    """Everything waits for something that never comes."""


class _Jumps(selectors.BaseSelector):
    """Waits for nothing: time passes at once."""

    def __init__(self) -> None:
        self.now = 0.0
        self._files: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """The loop's own pipe, on which nothing ever arrives."""
        self._files[fileobj] = selectors.SelectorKey(fileobj, fileobj if isinstance(fileobj, int) else fileobj.fileno(),
                                                     events, data)  # fmt: skip
        return self._files[fileobj]

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """At the end."""
        return self._files.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Jump ahead by what the loop would wait."""
        if timeout is None:
            raise StandsStill("the simulated run waits for something that never comes")
        self.now += max(timeout, 0.0)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """What is registered."""
        return self._files

    def close(self) -> None:
        """Forget the pipe."""
        self._files.clear()


class VirtualLoop(asyncio.SelectorEventLoop):
    """Starts at 0 seconds."""

    def __init__(self) -> None:
        self._jumps = _Jumps()
        super().__init__(self._jumps)

    def time(self) -> float:
        """Seconds of virtual time."""
        return self._jumps.now


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end of `main`; tasks that it leaves behind are dropped.

    Raises:
        StandsStill: `main` waits, and no timer is left.
    """
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main)
    finally:
        try:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        finally:
            asyncio.set_event_loop(None)
            loop.close()
