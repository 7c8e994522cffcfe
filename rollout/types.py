"""The nouns of generation.

- `Prompt`: one question, rendered to token ids.
- `SampleRequest`: an order for one response to it.
- `Sample`: the response: token ids as vLLM sampled them, never re-tokenised text.
- `StopReason`: why generation ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
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
class SampleRequest:
    """An order for one response."""

    sample_id: str
    """Unique in the run: `<step>/<prompt_id>/<index in the group>`."""
    prompt: Prompt
    seed: int
    """Seed of this request's own sampling generator."""


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
