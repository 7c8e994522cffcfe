"""A learner whose ranks die. What is pinned here:

1. Killed before, in the middle of and after updates, before and after a save, the learner ends with the weights and
   metrics of one that was never disturbed, bit for bit.
2. The user is told which rank died, its log, where the learner goes on from and what it repeats.
3. A rank that fails, or that dies again and again, ends the run.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest
import torch
from torch import Tensor

import rl.learner.lasting
from rl.algorithms.config import Vapo
from rl.algorithms.targets import compute_targets
from rl.batch import Metrics
from rl.errors import PonderError
from rl.learner.config import LearnerConfig, OptimizerConfig
from rl.learner.group import LearnerError, LearnerGroup
from rl.learner.lasting import LastingLearners
from tests.rl.learner_parts import make_batch, published

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
BATCH, ALGORITHM = make_batch(), Vapo()
Disturb = Callable[[str], None]
"""Takes where the work is: `update 2`, ..."""


def ranks() -> list[psutil.Process]:
    """In the order in which their processes were made, which is not that of their numbers."""
    return [p for p in psutil.Process().children(recursive=True) if "LearnerWorker" in " ".join(p.cmdline()[:1])]


async def start(model: str, folder: Path, told: list[str]) -> LastingLearners:
    optimizer = OptimizerConfig(learning_rate=1e-3, warmup_steps=0)
    begin = partial(
        LearnerGroup.start,
        LearnerConfig(ranks=2, cpu_threads=1, policy=optimizer, critic=optimizer, tokens_per_micro_batch=60),
        ALGORITHM,
        model_path=model,
        attention="auto",
        device="cpu",
        optimizer_steps_per_batch=2,
        seed=0,
        log_folder=folder / "logs",
        temperature=1.0,
        max_response_tokens=32,
    )
    return await LastingLearners.start(begin, told.append)


async def learn(model: str, folder: Path, told: list[str], disturb: Disturb) -> tuple[list[Metrics], dict[str, Tensor]]:
    """Four updates, saved after the second."""
    learners = await start(model, folder, told)
    metrics = []
    for number in range(4):
        disturb(f"estimate {number}")
        estimates = await learners.estimate(BATCH)
        disturb(f"update {number}")
        metrics.append(await learners.update(BATCH, estimates, compute_targets(BATCH, estimates, ALGORITHM)))
        if number == 1:
            disturb("save")
            (folder / "part").mkdir()
            await learners.save(folder / "part")
            (folder / "part").rename(folder / "saved")
            learners.keep(folder / "saved")
    disturb("publish")
    weights = await published(learners)  # type: ignore[arg-type]
    await learners.shutdown()
    return metrics, weights


def test_killed_ranks_change_nothing(cluster: None, model: str, tmp_path: Path) -> None:
    expected = asyncio.run(learn(model, tmp_path / "a", [], lambda where: None))
    told: list[str] = []
    threads: list[threading.Timer] = []

    def disturb(where: str) -> None:
        if where in ("estimate 1", "update 3", "save"):
            victim = ranks()[len(threads) % 2]
            if where == "update 3":  # in the middle of it
                threads.append(threading.Timer(0.02, victim.kill))
                threads[-1].start()
            else:
                victim.kill()
                victim.wait(10)

    (tmp_path / "b").mkdir()
    metrics, weights = asyncio.run(learn(model, tmp_path / "b", told, disturb))
    assert metrics == expected[0]
    assert all(torch.equal(weights[name], weight) for name, weight in expected[1].items())
    assert len(told) == 3, told
    assert all(re.match(r"learner rank (\d) died\nIts log: .*learner-\1\.log\n", line) for line in told), told
    assert told[0].endswith("started again from the model it began with; they repeat 1 update.")
    assert told[1].endswith("they repeat 2 updates.")
    assert f"from {tmp_path / 'b' / 'saved'}" in told[2]
    assert told[2].endswith("they repeat 1 update.")


def test_a_rank_that_fails_or_keeps_dying_ends_the_run(
    cluster: None, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        monkeypatch.setattr(rl.learner.lasting, "MOST_LOSSES", 2)
        told: list[str] = []
        learners = await start(model, tmp_path, told)
        learners.keep(tmp_path / "gone")
        ranks()[0].kill()
        with pytest.raises(PonderError, match=r"no learner checkpoint in .*gone"):
            await learners.estimate(BATCH)
        await learners.shutdown()

        learners = await start(model, tmp_path, told)
        again = learners._begin

        def dying() -> LearnerGroup:
            group = again()
            ranks()[1].kill()
            return group

        learners._begin = dying
        ranks()[0].kill()
        with pytest.raises(LearnerError, match=r"rank \d died"):
            await learners.estimate(BATCH)
        assert learners.losses == 1 and len(told) == 2
        await learners.shutdown()

        learners = await start(model, tmp_path, told)
        with pytest.raises(LearnerError, match="rank 0 failed"):
            await learners.export(Path(model) / "config.json")
        assert learners.losses == 0

    asyncio.run(run())
