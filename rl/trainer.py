"""The loop: generate -> score -> filter -> advantages -> update -> publish.

Synchronous here: every token of a step is sampled by the weights that the step before published (staleness 0).
"""

from __future__ import annotations

from dataclasses import replace

from rl.algorithms.base import DynamicSampling
from rl.algorithms.targets import compute_targets
from rl.groups import group_metrics, to_batch
from rl.run.session import Clock, Session

NO_FILTER = DynamicSampling(enabled=False)


async def run_steps(session: Session) -> None:
    """Train until `steps` are done; raises `Stopped` between two steps when the user asks to stop."""
    config, fleet, learners = session.config, session.system.collector, session.system.trained
    while session.state.step < config.steps:
        if session.evaluation_due:
            session.record_evaluation(await session.unless_stopped(session.measure()))
        step, clock = session.state.step + 1, Clock()
        collected = await session.unless_stopped(
            fleet.collect(
                session.stream,
                label=str(step),
                prompts=config.prompts_per_step,
                group_size=config.group_size,
                filtering=config.algorithm.dynamic_sampling,
            )
        )
        clock.lap("generate")
        metrics = group_metrics(collected.generated)
        batch = to_batch(collected.groups)
        if len(batch) > 0:
            estimates = await learners.estimate(batch)
            await session.check_parity(step, estimates)
            clock.lap("estimate")
            targets = compute_targets(batch, estimates, config.algorithm)
            learnt = await learners.update(batch, estimates, targets)
            clock.lap("update")
            swapped = await session.publish(version=step)
            clock.lap("publish")
            metrics |= {**estimates.metrics, **targets.metrics, **learnt, **swapped}
        session.finish_step(step, collected, metrics, clock)
        if session.due(config.checkpoint.every_steps):
            await session.save()


async def pretrain_critic(session: Session) -> None:
    """VAPO's value pretraining: fit the critic to fresh samples of the frozen policy before the first step.

    Stops when the critic's explained variance, measured on samples it has not been trained on, reaches the goal
    (arXiv 2504.05118; arXiv 2503.01491). A critic that explains too little is a warning that the user sees.
    """
    config, learners = session.config, session.system.trained
    recipe = config.algorithm.value_pretraining
    while not session.state.value_pretraining_done:
        done, clock = session.state.value_pretraining_steps, Clock()
        explained = session.state.value_explained_variance
        if explained is None:
            explained = float("nan")
        if done >= recipe.max_steps or (done >= recipe.min_steps and explained >= recipe.explained_variance):
            if done > 0 and not explained >= recipe.explained_variance:
                session.console.warn(
                    f"value pretraining ended after {done} steps with explained variance {explained:.2f} "
                    f"(goal {recipe.explained_variance:g}): advantages from this critic are mostly noise. Ways out: "
                    "(1) more algorithm.value_pretraining.max_steps, (2) a higher learner.critic.learning_rate, "
                    "(3) algorithm.lambda_policy=1 until it explains more."
                )
            session.state = replace(session.state, value_pretraining_done=True)
            await session.save()
            return
        collected = await session.unless_stopped(
            session.system.collector.collect(
                session.stream,
                label=f"value{done + 1}",
                prompts=config.prompts_per_step,
                group_size=config.group_size,
                filtering=NO_FILTER,
            )
        )
        clock.lap("generate")
        batch = to_batch(collected.groups)
        estimates = await learners.estimate(batch)
        targets = compute_targets(batch, estimates, config.algorithm)
        learnt = await learners.update(batch, estimates, targets, train_policy=False)
        clock.lap("update")
        session.finish_value_step(done + 1, {**targets.metrics, **learnt}, clock)
        if (done + 1) % config.checkpoint.every_steps == 0:
            await session.save()
