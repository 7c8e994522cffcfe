"""The nouns of rewards.

- `RewardInput`: what a reward function sees: one prompt and one response, already decoded and split.
- `Score`: what it returns when a plain number does not say enough.
- `Outcome`: how a call ended; an error is an outcome, never a number.
- `Combined`: the scores of all rewards for one sample and the one number that training uses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How one call of a reward function ended (each is counted in the metrics)."""

    SCORED = "scored"
    SKIPPED = "skipped"
    """The reward does not apply to this sample: its `when` says so, or it returned None."""
    GATED = "gated"
    """Not called, because the reward that it `requires` did not say right (counts 0), or failed."""
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

    @property
    def has_value(self) -> bool:
        """True where the reward looked at the sample and said what it is worth."""
        return self in (Outcome.SCORED, Outcome.NO_ANSWER)


RESERVED_PARTS = frozenset({"mean", "seconds", "clipped", "raw", "retries", *Outcome})
"""Metrics that every reward has: no part of a `Score`'s detail may go by these names."""


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
    """All columns of the data set but the response."""
    task: str = ""
    prompt_tokens: int | None = None
    """None where the data does not say (training always does)."""
    response_tokens: int | None = None
    """None where the data does not say (training always does)."""
    response_ids: Sequence[int] | None = None
    """The sampled token ids, the end of turn included; None where the data has none (training always does)."""
    thinking_budget: int | None = None
    """Thinking budget in tokens; None is unlimited."""
    stop_reason: str = "stop"
    """`stop`, `length` or `aborted`."""
    forced: Sequence[int] = ()
    """Places in `response_ids` of tokens that the engine put in: they are not the model's own."""
    group: str = ""
    """Samples of one group carry the same text here; "" means that the same messages make a group."""

    @property
    def group_key(self) -> str | None:
        """The same for the samples of one group; None: a group of its own (there are no messages)."""
        return self.group or (repr(self.messages) if self.messages else None)

    def known_response_tokens(self) -> int:
        """`response_tokens` where they are needed.

        Raises:
            ValueError: the data does not say; how to mend it.
        """
        if self.response_tokens is None:
            raise ValueError("the data has no column `response_tokens` (the response's length in tokens): add it")
        return self.response_tokens


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
    seconds: float = field(default=0.0, compare=False)
    """Time inside the reward function, its share of a group's call; filled in by the runner."""


@dataclass(frozen=True, slots=True)
class Combined:
    """All scores of one sample."""

    reward: float | None
    """The weighted sum; None when a failure masks the sample out of the loss."""
    scores: Mapping[str, Score]
    correct: bool | None
    """The verdict of the reward named by `correctness:`; None when it failed or skipped."""
