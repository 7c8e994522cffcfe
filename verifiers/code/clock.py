"""The time that one verification may take, all cases together."""

from __future__ import annotations

import math
import time

OVER = "not run: the time for all tests was over"
"""Why a case has no run of its own."""

_LEAST_S = 0.01


class Clock:
    """Runs from where it is made. Where it ends, the program is late."""

    def __init__(self, total_s: float | None) -> None:
        """Start it; with None it never ends."""
        self._ends = math.inf if total_s is None else time.monotonic() + total_s

    @property
    def over(self) -> bool:
        """Whether no time is left."""
        return time.monotonic() >= self._ends

    def deadline(self, limit_s: float) -> float:
        """When something ends that may take so long (of `time.monotonic`)."""
        return min(time.monotonic() + limit_s, self._ends)

    def limit(self, limit_s: float) -> float:
        """How long something may take that may take so long at most; always more than 0."""
        return max(_LEAST_S, min(limit_s, self._ends - time.monotonic()))

    def leave(self, limit_s: float) -> None:
        """Let all that is still to come take no longer than this; later calls give no more."""
        self._ends = self.deadline(limit_s)
