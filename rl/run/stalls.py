"""Says when nothing goes on any more: which part, with what, for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

Stalls = Callable[[float], list[str]]
"""Takes seconds; returns a line about everything that has made no progress for so long."""


async def watch(parts: Sequence[Stalls], *, seconds: float, warn: Callable[[str], None]) -> None:
    """Warn of what stands still, without end: after `seconds`, and again whenever the time has doubled.

    Args:
        parts: those that can say what stands still in them.
        seconds: without progress that are worth a warning.
        warn: takes the lines.
    """
    loop = asyncio.get_running_loop()
    limit, quiet_until = seconds, 0.0
    while True:
        await asyncio.sleep(seconds / 4)
        if not any(part(seconds) for part in parts):
            limit, quiet_until = seconds, 0.0
        elif loop.time() >= quiet_until and (lines := _lines(parts, limit)):
            warn("\n".join(lines))
            quiet_until = loop.time() + limit
            limit *= 2


def _lines(parts: Iterable[Stalls], seconds: float) -> list[str]:
    return [line for part in parts for line in part(seconds)]
