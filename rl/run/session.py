"""One run while it is going on: its state, its files, its screen, and the wish to stop.

The loop (`rl/trainer.py`) says what happens; the session says where it is written and shown.
"""

from __future__ import annotations

import asyncio
import math
import pickle
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from rl.batch import Metrics, Targets
from rl.batch_source import SourceState
from rl.budget.measure import GroupMetrics, no_metrics
from rl.collect import Collected
from rl.config import RunConfig
from rl.data.stream import PromptStream
from rl.groups import prefixed
from rl.run.checkpoint import SOURCE, RunState, save_checkpoint
from rl.run.console import Console
from rl.run.evaluation import Evaluation, evaluate
from rl.run.folder import RunFolder
from rl.run.tracking import Tracker
from rl.system import System
from rollout.types import Prompt

T = TypeVar("T")


class Stopped(Exception):
    """The user asked to stop, and it is safe to."""


class Clock:
    """Wall time of a step by phase."""

    def __init__(self) -> None:
        self.start = self._last = time.perf_counter()
        self.phases: dict[str, float] = {}

    def lap(self, phase: str) -> None:
        """The time since the last lap was spent on `phase`."""
        now = time.perf_counter()
        self.phases[phase] = self.phases.get(phase, 0.0) + now - self._last
        self._last = now

    @property
    def seconds(self) -> float:
        """Since the clock was made."""
        return time.perf_counter() - self.start


