"""The loop: generate -> score -> filter -> advantages -> update -> publish.

With `streaming.max_staleness` 0 every token of a step is sampled by the weights that the step before published, but for
those of groups that dynamic sampling left over. Above 0 generation goes on while the learner works (`rl/stream.py`).
"""

from __future__ import annotations

from rl.algorithms.targets import compute_targets
from rl.batch_source import BatchSource, batch_source
from rl.groups import group_metrics, to_batch
from rl.run.session import Clock, Session


async def run_steps(session: Session) -> None:
    """Train until `steps` are done; raises `Stopped` between two steps when the user asks to stop."""
    source = batch_source(
        session.config,
        session.system.collector,
        session.stream,
        steps=session.state.step,
        version=session.system.fleet.version,
        state=session.source_state,
    )
    try:
        while session.state.step < session.config.steps:
            if session.evaluation_due:
                session.record_evaluation(await session.unless_stopped(session.measure()))
            await _step(session, source)
            if session.due(session.config.checkpoint.every_steps):
                await session.save()
    finally:
        await source.close()


async def _step(session: Session, source: BatchSource) -> None:
    config, fleet, learners = session.config, session.system.fleet, session.system.trained
    step, clock = session.state.step + 1, Clock()
    collected = await session.unless_stopped(source.take())
    clock.lap("generate")
    metrics = group_metrics(collected.generated)
    streaming = config.streaming
    batch = to_batch(collected.groups, version=fleet.version, loss_max_staleness=streaming.loss_max_staleness)
    if streaming.placement == "shared":
        await fleet.rest()
        clock.lap("rest")
    if len(batch) > 0:
        estimates = await learners.estimate(batch)
        clock.lap("estimate")
        targets = compute_targets(batch, estimates, config.algorithm)
        session.check_critic(step, targets)
        learnt = await learners.update(batch, estimates, targets)
        await session.check_parity(step, {**estimates.metrics, **learnt})
        metrics |= {**batch.staleness_metrics(), **estimates.metrics, **targets.metrics, **learnt}
        clock.lap("update")
    if streaming.partial_rollout == "off":
        await source.drain()
        clock.lap("drain")
    # After a step that had nothing to learn from too: sources count staleness in versions, and every step makes one.
    metrics |= await session.publish(version=step)
    clock.lap("publish")
    source.advance(fleet.version)
    session.finish_step(step, collected, metrics, clock, source.state())
