"""The loop: generate -> score -> filter -> advantages -> update -> publish.

Synchronous here: every token of a step is sampled by the weights that the step before published (staleness 0), but for
those of groups that dynamic sampling left over.
"""

from __future__ import annotations

from rl.algorithms.targets import compute_targets
from rl.groups import group_metrics, to_batch
from rl.run.session import Clock, Session


async def run_steps(session: Session) -> None:
    """Train until `steps` are done; raises `Stopped` between two steps when the user asks to stop."""
    config, fleet, learners = session.config, session.system.collector, session.system.trained
    while session.state.step < config.steps:
        step, clock = session.state.step + 1, Clock()
        collected = await session.unless_stopped(
            fleet.collect(
                session.stream,
                label=str(step),
                prompts=config.prompts_per_step,
                group_size=config.group_size,
                filtering=config.algorithm.dynamic_sampling,
                waiting=session.waiting,
            )
        )
        clock.lap("generate")
        metrics = group_metrics(collected.generated)
        batch = to_batch(collected.groups, version=session.state.step)
        if len(batch) > 0:
            estimates = await learners.estimate(batch)
            await session.check_parity(step, estimates)
            clock.lap("estimate")
            targets = compute_targets(batch, estimates, config.algorithm)
            session.check_critic(step, targets)
            learnt = await learners.update(batch, estimates, targets)
            clock.lap("update")
            swapped = await session.publish(version=step)
            clock.lap("publish")
            metrics |= {**batch.staleness_metrics(), **estimates.metrics, **targets.metrics, **learnt, **swapped}
        session.finish_step(step, collected, metrics, clock)
        if session.due(config.checkpoint.every_steps):
            await session.save()
        if session.due(config.evaluation.every_steps) and step < config.steps:
            session.record_evaluation(await session.unless_stopped(session.measure()))
