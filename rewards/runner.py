"""Runs the reward functions of a run on its samples, in processes that may hang or die.

- `RewardRunner`: scores samples; the same object in training and offline.
- `combine`: the scores of one sample -> one number.
- `summarise`: the scores of many samples -> metrics.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.errors import RewardConfigError, RewardFailed
from rewards.loader import IMPORT_TIMEOUT_S, load_all
from rewards.registry import WARM_UP
from rewards.types import Combined, Outcome, RewardInput, Score
from sandbox.pool import Call, CallOutcome, CallResult, KillablePool, PoolError

_OUTCOMES = {
    CallOutcome.TIMEOUT: Outcome.TIMEOUT,
    CallOutcome.CRASH: Outcome.CRASH,
    CallOutcome.ERROR: Outcome.ERROR,
}
_LARGEST_CHUNK = 32


class RewardRunner:
    """The rewards of one run. Any number of threads may score at a time."""

    def __init__(
        self,
        configs: Sequence[RewardConfig],
        runner: RewardRunnerConfig,
        correctness: str,
        base: Path,
        *,
        output: Path | None = None,
    ) -> None:
        """Check all rewards and start the workers.

        Args:
            correctness: name of the reward whose verdict is `Combined.correct`.
            base: folder that relative reward files are looked up in first.
            output: file that what reward functions print is appended to; None drops it.

        Raises:
            RewardConfigError: a reward or option is wrong (all problems at once).
        """
        self.rewards = load_all(configs, correctness, base)
        self.failures: dict[str, str] = {}
        """First traceback of each kind: `<name>/<outcome>` -> text."""
        self._reported: set[str] = set()
        self._on_error = runner.on_error
        self._correctness = correctness
        self._workers = runner.workers
        functions = [(reward.reference, reward.config.options) for reward in self.rewards]
        warm_up = [WARM_UP[reward.config.use] for reward in self.rewards if reward.config.use in WARM_UP]
        self._pool = KillablePool(
            runner.workers,
            initializer=Call("rewards.worker:prepare", (functions, warm_up), IMPORT_TIMEOUT_S),
            memory_mb=runner.memory_mb,
            output=output,
        )
        self._threads = ThreadPoolExecutor(runner.workers + 1, thread_name_prefix="rewards")

    def score(self, samples: Sequence[RewardInput]) -> list[Combined]:
        """Score samples, in order.

        Raises:
            RewardFailed: a call failed and `on_error` is `fail`.
            RewardConfigError: the workers cannot load the rewards any more.
        """
        calls = [
            Call("rewards.worker:call_reward", (place, sample), reward.config.timeout_s)
            for sample in samples
            for place, reward in enumerate(self.rewards)
        ]
        chunk = max(1, min(_LARGEST_CHUNK, len(calls) // (4 * self._workers)))
        try:
            results = list(self._pool.map(calls, chunk=chunk))
        except PoolError as error:
            raise RewardConfigError([f"rewards: {error}"]) from error
        scores = [_score(result) for result in results]
        size = len(self.rewards)
        return [self._combine(scores[i : i + size]) for i in range(0, len(scores), size)]

    async def ascore(self, samples: Sequence[RewardInput]) -> list[Combined]:
        """`score` without blocking the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.score, samples)

    def new_failures(self) -> list[str]:
        """One text for each kind of failure that came up for the first time since the last call of this."""
        new = [kind for kind in self.failures if kind not in self._reported]
        self._reported.update(new)
        return [f"reward {kind.replace('/', ': ')}: {self.failures[kind]}" for kind in new]

    def close(self) -> None:
        """End the workers."""
        self._pool.close()
        self._threads.shutdown()

    def __enter__(self) -> RewardRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _combine(self, scores: Sequence[Score]) -> Combined:
        named = {reward.label: score for reward, score in zip(self.rewards, scores, strict=True)}
        for label, score in named.items():
            if score.outcome.is_failure:
                self.failures.setdefault(f"{label}/{score.outcome}", score.message)
                if self._on_error == "fail":
                    raise RewardFailed(f"reward `{label}`: {score.outcome}\n{score.message}")
        weights = {reward.label: reward.config.weight for reward in self.rewards}
        return combine(named, weights, self._correctness, mask=self._on_error == "mask")


def combine(scores: Mapping[str, Score], weights: Mapping[str, float], correctness: str, *, mask: bool) -> Combined:
    """One sample's scores -> its reward and verdict.

    The reward is the weighted sum of all that scored. It is None (the sample leaves the loss) when every reward
    skipped, and under `mask` when one failed that pays or that judges correctness; without `mask` a failure counts 0.

    A judge that returns a plain number says right with 1 or more.
    """
    verdict = scores[correctness]
    correct = verdict.correct
    if correct is None and verdict.outcome is Outcome.SCORED:
        correct = verdict.value >= 1.0
    failed = any(
        score.outcome.is_failure and (weights[name] != 0 or name == correctness) for name, score in scores.items()
    )
    if (mask and failed) or all(score.outcome is Outcome.SKIPPED for score in scores.values()):
        return Combined(None, scores, correct)
    reward = sum(
        weights[name] * score.value
        for name, score in scores.items()
        if not score.outcome.is_failure and score.outcome is not Outcome.SKIPPED
    )
    return Combined(float(reward), scores, correct)


def summarise(combined: Sequence[Combined]) -> dict[str, float]:
    """Metrics of scored samples.

    `reward/mean` over samples with a reward, `reward/masked` (their share that has none), `reward/accuracy` over
    samples with a verdict, and for each reward `reward/<name>/mean` over what it scored, `reward/<name>/<outcome>` as
    counts, `reward/<name>/<part>` as the mean of each named part. A mean over nothing is left out.
    """
    metrics: dict[str, float] = {}
    if not combined:
        return metrics
    _add_mean(metrics, "reward/mean", [one.reward for one in combined if one.reward is not None])
    metrics["reward/masked"] = sum(one.reward is None for one in combined) / len(combined)
    _add_mean(metrics, "reward/accuracy", [float(one.correct) for one in combined if one.correct is not None])
    for name in combined[0].scores:
        scores = [one.scores[name] for one in combined]
        valued = [score for score in scores if score.outcome in (Outcome.SCORED, Outcome.NO_ANSWER)]
        _add_mean(metrics, f"reward/{name}/mean", [score.value for score in valued])
        for part in sorted({part for score in valued for part in score.detail}):
            _add_mean(metrics, f"reward/{name}/{part}", [s.detail[part] for s in valued if part in s.detail])
        for outcome in Outcome:
            metrics[f"reward/{name}/{outcome}"] = sum(score.outcome is outcome for score in scores)
    return metrics


def _add_mean(metrics: dict[str, float], name: str, values: Sequence[float]) -> None:
    if values:
        metrics[name] = sum(values) / len(values)


def _score(result: CallResult) -> Score:
    if result.outcome is CallOutcome.OK:
        score: Score = result.value
        return score
    return Score(0.0, _OUTCOMES[result.outcome], message=result.traceback)
