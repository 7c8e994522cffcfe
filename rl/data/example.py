"""`Example`: one question with its reference answer, before any tokenizer has seen it. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Message = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Example:
    """One question, its answer and, where there is one, a worked response."""

    id: str
    """Stable across runs: `<task>/<index>`."""
    messages: tuple[Message, ...]
    """Chat turns, each {"role", "content"}; the last one is the user's."""
    ground_truth: str
    task: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)
    """All columns of the data set: rewards look for question and answer under their own names too."""
    response: str | None = None
    """A worked response to learn from (without the end of the turn), or None."""
    response_ids: tuple[int, ...] | None = None
    """The worked response as token ids, where they are known."""
    budgeted: bool = False
    """Whether the worked response keeps to `thinking_budget`."""
    thinking_budget: int | None = None
    """None is unlimited."""
    flawed: str | None = None
    """The same work with a mistake in it and the wrong answer that follows, or None."""
    asked: str | None = None
    """The question before a template was laid around it; None: the last turn is all there is."""

    @property
    def question(self) -> str:
        """Two examples with the same question are the same, whatever their templates."""
        return self.messages[-1]["content"] if self.asked is None else self.asked

    @property
    def texts(self) -> frozenset[str]:
        """The question, and the last turn as the model reads it."""
        return frozenset((self.question, self.messages[-1]["content"]))
