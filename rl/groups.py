"""Scored groups: the unit that the loop filters, learns from and reports.

- `ScoredGroup`: the responses to one prompt with their scores.
- `to_batch`: groups -> what the learner takes.
- `group_metrics`: what the user sees of a step's groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rewards.combine import summarise
from rewards.types import Combined
from rl.batch import Batch, Metrics, TrainSample
from rollout.types import Prompt, Sample, StopReason


@dataclass(frozen=True)
class ScoredGroup:
    """All samples of one prompt, in request order, and their scores."""

    prompt: Prompt
    samples: tuple[Sample, ...]
    texts: tuple[str, ...]
    """Responses as text, thinking tags included."""
    scores: tuple[Combined, ...]

    @property
    def correct(self) -> int:
        """Number of right answers."""
        return sum(score.correct is True for score in self.scores)

    @property
    def informative(self) -> bool:
        """Neither all right nor all wrong: what dynamic sampling keeps (DAPO eq. 11).

        Only what is learnt from counts: a sample whose reward failed makes no difference to the others.
        """
        right = [score.correct is True for score in self.scores if score.reward is not None]
        return 0 < sum(right) < len(right)

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """One plain row per sample, for the samples file."""
        for sample, text, score in zip(self.samples, self.texts, self.scores, strict=True):
            yield {
                "sample_id": sample.sample_id,
                "task": self.prompt.task,
                "messages": [dict(message) for message in self.prompt.messages],
                "response": text,
                "ground_truth": self.prompt.ground_truth,
                "correct": score.correct,
                "reward": score.reward,
                "scores": {
                    name: {
                        "value": s.value,
                        "outcome": s.outcome.value,
                        **({"message": s.message} if s.message else {}),
                    }
                    for name, s in score.scores.items()
                },
                "response_tokens": len(sample.response_ids),
                "response_ids": sample.response_ids.tolist(),
                "stop_reason": sample.stop_reason.value,
                "weight_versions": [int(sample.versions.min()), int(sample.versions.max())],
                "thinking_budget": self.prompt.thinking_budget,
                **({} if sample.loss_mask.all() else {"forced": np.flatnonzero(~sample.loss_mask).tolist()}),
            }


def to_batch(groups: Sequence[ScoredGroup], version: int, *, loss_max_staleness: int | None = None) -> Batch:
    """The learner's view of a step; samples whose reward failed (reward None) leave the loss here.

    Args:
        version: the learner's weight version.
        loss_max_staleness: tokens that are older than so many versions leave the loss; None: none does.
    """
    oldest = 0 if loss_max_staleness is None else version - loss_max_staleness
    return Batch(
        [
            TrainSample(
                prompt_ids=np.asarray(group.prompt.token_ids, dtype=np.int32),
                response_ids=sample.response_ids,
                rollout_logprobs=sample.logprobs,
                versions=sample.versions,
                loss_mask=sample.loss_mask & (sample.versions >= oldest),
                reward=score.reward,
                correct=score.correct is True,
                group=number,
            )
            for number, group in enumerate(groups)
            for sample, score in zip(group.samples, group.scores, strict=True)
            if score.reward is not None and len(sample.response_ids) > 0
        ],
        version,
    )


def group_metrics(groups: Sequence[ScoredGroup]) -> dict[str, float]:
    """Rewards, accuracy, lengths and truncation over all samples that were generated; groups without signal by task."""
    if not groups:  # a stream may have finished all of a batch before the last one was taken
        return {}
    samples = [sample for group in groups for sample in group.samples]
    lengths = np.array([len(sample.response_ids) for sample in samples], dtype=np.float64)
    metrics: dict[str, float] = {
        **summarise([score for group in groups for score in group.scores]),
        "reward/accuracy": sum(group.correct for group in groups) / len(samples),
        "rollout/response_tokens_mean": float(lengths.mean()),
        "rollout/response_tokens_max": float(lengths.max()),
        "rollout/longest_over_median": float(lengths.max() / max(np.median(lengths), 1.0)),
        "rollout/truncated": float(np.mean([sample.stop_reason is StopReason.LENGTH for sample in samples])),
        **_without_signal(groups, ""),
    }
    for task in sorted({group.prompt.task for group in groups}):
        metrics |= _without_signal([group for group in groups if group.prompt.task == task], f"/{task}")
    return metrics


def _without_signal(groups: Sequence[ScoredGroup], suffix: str) -> dict[str, float]:
    """Shares of the groups that dynamic sampling has no use for."""
    return {
        f"batch/groups_all_right{suffix}": float(np.mean([group.correct == len(group.samples) for group in groups])),
        f"batch/groups_all_wrong{suffix}": float(np.mean([group.correct == 0 for group in groups])),
    }


def prefixed(metrics: Metrics, prefix: str) -> dict[str, float]:
    """The same metrics under another area: `reward/mean` -> `<prefix>/reward/mean`."""
    return {f"{prefix}/{name}": value for name, value in metrics.items()}
