"""Measuring a model on prompts: pass@1, pass@k, lengths.

`pass@k` is the unbiased estimate 1 - C(n-c, k) / C(n, k) over n samples with c right (Chen et al. 2021,
arXiv 2107.03374).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import comb, sqrt

import numpy as np

from rl.budget.measure import GroupMetrics, no_metrics
from rl.collect import Collector
from rl.groups import ScoredGroup
from rollout.config import SamplingConfig
from rollout.types import Prompt, StopReason


@dataclass(frozen=True)
class Accuracy:
    """pass@1 of some prompts."""

    accuracy: float
    """Mean over prompts of the share of right samples."""
    ci95: float
    """Half the width of its 95% interval, from the spread over questions."""
    prompts: int


@dataclass(frozen=True)
class Evaluation:
    """What was measured on a set of prompts."""

    accuracy: float
    """pass@1: mean over prompts of the share of right samples."""
    ci95: float
    """Half the width of the 95% interval of `accuracy`, from the spread over questions."""
    pass_at: dict[int, float]
    """pass@k for k = 1, 2, 4, ... up to the samples per prompt."""
    response_tokens_mean: float
    truncated: float
    """Share of samples cut off at the longest response."""
    prompts: int
    """Counted at each budget that they were measured at."""
    samples_per_prompt: int
    groups: Sequence[ScoredGroup]
    tasks: Mapping[str, Accuracy] = field(default_factory=dict)
    """Each task's own; empty where all prompts are of one."""
    budget: Mapping[str, float] = field(default_factory=dict)
    """Metrics by thinking budget (`rl.budget.metrics`); empty where the run has none."""

    def as_dict(self) -> dict[str, object]:
        """Plain data for `summary.json`."""
        return {
            "accuracy": self.accuracy,
            "ci95": self.ci95,
            "pass_at": {str(k): value for k, value in self.pass_at.items()},
            "response_tokens_mean": self.response_tokens_mean,
            "truncated": self.truncated,
            "prompts": self.prompts,
            "samples_per_prompt": self.samples_per_prompt,
            **({"tasks": {task: asdict(one) for task, one in self.tasks.items()}} if self.tasks else {}),
            **({"budget": dict(self.budget)} if self.budget else {}),
        }


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """Chance that at least one of k samples drawn from `samples`, `correct` of them right, is right."""
    return 1.0 - comb(samples - correct, k) / comb(samples, k)


def summarise_groups(groups: Sequence[ScoredGroup], judge: GroupMetrics = no_metrics) -> Evaluation:
    """Turn scored groups (one size) into an `Evaluation`."""
    size = len(groups[0].samples)
    whole = _accuracy(groups)
    tasks = sorted({group.prompt.task for group in groups})
    samples = [sample for group in groups for sample in group.samples]
    ks = [2**i for i in range(size.bit_length()) if 2**i <= size]
    return Evaluation(
        accuracy=whole.accuracy,
        ci95=whole.ci95,
        pass_at={k: float(np.mean([pass_at_k(size, group.correct, k) for group in groups])) for k in ks},
        response_tokens_mean=float(np.mean([len(sample.response_ids) for sample in samples])),
        truncated=float(np.mean([sample.stop_reason is StopReason.LENGTH for sample in samples])),
        prompts=len(groups),
        samples_per_prompt=size,
        groups=groups,
        tasks={task: _accuracy([group for group in groups if group.prompt.task == task]) for task in tasks}
        if len(tasks) > 1
        else {},
        budget=judge(groups),
    )


def _accuracy(groups: Sequence[ScoredGroup]) -> Accuracy:
    by_question: dict[str, list[float]] = defaultdict(list)
    for group in groups:  # with thinking budgets a question comes at each level: its answers are no independent draws
        by_question[group.prompt.prompt_id].append(group.correct / len(group.samples))
    rates = np.array([np.mean(found) for found in by_question.values()])
    half = 1.96 * float(rates.std(ddof=1)) / sqrt(len(rates)) if len(rates) > 1 else 0.0
    return Accuracy(float(rates.mean()), half, len(groups))


async def evaluate(
    collector: Collector,
    prompts: Sequence[Prompt],
    *,
    label: str,
    samples_per_prompt: int,
    sampling: SamplingConfig,
    judge: GroupMetrics = no_metrics,
) -> Evaluation:
    """Generate and score `samples_per_prompt` responses to every prompt.

    The seeds depend on `label` alone, so two models measured under one label answer with the same random numbers.
    """
    return summarise_groups(
        await collector.score_prompts(prompts, label=label, group_size=samples_per_prompt, sampling=sampling), judge
    )
