"""Which part of a micro-batch a rank's network computes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Part:
    """What one rank computes of a micro-batch. R rows, C columns, n of the N response tokens."""

    input_ids: Tensor
    """[R, C]"""
    position_ids: Tensor | None
    """[R or 1, C]; None: every row counts from 0."""
    at: tuple[Tensor, Tensor]
    """([n], [n]): row and column, in this part, of the position that predicts each response token."""
    own: Tensor | slice
    """Which of the N response tokens these are."""
    count: int
    """N"""
    masks: Any = None
    """What transformers calls `attention_mask`, made for the whole rows; None: the model makes its own."""

    def states(self, backbone: nn.Module) -> Tensor:
        """[n, D] last hidden states at the positions `at`."""
        positions = {} if self.position_ids is None else {"position_ids": self.position_ids}
        masks = self.masks  # one that is added to scores must be of their type
        if isinstance(masks, Tensor) and masks.is_floating_point():
            masks = masks.to(next(backbone.parameters()).dtype)
        output = backbone(input_ids=self.input_ids, attention_mask=masks, use_cache=False, **positions)
        states: Tensor = output.last_hidden_state[self.at]
        return states


class Split(Protocol):
    """Who computes what of a micro-batch."""

    def part(
        self, input_ids: Tensor, position_ids: Tensor | None, attention: Tensor | None, at: tuple[Tensor, Tensor]
    ) -> Part:
        """This rank's part; arguments as in `MicroTensors`."""

    def joined(self, results: Tensor, part: Part) -> Tensor:
        """[n] results of this rank's part -> [N] of the micro-batch; differentiable."""


class Whole:
    """A rank computes all of its micro-batches."""

    def part(
        self, input_ids: Tensor, position_ids: Tensor | None, attention: Tensor | None, at: tuple[Tensor, Tensor]
    ) -> Part:
        """Everything."""
        return Part(input_ids, position_ids, at, slice(None), len(at[0]), attention)

    def joined(self, results: Tensor, part: Part) -> Tensor:
        """The results as they are."""
        return results
