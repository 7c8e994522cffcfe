"""VAPO's value pretraining: fit the critic to the frozen policy's samples before the first step.

Targets are Monte-Carlo returns (lambda_critic 1). It stops when the critic, measured on samples that it has not learnt
from, explains enough of the variance of their returns and, where a goal is set, its loss is low enough (arXiv
2504.05118; arXiv 2503.01491); never before `min_steps`, always after `max_steps`. The critic is then saved in the run
folder, as a reward model that another run can start from (`model.critic`).
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rl.algorithms.base import DynamicSampling, ValuePretraining
from rl.algorithms.config import AlgorithmConfig
from rl.algorithms.targets import compute_targets
from rl.batch import Batch, Metrics, TrainSample
from rl.budget.turns import BudgetTurns
from rl.data.saved import load_saved
from rl.durable import flush, flush_tree
from rl.groups import to_batch
from rl.run.checkpoint import RunState
from rl.run.session import Clock, Session, Stopped

NO_FILTER = DynamicSampling(enabled=False)
RECORD = "value_pretraining.json"
"""File in the pretrained critic's folder that says how it came about."""


async def pretrain_critic(session: Session) -> None:
    """Pretrain until the recipe says stop; a critic that explains too little is a warning that the user sees."""
    config = session.config
    recipe = config.algorithm.value_pretraining
    if session.state.value_pretraining_done:
        return
    saved = None if recipe.samples is None else _saved(session, recipe.samples)
    while not (recipe.max_steps <= session.state.value_pretraining_steps or reached(recipe, session.state)):
        if session.stop.is_set():
            raise Stopped
        number, used, clock = session.state.value_pretraining_steps + 1, session.state.value_samples, Clock()
        batch = await _fresh(session, number) if saved is None else _part(saved, used, config.samples_per_step)
        clock.lap("generate")
        if saved is not None and len(batch) == 0:
            break
        metrics = await _learn(session, batch) if len(batch) > 0 else {}
        clock.lap("update")
        session.finish_value_step(number, used + len(batch), metrics, clock)
        if number % config.checkpoint.every_steps == 0:
            await session.save()
    done = session.state.value_pretraining_steps
    if done > 0:
        if not good_enough(recipe, session.state):
            session.console.warn(_too_little(session, used_up=saved is not None and done < recipe.max_steps))
        await _keep_critic(session)
    session.state = replace(session.state, value_pretraining_done=True)
    if done > 0:
        await session.save()


def reached(recipe: ValuePretraining, state: RunState) -> bool:
    """Whether the critic is good enough, and the least number of steps is done."""
    return state.value_pretraining_steps >= recipe.min_steps and good_enough(recipe, state)


def good_enough(recipe: ValuePretraining, state: RunState) -> bool:
    """Whether the critic reached its goals when it was last measured (False before)."""
    if state.explained_variance is None or state.value_loss is None:
        return False
    explains = state.explained_variance >= recipe.explained_variance
    return explains and (recipe.loss is None or state.value_loss <= recipe.loss)


async def _learn(session: Session, batch: Batch) -> Metrics:
    """Measure the critic on a batch, then fit it to the batch."""
    learners = session.system.trained
    estimates = await learners.estimate(batch)
    targets = compute_targets(batch, estimates, monte_carlo(session.config.algorithm))
    learnt = await learners.update(batch, estimates, targets, train_policy=False)
    return {**targets.metrics, **learnt}


def monte_carlo(algorithm: AlgorithmConfig) -> AlgorithmConfig:
    """The algorithm whose returns are plain sums of rewards, whatever the critic's lambda is later.

    With a smaller lambda the critic would be measured against its own values. A KL penalty in the reward is nothing
    yet: the policy is its own reference, and of saved samples log-probabilities are not known.
    """
    return algorithm.model_copy(update={"lambda_critic": 1.0, "kl": None})


async def _fresh(session: Session, number: int) -> Batch:
    """Samples of the frozen policy, also written into the run folder."""
    config = session.config
    collected = await session.unless_stopped(
        session.system.collector.collect(
            session.stream,
            label=f"value{number}",
            prompts=config.prompts_per_step,
            group_size=config.group_size,
            filtering=NO_FILTER,
        )
    )
    session.folder.write_value_samples(number, (row for group in collected.generated for row in group.rows()))
    return to_batch(collected.groups, version=0)


def _saved(session: Session, path: Path) -> Sequence[TrainSample]:
    """The saved samples, and on the screen what there is to know about them."""
    config, tokenizer = session.config, session.system.tokenizer
    turns = None if config.budget is None else BudgetTurns(config.budget, tokenizer)
    saved = load_saved(path, tokenizer, config.model.context_tokens, turns)
    steps = max(1, len(saved.samples) // config.samples_per_step)
    said = [f"value pretraining from {path}: {len(saved.samples):,} samples, {steps:,} step{'s' * (steps > 1)}"]
    if saved.left_out:
        said.append(f"{saved.left_out:,} rows left out (no reward, or no response)")
    if saved.tokenised:
        said.append(f"{saved.tokenised:,} responses tokenised here: their rows have no `response_ids`")
    session.console.note("; ".join(said))
    return saved.samples


def _part(samples: Sequence[TrainSample], used: int, size: int) -> Batch:
    """The samples of a step, after `used` ones; each is used once, so that those of the next step are always unseen.

    What is left after the last whole step belongs to it: too few samples would say little of the critic.
    """
    end = used + size
    return Batch(samples[used : len(samples) if len(samples) - end < size else end])


def _too_little(session: Session, *, used_up: bool) -> str:
    recipe, state = session.config.algorithm.value_pretraining, session.state
    goal = f"explained variance {state.explained_variance:.2f} (goal {recipe.explained_variance:g})"
    if recipe.loss is not None:
        goal += f" and loss {state.value_loss:.3g} (goal {recipe.loss:g})"
    ways = ["a higher learner.critic.learning_rate", "algorithm.lambda_policy=1 until it explains more"]
    more = "more samples in" if used_up else "more"
    ways.insert(0, f"{more} algorithm.value_pretraining.{'samples' if used_up else 'max_steps'}")
    return (
        f"value pretraining ended after {state.value_pretraining_steps} steps"
        f"{', when the saved samples were used up,' if used_up else ''} with {goal}: advantages from this critic are "
        f"mostly noise. Ways out: " + ", ".join(f"({place}) {way}" for place, way in enumerate(ways, 1)) + "."
    )


async def _keep_critic(session: Session) -> None:
    """Save the critic whole or not at all; what an interrupted save of the same run left is replaced."""
    folder, state = session.folder.pretrained_critic, session.state
    part = folder.with_name(f".part-{folder.name}")
    shutil.rmtree(part, ignore_errors=True)
    await session.system.trained.export_critic(part)
    session.system.tokenizer.save_pretrained(part)
    record = {
        "model": session.config.model.name,
        "steps": state.value_pretraining_steps,
        "explained_variance": state.explained_variance,
        "loss": state.value_loss,
    }
    (part / RECORD).write_text(json.dumps(record, indent=1))
    await asyncio.to_thread(flush_tree, part)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    flush(folder.parent)
