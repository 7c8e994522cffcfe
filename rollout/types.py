"""The nouns of generation.

- `Prompt`: one question, rendered to token ids.
- `SampleRequest`: an order for one response to it.
- `Tokens`: what was generated of a response so far: token ids as vLLM sampled them, never re-tokenised text.
- `Sample`: a finished response.
- `StopReason`: why generation ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

Message = Mapping[str, str]


class StopReason(StrEnum):
    """Why a response ended."""

    STOP = "stop"
    """The model ended its turn."""
    LENGTH = "length"
    """`max_response_tokens` or the context was reached: the response is truncated."""
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question, rendered."""

    prompt_id: str
    """Stable across runs: `<task>/<index>`."""
    messages: tuple[Message, ...]
    token_ids: tuple[int, ...]
    """The chat template applied, generation prompt included."""
    ground_truth: str
    task: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)
    thinking_budget: int | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """Generated tokens, one entry each (shape [R])."""

    ids: NDArray[np.int32]
    """As they were sampled."""
    logprobs: NDArray[np.float32]
    """log pi(token) of the weights that sampled it, at the rollout temperature."""
    versions: NDArray[np.int32]
    """Weight version that sampled it."""
    forced: tuple[int, ...] = ()
    """Places of tokens that were put in: they are not the model's own."""

    @property
    def own(self) -> NDArray[np.bool_]:
        """True where the model sampled the token itself."""
        mask = np.ones(len(self), dtype=np.bool_)
        mask[list(self.forced)] = False
        return mask

    def first(self, count: int) -> Tokens:
        """The first `count` of them."""
        forced = tuple(place for place in self.forced if place < count)
        return Tokens(self.ids[:count], self.logprobs[:count], self.versions[:count], forced)

    def __len__(self) -> int:
        return len(self.ids)

    def __add__(self, more: Tokens) -> Tokens:
        """These, then `more`."""
        return joined([self, more])


def joined(parts: Sequence[Tokens]) -> Tokens:
    """One after the other; at least one."""
    starts = accumulate(map(len, parts), initial=0)
    return Tokens(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.logprobs for part in parts]),
        np.concatenate([part.versions for part in parts]),
        tuple(start + place for start, part in zip(starts, parts, strict=False) for place in part.forced),
    )


NO_TOKENS = Tokens(np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.int32))


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """An order for one response."""

    sample_id: str
    """Unique in the run: `<step>/<prompt_id>/<index in the group>`."""
    prompt: Prompt
    seed: int
    """Seed of this request's own sampling generator."""
    begun: Tokens = NO_TOKENS
    """What there is of it already: it goes on from there."""
    most: int | None = None
    """Tokens, those of `begun` too, at which it ends early (`StopReason.LENGTH`)."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One prompt and one response. Arrays have one entry per response token (shape [R])."""

    sample_id: str
    prompt: Prompt
    response_ids: NDArray[np.int32]
    """The ids that were sampled; the end-of-turn token included when the model produced it."""
    logprobs: NDArray[np.float32]
    """log pi(token) of the weights that sampled it, at the rollout temperature."""
    versions: NDArray[np.int32]
    """Weight version that sampled each token."""
    loss_mask: NDArray[np.bool_]
    """True where the token is the model's own (False: forced by the engine)."""
    stop_reason: StopReason
    worker: int = 0
    """Index of the rollout worker that finished it."""

    @property
    def oldest_version(self) -> int:
        """Smallest weight version among the tokens."""
        return int(self.versions.min())