@dataclass
class Session:
    """One run while it is going on."""

    config: RunConfig
    folder: RunFolder
    system: System
    stream: PromptStream
    held_out: Sequence[Prompt]
    console: Console
    tracker: Tracker
    state: RunState
    """As of the last finished step: what a checkpoint taken now would say."""
    source_state: SourceState | None = None
    """Where the source of batches stood then; None before the first step."""
    judge: GroupMetrics = no_metrics
    """Metrics of what thinking budgets did."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    _last_saved: str = ""
    _started: float = field(default_factory=time.perf_counter)
    _seconds_before: float = 0.0

    def __post_init__(self) -> None:
        self._seconds_before = self.state.seconds
        if self.state.step > 0 or self.state.value_pretraining_steps > 0:  # so far only a checkpoint brings one here
            self._last_saved = self.state.name

    @property
    def seconds(self) -> float:
        """Wall time of the run over all its starts."""
        return self._seconds_before + time.perf_counter() - self._started

    def due(self, every: int) -> bool:
        """Whether something done every so many steps is due after the last finished step (0: never)."""
        return every > 0 and self.state.step % every == 0

    @property
    def evaluation_due(self) -> bool:
        """Whether held-out prompts are to be answered after the last finished step, and have not been."""
        step = self.state.step
        return step > 0 and self.due(self.config.evaluation.every_steps) and not self.tracker.evaluated(step)

    async def unless_stopped(self, work: Awaitable[T]) -> T:
        """Await work that may be thrown away; raise `Stopped` as soon as the user asks to stop."""
        task = asyncio.ensure_future(work)
        asked = asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
            if self.stop.is_set():
                raise Stopped
            return task.result()
        finally:
            for pending in (task, asked):
                pending.cancel()
            await asyncio.gather(task, asked, return_exceptions=True)

    async def publish(self, version: int) -> Mapping[str, float]:
        """Bring the learner's weights into every rollout engine under a new version."""
        manifest = await self.system.trained.write_weights(self.system.weights, version)
        metrics = await self.system.fleet.publish(manifest)
        self.system.weights.discard_before(version)
        return metrics

    async def check_parity(self, step: int, metrics: Metrics) -> None:
        """Alarm when learner and engine disagree on the same tokens under the same weights (where there are such)."""
        gap, limit = metrics.get("policy/logprob_gap", 0.0), self.config.rollout.logprob_gap_limit
        if not gap <= limit:  # a NaN is an alarm too
            names = await self.system.fleet.parameter_report()
            self.console.warn(
                f"step {step}: learner and rollout logprobs differ by {gap:.3g} nats a token (limit {limit:g}, "
                "rollout.logprob_gap_limit): the engine does not sample from the weights that are trained. "
                f"Parameters to look at: {', '.join(names) or 'none stands out; compare dtypes'}."
            )

    def check_critic(self, step: int, targets: Targets) -> None:
        """Warn when training starts with a critic that was not pretrained here and explains too little."""
        goal = self.config.algorithm.value_pretraining.explained_variance
        explained = targets.metrics.get("critic/explained_variance", math.inf)
        if step == 1 and self.state.value_pretraining_steps == 0 and not explained >= goal:
            self.console.warn(
                f"the critic starts with explained variance {explained:.2f} (goal {goal:g}): advantages from it are "
                "mostly noise. Ways out: (1) algorithm.value_pretraining.max_steps above 0, (2) model.critic: one that "
                "was pretrained on this policy's samples."
            )

    def finish_step(
        self, step: int, collected: Collected, metrics: Mapping[str, float], clock: Clock, source_state: SourceState
    ) -> None:
        """Record a step: samples, metrics, screen, and the state that a checkpoint would save."""
        self.folder.write_samples(step, (row for group in collected.generated for row in group.rows()))
        tokens = sum(len(sample.response_ids) for group in collected.generated for sample in group.samples)
        streamed = self.config.streaming.max_staleness > 0
        full = {
            **metrics,
            **self.judge(collected.generated),
            "batch/rounds": collected.rounds,
            "batch/groups": len(collected.groups),
            "rollout/tokens_per_second": tokens / (clock.seconds if streamed else clock.phases["generate"]),
            **{f"time/{phase}": seconds for phase, seconds in clock.phases.items()},
            "time/step": clock.seconds,
        }
        if collected.surplus:
            full["batch/groups_waiting"] = len(collected.surplus)
        if not collected.full:
            self.console.warn(
                f"step {step}: {len(collected.groups)} of {self.config.prompts_per_step} groups carried signal after "
                f"{collected.rounds} generation rounds; training on those."
            )
        self._warn_of_failures(f"step {step}")
        self.state = replace(self.state, step=step, data=self.stream.state(), seconds=self.seconds)
        self.source_state = source_state
        self.tracker.log(step, full)
        self.console.step(step, full)

    def finish_value_step(self, number: int, used: int, metrics: Mapping[str, float], clock: Clock) -> None:
        """Record a step of value pretraining.

        Args:
            used: samples that it learnt from, in all steps until now.
            metrics: none where no sample had a reward.
        """
        self._warn_of_failures(f"value pretraining {number}")
        self.state = replace(
            self.state,
            value_pretraining_steps=number,
            value_samples=used,
            explained_variance=metrics.get("critic/explained_variance", self.state.explained_variance),
            value_loss=metrics.get("critic/loss_before", self.state.value_loss),
            data=self.stream.state(),
            seconds=self.seconds,
        )
        self.tracker.log(number, prefixed({**metrics, "time/step": clock.seconds}, "value_pretraining"))
        self.console.value_step(number, metrics)

    def _warn_of_failures(self, where: str) -> None:
        for failure in self.system.rewards.new_failures():
            self.console.warn(f"{where}: {failure}")

    async def measure(self) -> Evaluation:
        """Answer the held-out prompts with the current weights."""
        return await evaluate(
            self.system.collector,
            self.held_out,
            label="eval",
            samples_per_prompt=self.config.evaluation.samples_per_prompt,
            sampling=self.config.evaluation.sampling,
            judge=self.judge,
        )

    def record_evaluation(self, measured: Evaluation) -> None:
        """Log held-out figures under the last finished step (measured again after a crash, they are the same)."""
        metrics = {
            "eval/accuracy": measured.accuracy,
            "eval/response_tokens_mean": measured.response_tokens_mean,
            "eval/truncated": measured.truncated,
            **{f"eval/accuracy/{task}": one.accuracy for task, one in measured.tasks.items()},
            **prefixed(measured.budget, "eval"),
        }
        if not self.tracker.evaluated(self.state.step):
            self.tracker.log(self.state.step, metrics)
        self.console.evaluation(self.state.step, metrics)

    async def save(self) -> None:
        """Checkpoint the state as of the last finished step (nothing to do when that is saved already)."""
        if self._last_saved == self.state.name:
            return
        learners, tokenizer = self.system.trained, self.system.tokenizer

        async def write(folder: Path) -> None:
            (folder / SOURCE).write_bytes(pickle.dumps(self.source_state))
            (folder / "learner").mkdir()
            await learners.save(folder / "learner")
            await learners.export(folder / "policy")
            tokenizer.save_pretrained(folder / "policy")

        self.state = replace(self.state, seconds=self.seconds)
        keep = self.config.checkpoint.keep_last
        saved = await save_checkpoint(self.folder.checkpoints, self.state, write, keep_last=keep)
        learners.keep(saved.learner)
        self._last_saved = self.state.name
