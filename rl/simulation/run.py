"""The loop of a run on a modelled cluster, and what it predicts.

`rl/trainer.py` in virtual time: the batches come from the real `batch_source`, learning and publishing take modelled
seconds. Evaluation, checkpoints, value pretraining and `max_versions_per_sample` are left out.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, replace
from typing import cast

from rl.batch_source import batch_source
from rl.collect import Collected
from rl.config import RunConfig
from rl.data.stream import PromptStream
from rl.simulation.clock import run_virtual
from rl.simulation.collector import ModelledCollector, ModelledGroup, Prompts
from rl.simulation.engine import Usage
from rl.simulation.figures import Figures, Seconds
from rl.simulation.fleet import ModelledFleet
from rl.simulation.lengths import Lengths


@dataclass(frozen=True)
class Workload:
    """What is asked of the cluster, besides what the configuration says."""

    lengths: Lengths
    prompt_tokens: int
    informative: float
    """Share of groups with signal."""
    prompts: int
    """Different ones."""
    steps: int
    """Steps that are measured."""
    seed: int = 0


@dataclass(frozen=True)
class Prediction:
    """Means over the measured steps. Shares are of the time of a step, or of all workers' time."""

    step: Seconds
    """From one batch to the next."""
    waiting: float
    """Share of the time in which the learner waits for samples."""
    learning: float
    publishing: float
    """New weights, and what is waited for before them (`partial_rollout: off`)."""
    idle: float
    """Share of the workers' time in which they have no sample."""
    stalled: float
    """Share in which they have some and compute prompts or caches, or wait for weights."""
    running: float
    """Samples decoded at once by a worker, over all its time."""
    tokens_per_second: float
    """Response tokens of the whole fleet."""
    tokens_per_step: float
    """Response tokens of the samples that a batch learns from."""
    staleness: float
    """Weight versions between a sample's first token and its use."""
    staleness_max: int
    evicted: float
    """Samples a step that an engine put back because its KV cache was full."""


@dataclass
class _Totals:
    """Of the measured steps."""

    waiting: Seconds = 0.0
    learning: Seconds = 0.0
    publishing: Seconds = 0.0
    tokens: int = 0
    samples: int = 0
    age: int = 0
    oldest: int = 0


def simulate(config: RunConfig, figures: Figures, work: Workload) -> Prediction:
    """Run as many steps as it takes to fill the stream, then those that are measured.

    Deterministic in its arguments.
    """
    return run_virtual(_run(config, figures, work))


def filling(config: RunConfig) -> int:
    """Steps before the measured ones: the stream fills up, and lengths become known."""
    return 2 + 2 * config.streaming.max_staleness


async def _run(config: RunConfig, figures: Figures, work: Workload) -> Prediction:
    rollout, loop = config.rollout, asyncio.get_running_loop()
    fleet = ModelledFleet(
        rollout.workers,
        figures.engine,
        most=rollout.max_response_tokens,
        recompute=rollout.recompute_kv_on_swap,
        restart=config.streaming.partial_rollout == "restart",
    )
    source = batch_source(
        config,
        ModelledCollector(
            fleet,
            work.lengths,
            informative=work.informative,
            scoring=figures.scoring,
            tick=_tick(config, figures, work),
            seed=work.seed,
        ),
        PromptStream(Prompts(work.prompts, work.prompt_tokens), seed=work.seed),
        steps=0,
        version=0,
        state=None,
    )
    totals, begin, before = _Totals(), 0.0, Usage()
    first = filling(config)
    for step in range(1, first + work.steps + 1):
        if step == first + 1:
            totals, begin, before = _Totals(), loop.time(), fleet.usage()
        asked = loop.time()
        collected = await source.take()
        taken = loop.time()
        _count(totals, collected, fleet.version)
        shared = config.streaming.placement == "shared"
        if shared:
            fleet.rest()
        contention = 1.0 if shared else figures.contention
        await _learn(fleet, replace(figures, contention=contention), collected, work.prompt_tokens)
        learnt = loop.time()
        if config.streaming.partial_rollout == "off":
            await source.drain()
        await fleet.publish(step, publish=figures.publish, pause=figures.pause)
        source.advance(fleet.version)
        totals.waiting += taken - asked
        totals.learning += learnt - taken
        totals.publishing += loop.time() - learnt
    return _prediction(totals, loop.time() - begin, before, fleet.usage(), rollout.workers, work.steps)


_MANY = 512
"""Groups of a batch from which on their arrival is looked at in ticks: the stream sorts all it has at every arrival."""


def _tick(config: RunConfig, figures: Figures, work: Workload) -> Seconds:
    """A small part of what learning a batch takes, which no step is shorter than."""
    if config.prompts_per_step < _MANY:
        return 0.0
    rng = random.Random(work.seed)
    drawn = [work.lengths.draw(rng, config.group_size) for _ in range(config.prompts_per_step)]
    return figures.learner.seconds([work.prompt_tokens + tokens for group in drawn for tokens in group]) / 200


async def _learn(fleet: ModelledFleet, figures: Figures, collected: Collected, prompt_tokens: int) -> None:
    lengths = [prompt_tokens + tokens for group in collected.groups for tokens in _modelled(group).tokens]
    seconds = figures.learner.seconds(lengths)
    if figures.contention == 1:
        await asyncio.sleep(seconds)
        return
    fleet.slow_down(figures.contention)
    for _ in range(_SLICES):
        await asyncio.sleep(seconds / _SLICES * (figures.contention if fleet.busy else 1.0))
    fleet.slow_down(1.0)


_SLICES = 50
"""Parts of a learner step, where workers that compute at the same time slow it down: each is slowed down or not."""


def _modelled(group: object) -> ModelledGroup:
    return cast(ModelledGroup, group)


def _count(totals: _Totals, collected: Collected, version: int) -> None:
    for group in map(_modelled, collected.groups):
        ages = [version - oldest for oldest in group.oldest]
        totals.tokens += sum(group.tokens)
        totals.samples += len(ages)
        totals.age += sum(ages)
        totals.oldest = max(totals.oldest, *ages)


def _prediction(totals: _Totals, seconds: Seconds, before: Usage, after: Usage, workers: int, steps: int) -> Prediction:
    worked = workers * seconds
    decoding, stalled = after.decoding - before.decoding, after.stalled - before.stalled
    return Prediction(
        step=seconds / steps,
        waiting=totals.waiting / seconds,
        learning=totals.learning / seconds,
        publishing=totals.publishing / seconds,
        idle=max(1 - (decoding + stalled) / worked, 0.0),
        stalled=stalled / worked,
        running=(after.samples - before.samples) / worked,
        tokens_per_second=(after.tokens - before.tokens) / seconds,
        tokens_per_step=totals.tokens / steps,
        staleness=totals.age / max(totals.samples, 1),
        staleness_max=totals.oldest,
        evicted=(after.evicted - before.evicted) / steps,
    )
