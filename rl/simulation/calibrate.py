"""Figures of a cluster from runs that were measured there, in place of a data sheet's.

- A synchronous run says how fast both sides are alone. Generation of a step takes fixed x longest response + sample x
  tokens of a worker, learning takes batch + token x tokens of a group of ranks: least squares over the steps.
- A streamed run, where there is one, says how much they slow each other down when they work at the same time (on a
  machine whose cores they share), and how long new weights take then.

Computing a KV cache anew is taken for the forward pass that it is, one of the `learner_passes` on a token.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist, fmean, median
from typing import Any

import numpy as np

from rl.config import RunConfig
from rl.errors import ConfigError
from rl.load_config import load_config
from rl.run.tracking import read_metrics
from rl.simulation.figures import EngineFigures, Figures, LearnerFigures
from rl.simulation.hardware import learner_passes

LEFT_OUT = 3
"""Steps at the beginning of a run that are not counted: the stream fills up, kernels are compiled."""


@dataclass(frozen=True)
class MeasuredStep:
    """One step of a run."""

    metrics: dict[str, float]
    groups: tuple[tuple[int, ...], ...]
    """Response tokens of each group that was generated."""

    @property
    def tokens(self) -> int:
        """Response tokens."""
        return sum(map(sum, self.groups))

    @property
    def samples(self) -> int:
        """Responses."""
        return sum(map(len, self.groups))

    @property
    def longest(self) -> int:
        """Tokens of the longest response."""
        return max(max(group) for group in self.groups)

    def seconds(self, *phases: str) -> float:
        """Of these phases of the loop."""
        return sum(self.metrics.get(f"time/{phase}", 0.0) for phase in phases)

    @property
    def learning(self) -> float:
        """All seconds but those of generating and publishing."""
        return self.metrics["time/step"] - self.seconds("generate", "drain", "publish")


@dataclass(frozen=True)
class Measured:
    """One run."""

    folder: Path
    config: RunConfig
    steps: tuple[MeasuredStep, ...]

    @property
    def streamed(self) -> bool:
        """Whether there is more than one batch under way."""
        return self.config.streaming.max_staleness > 0

    @property
    def competes(self) -> bool:
        """Whether generation goes on while the learner works."""
        return self.streamed and self.config.streaming.placement == "split"


def read_run(folder: Path) -> Measured:
    """The steps of a run folder that count.

    Raises:
        ConfigError: it is none, or it has too few steps.
    """
    if not (folder / "config.yaml").is_file() or not (folder / "metrics.jsonl").is_file():
        raise ConfigError(f"{folder} is not a run folder (config.yaml and metrics.jsonl). Runs lie under runs/<name>.")
    rows = [row for row in read_metrics(folder / "metrics.jsonl") if "time/step" in row][LEFT_OUT:]
    steps = [
        MeasuredStep(
            {name: value for name, value in row.items() if isinstance(value, int | float)},
            _groups(folder / "samples" / f"step-{int(row['step']):06d}.jsonl"),
        )
        for row in rows
    ]
    if sum(step.tokens > 0 for step in steps) < 2:
        raise ConfigError(
            f"{folder} has no 2 steps with samples after its first {LEFT_OUT}, which do not count. Let it run on."
        )
    return Measured(folder, load_config(folder / "config.yaml").config, tuple(steps))


def calibrated(runs: Sequence[Measured], config: RunConfig, *, prompt_tokens: int, kv_tokens: float) -> Figures:
    """Figures for a configuration from runs on the same kind of machine with the same model.

    Args:
        runs: a synchronous one, and streamed ones or none.
        config: what is to be simulated; workers, ranks and slots are its own.
        prompt_tokens: of a prompt, on average.
        kv_tokens: that a worker's KV cache holds.

    Raises:
        ConfigError: no synchronous run is among them, or one whose samples did not all run at once.
    """
    alone = next((run for run in runs if not run.streamed), None)
    if alone is None:
        raise ConfigError(
            "--calibrate: none of the runs is synchronous, and only such a one says how fast generation and learning "
            "are alone. Give one more: the same configuration with streaming.max_staleness=0."
        )
    rollout, groups = alone.config.rollout, alone.config.learner.data_parallel
    if alone.config.samples_per_step > rollout.workers * rollout.max_concurrent_samples:
        raise ConfigError(
            f"--calibrate {alone.folder}: its samples did not all run at once, so that its speed cannot be told from "
            "its steps. Let it run with a larger rollout.max_concurrent_samples."
        )
    some = [step for step in alone.steps if step.tokens]
    once = [step for step in some if step.metrics.get("batch/rounds", 1) == 1] or some
    fixed, sample = _fit(
        [(step.longest, step.tokens / rollout.workers) for step in once], [step.seconds("generate") for step in once]
    )
    work = [(1.0, (step.tokens + step.samples * prompt_tokens) / groups) for step in alone.steps]
    batch, token = _fit(work, [step.learning for step in alone.steps])
    # `token` is of the samples' own tokens: with shared prompts fewer are computed, as they will be where it is used.
    spared = median(step.metrics.get("batch/spared", 0.0) for step in alone.steps)
    streamed = [step for run in runs if run.competes for step in run.steps]
    swaps = streamed or list(alone.steps)
    pause = median(step.metrics.get("rollout/pause_seconds", 0.0) for step in swaps)
    contention = 1.0
    if streamed:
        tokens = sum(step.tokens + step.samples * prompt_tokens for step in streamed)
        predicted = len(streamed) * batch + token * tokens / groups
        contention = max(sum(step.learning for step in streamed) / predicted, 1.0)
    return Figures(
        engine=EngineFigures(
            fixed=fixed,
            weights=0.0,
            compute=0.0,
            sample=sample,
            context=0.0,
            prefill=token / learner_passes(config) / (1 - spared),
            slots=config.rollout.max_concurrent_samples,
            kv_tokens=kv_tokens,
        ),
        learner=LearnerFigures(
            token=token,
            attention=0.0,
            optimizer_step=0.0,
            batch=batch,
            groups=config.learner.data_parallel,
            optimizer_steps=config.optimizer_steps_per_batch,
        ),
        publish=max(median(step.seconds("publish") for step in swaps), pause),
        pause=pause,
        scoring=0.0,
        contention=contention,
    )


def likeness(runs: Sequence[Measured]) -> float:
    """Share of the variance of lengths that samples of one prompt have in common, 0 to 1: the intraclass correlation
    of the lengths' normal scores."""
    groups = [group for run in runs for step in run.steps for group in step.groups if len(group) > 1]
    if len(groups) < 2:
        return 0.0
    place = {length: i for i, length in enumerate(sorted(length for group in groups for length in group))}
    total = sum(map(len, groups))
    normal = NormalDist()
    scores = [[normal.inv_cdf((place[length] + 0.5) / total) for length in group] for group in groups]
    size = total / len(groups)
    mean = fmean(score for group in scores for score in group)
    between = size * sum((fmean(group) - mean) ** 2 for group in scores) / (len(groups) - 1)
    within = sum(sum((s - fmean(group)) ** 2 for s in group) for group in scores) / max(total - len(groups), 1)
    return min(max((between - within) / max(between + (size - 1) * within, 1e-9), 0.0), 1.0)


def _fit(rows: Sequence[tuple[float, float]], seconds: Sequence[float]) -> tuple[float, float]:
    """Least squares with factors that are not negative; where one would be, the other is fitted alone."""
    matrix, wanted = np.asarray(rows, dtype=np.float64), np.asarray(seconds, dtype=np.float64)
    first, second = (float(x) for x in np.linalg.lstsq(matrix, wanted, rcond=None)[0])
    if first >= 0 and second >= 0:
        return first, second
    column = 1 if first < 0 else 0
    alone = float(matrix[:, column] @ wanted / (matrix[:, column] @ matrix[:, column]))
    return (0.0, alone) if column else (alone, 0.0)


def _groups(file: Path) -> tuple[tuple[int, ...], ...]:
    """Response tokens by group; a sample's name without its last part is its group's."""
    if not file.is_file():
        return ()
    found: dict[str, list[int]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        row: Any = json.loads(line)
        found.setdefault(row["sample_id"].rpartition("/")[0], []).append(row["response_tokens"])
    return tuple(map(tuple, found.values()))
