"""Warnings of what stands still. Pinned here:

1. Nothing is said while all parts make progress; what stands still is said once it has for so long, and again when the
   time has doubled; after progress it begins anew.
2. The learner's calls and the rewards say what they are at; what goes on quickly is no stall.
"""

from __future__ import annotations

import asyncio

from rl.learner.lasting import LastingLearners
from rl.run.stalls import watch
from rl.simulation.clock import run_virtual


def test_a_stall_is_told_and_told_again_when_it_lasts() -> None:
    stuck_since: float | None = None
    told: list[float] = []

    async def run() -> None:
        nonlocal stuck_since
        loop = asyncio.get_running_loop()

        def part(seconds: float) -> list[str]:
            stuck = stuck_since is not None and loop.time() - stuck_since >= seconds
            return ["worker 3 is stuck"] if stuck else []

        def warn(line: str) -> None:
            assert line == "worker 3 is stuck"
            told.append(loop.time())

        watching = asyncio.create_task(watch([lambda seconds: [], part], seconds=100, warn=warn))
        await asyncio.sleep(1000)
        stuck_since = loop.time()
        await asyncio.sleep(900)
        stuck_since = None
        await asyncio.sleep(100)
        stuck_since = loop.time()
        await asyncio.sleep(150)
        watching.cancel()

    run_virtual(run())
    assert told == [1100, 1200, 1400, 1800, 2100]


async def test_the_learner_says_what_it_is_at() -> None:
    class Group:
        logs = "learner-0.log"

        async def export(self, folder: object) -> None:
            await asyncio.sleep(0.3)

    learners = LastingLearners(lambda: None, Group(), print, mends=True)  # type: ignore[arg-type, return-value]
    assert learners.stalls(0.0) == []
    exporting = asyncio.create_task(learners.export(None))  # type: ignore[arg-type]
    await asyncio.sleep(0.1)
    assert learners.stalls(5.0) == []
    (line,) = learners.stalls(0.05)
    assert line.startswith("the learner has been at `export` for 0 s") and "learner-0.log" in line
    await exporting
    assert learners.stalls(0.0) == []
