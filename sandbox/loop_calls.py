"""The calls of a `LoopPool`: which wait, which run, and which may run beside which.

Used by the pool's thread, except `wait`, which any thread may call.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass

from sandbox.pool import CallOutcome, CallResult

GRACE_S = 1.0
"""How long after a call's deadline its process must have said something about it."""
_FREE_RESTARTS = 3  # a call that others have cost more than these gets fewer of them beside it each time
_BATCH_BYTES = 1 << 20  # calls that start together are sent together, up to about this much


@dataclass(slots=True, eq=False)
class PendingCall:
    """A call, and the promise of its result."""

    number: int
    payload: bytes
    timeout_s: float
    result: Future[CallResult]
    together: int
    """It runs only while at most this many run, itself among them."""
    restarts: int = 0
    look_at: float = 0.0
    """When to look what is wrong if nothing was heard of it."""

    def timed_out(self, where: str) -> CallResult:
        """Its result when its time is over."""
        text = f"no result within {self.timeout_s:g} s" + (f"\n{where}" if where else "")
        return CallResult(CallOutcome.TIMEOUT, traceback=text, seconds=self.timeout_s)


class CallQueue:
    """Calls that wait and calls that run."""

    def __init__(self, concurrency: int) -> None:
        """No calls, of which `concurrency` may run at a time."""
        self.running: dict[int, PendingCall] = {}
        self.look_at = float("inf")
        """When `late` should be asked."""
        self._concurrency = concurrency
        self._waiting: deque[PendingCall] = deque()
        self._careful: set[PendingCall] = set()
        """Those that run and let not all others run beside them."""

    def wait(self, call: PendingCall) -> None:
        """Append a call to those that wait."""
        self._waiting.append(call)

    @property
    def waits(self) -> bool:
        """Whether any call waits."""
        return bool(self._waiting)

    def start(self) -> list[PendingCall]:
        """The next calls to hand over in one message, in order; they count as running now."""
        batch: list[PendingCall] = []
        size, now = 0, time.monotonic()
        most = min((call.together for call in self._careful), default=self._concurrency)
        while self._waiting and size < _BATCH_BYTES:
            most = min(most, self._waiting[0].together)
            if len(self.running) >= most:
                break
            call = self._waiting.popleft()
            self.running[call.number] = call
            if call.together < self._concurrency:
                self._careful.add(call)
            self.expect(call, now + call.timeout_s)
            batch.append(call)
            size += len(call.payload)
        return batch

    def expect(self, call: PendingCall, due: float) -> None:
        """Something must be heard of a call soon after this time."""
        call.look_at = due + GRACE_S
        self.look_at = min(self.look_at, call.look_at)

    def late(self) -> list[PendingCall]:
        """The running calls of which something should have been heard; if there are none, sets `look_at` anew."""
        now = time.monotonic()
        late = [call for call in self.running.values() if call.look_at <= now]
        if not late:
            self.look_at = min((call.look_at for call in self.running.values()), default=float("inf"))
        return late

    def end(self, call: PendingCall) -> None:
        """A running call has ended."""
        del self.running[call.number]
        self._careful.discard(call)

    def start_over(self, suspects: Collection[PendingCall]) -> None:
        """Their process is gone: all running calls wait again, first in the queue.

        Args:
            suspects: those of which one has done it. They run in groups of half their number next time, and so on: what
                did it is alone in the end, and has done it for certain if it does it again.
        """
        again, suspected = list(self.running.values()), set(suspects)
        for call in again:
            call.restarts += 1
            if call in suspected or call.restarts > _FREE_RESTARTS:
                group = len(suspected if call in suspected else again)
                call.together = max(1, min(call.together, group) // 2)
        again.sort(key=lambda call: call in suspected)  # the others need not wait for them
        self._waiting.extendleft(reversed(again))
        self.running.clear()
        self._careful.clear()
        self.look_at = float("inf")

    def give_up(self) -> list[PendingCall]:
        """Take out all calls."""
        calls = list(self.running.values())
        self.running.clear()
        self._careful.clear()
        while self._waiting:
            calls.append(self._waiting.popleft())
        return calls
