"""The nouns of rewards.

- `RewardInput`: what a reward function sees: one prompt and one response, already decoded and split.
- `Score`: what it returns when a plain number does not say enough.
- `Outcome`: how a call ended; an error is an outcome, never a number.
- `Combined`: the scores of all rewards for one sample and the one number that training uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How one call of a reward function ended (each is counted in the metrics)."""

    SCORED = "scored"
    SKIPPED = "skipped"
    """The function returned None: it does not apply to this sample."""
    NO_ANSWER = "no_answer"
    """The function scored a response in which it found no answer."""
    TIMEOUT = "timeout"
    CRASH = "crash"
    """The worker process died under the call."""
    ERROR = "error"
    """The function raised, or returned something that is not a finite number."""

    @property
    def is_failure(self) -> bool:
        """True where there is no value to train on and `on_error` decides."""
        return self in (Outcome.TIMEOUT, Outcome.CRASH, Outcome.ERROR)


@dataclass(frozen=True, slots=True)
class RewardInput:
    """One prompt and one response as a reward function sees them (plain data, picklable)."""

    messages: tuple[Mapping[str, str], ...]
    """The prompt's chat turns, each {"role", "content"}."""
    response: str
    """The whole response text, thinking tags included."""
    thinking: str | None
    """Text between the thinking tags; None when the response has no thinking part."""
    answer: str
    """What follows the thinking (the whole response when there is none)."""
    ground_truth: str
    columns: Mapping[str, Any] = field(default_factory=dict)
    """The data set's other columns."""
    task: str = ""
    prompt_tokens: int = 0
    response_tokens: int = 0
    thinking_budget: int | None = None
    """Thinking budget in tokens; None is unlimited."""
    stop_reason: str = "stop"
    """`stop`, `length` or `aborted`."""


@dataclass(frozen=True, slots=True)
class Score:
    """A reward's value with how it came about."""

    value: float
    """0.0 and without meaning when `outcome.is_failure` or skipped."""
    outcome: Outcome = Outcome.SCORED
    correct: bool | None = None
    """Whether the answer is right, from rewards that judge correctness (None from all others)."""
    detail: Mapping[str, float] = field(default_factory=dict)
    """Named parts for metrics."""
    message: str = ""
    """For people: the traceback of an error, or why an answer was refused."""


@dataclass(frozen=True, slots=True)
class Combined:
    """All scores of one sample."""

    reward: float | None
    """The weighted sum; None when a failure masks the sample out of the loss."""
    scores: Mapping[str, Score]
    correct: bool | None
    """The verdict of the reward named by `correctness:`; None when it failed or skipped."""
