"""What one response made of its budget: tokens that it thought, and the parts of its compliance.

The parts are those of the reward `thinking_budget`, measured on every sample whether it is paid for or not.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rewards.budget import complies
from rewards.builtin.thinking_budget import thinking_budget
from rewards.config import RewardConfig
from rewards.types import RewardInput
from rl.budget.rewards import REWARD, reward_options
from rl.groups import ScoredGroup
from rollout.types import Sample, StopReason
from verifiers.thinking.parse import parse
from verifiers.thinking.tokens import ThinkingTokens
from verifiers.thinking.trace import Kind


@dataclass(frozen=True, slots=True)
class Judged:
    """One response."""

    budget: int | None
    correct: bool
    thinking_tokens: int
    """All inside the thinking tags, reflections included; the last line, that the budget is exhausted or 0, is not."""
    value: float
    """What the reward `thinking_budget` gives, 0 to 1."""
    parts: Mapping[str, float]
    """The reward's parts, each 0 to 1."""
    claims: Sequence[tuple[int, int]]
    """(claimed, true) numbers of used tokens, of each reflection that is the model's own."""
    truncated: bool
    forced: int
    """Tokens that the engine put in."""
    tokens: int
    """Of the whole response."""

    @property
    def complies(self) -> bool:
        """Every part of the protocol is met in full; using the budget up is none."""
        return complies(self.parts)


class BudgetJudge:
    """Judges the responses of a run."""

    def __init__(self, tokens: ThinkingTokens, model: Path, rewards: Sequence[RewardConfig]) -> None:
        """
        Args:
            tokens: the format in the model's tokenizer.
            model: its folder.
            rewards: the run's; the first `use: thinking_budget` says the tolerances and weights.
        """
        given: Mapping[str, Any] = next((one.options for one in rewards if one.use == REWARD), {})
        self._options = reward_options(given, model, tokens.format)
        self._tokens = tokens

    def judge(self, sample: Sample, text: str, *, correct: bool) -> Judged:
        """One response, `text` being what its ids say without the end of turn."""
        ids, budget = array("i", sample.response_ids.astype(np.int32).tobytes()), sample.prompt.thinking_budget
        forced = tuple(np.flatnonzero(~sample.loss_mask).tolist())
        trace = parse(ids, self._tokens, opened=self._tokens.format.opened(budget), forced=forced)
        own = [one for one in trace.reflections if one.own and one.kind is Kind.USED and one.used is not None]
        direct = sum(one.end - one.start for one in trace.reflections if one.kind is Kind.DIRECT)
        score = thinking_budget(
            RewardInput(
                messages=(),
                response=text,
                thinking=None,
                answer="",
                ground_truth="",
                response_ids=ids,
                thinking_budget=budget,
                forced=forced,
            ),
            **self._options,
        )
        assert score is not None  # it has token ids
        return Judged(
            budget=budget,
            correct=correct,
            thinking_tokens=trace.used if budget != 0 else trace.used - direct,
            value=score.value,
            parts=score.detail,
            claims=[(one.used or 0, one.at) for one in own],
            truncated=sample.stop_reason is StopReason.LENGTH,
            forced=len(forced),
            tokens=len(ids),
        )

    def judge_groups(self, groups: Sequence[ScoredGroup]) -> list[Judged]:
        """All responses of some groups."""
        return [
            self.judge(sample, text, correct=score.correct is True)
            for group in groups
            for sample, text, score in zip(group.samples, group.texts, group.scores, strict=True)
        ]
