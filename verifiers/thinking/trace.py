"""The nouns of a parsed response.

- `Trace`: a response taken apart: thinking, reflections, answer, and what is malformed.
- `Reflection`: one statement of the model about its budget.
- `Fault`: a way in which a response breaks the protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a reflection says."""

    USED = "used"
    """How many tokens are used and how many are left."""
    EXHAUSTED = "exhausted"
    DIRECT = "direct"
    """That the budget is 0."""
    OTHER = "other"
    """None of the protocol's sentences."""


class Fault(StrEnum):
    """A way in which a response breaks the protocol."""

    NO_THINKING = "there is no thinking"
    UNOPENED = "the thinking is closed but was never opened"
    UNCLOSED = "the thinking is never closed"
    NESTED_THINKING = "thinking is opened inside the thinking"
    REOPENED = "thinking is opened again after it was closed"
    CLOSED_TWICE = "the thinking is closed a second time"
    TAG_OUTSIDE = "a reflection's tag stands outside the thinking"
    TYPED_TAG = "a tag is typed as text, not as its token"
    TEXT_BEFORE = "text stands before the thinking"
    NESTED_REFLECTION = "a reflection is opened inside a reflection"
    UNCLOSED_REFLECTION = "a reflection is never closed"
    STRAY_END = "a reflection is closed that was never opened"
    UNREADABLE = "a reflection says none of the protocol's sentences"
    BARE_SENTENCE = "a reflection's sentence stands outside its tags"
    AFTER_EXHAUSTED = "the thinking goes on after it said that the budget is exhausted"

    @property
    def grave(self) -> bool:
        """It is left open which part of the response is thinking, or what a reader takes for it."""
        return self in _GRAVE


_GRAVE = frozenset(
    {
        Fault.NO_THINKING,
        Fault.UNOPENED,
        Fault.UNCLOSED,
        Fault.NESTED_THINKING,
        Fault.REOPENED,
        Fault.CLOSED_TWICE,
        Fault.TAG_OUTSIDE,
        Fault.TYPED_TAG,
    }
)


@dataclass(frozen=True, slots=True)
class Reflection:
    """One statement of the model about its budget. Places count from 0 in the response's ids."""

    kind: Kind
    start: int
    """Place of its opening tag; 0 where the prompt opened it."""
    end: int
    """Place after its closing tag."""
    at: int
    """Thinking tokens before it: what an honest one says that it used."""
    used: int | None = None
    """What it claims; None where it makes no claim."""
    remaining: int | None = None
    own: bool = True
    """False where the engine put in any of its tokens."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A response taken apart. Places count from 0 in the response's ids; ranges end before their second number."""

    thinking: tuple[int, int] | None
    """The tokens inside the thinking tags; None where there is no thinking."""
    answer: tuple[int, int]
    """What follows the closing tag, up to the end of the response; empty where the thinking never ends."""
    reflections: tuple[Reflection, ...]
    """Those inside the thinking that were closed, in order."""
    faults: tuple[tuple[Fault, int], ...]
    """What is malformed, and at which place."""
    plain: int
    """The model's own tokens of the thinking outside reflections; 0 where they hold no letter or digit."""
    cut: bool
    """The engine ended the thinking: it put in the closing tag."""

    @property
    def total(self) -> int:
        """Thinking tokens, whoever wrote them, reflections and their tags included."""
        return 0 if self.thinking is None else self.thinking[1] - self.thinking[0]

    @property
    def closing(self) -> Reflection | None:
        """The line that the budget is exhausted, where it ends the thinking."""
        last = self.reflections[-1] if self.reflections else None
        going_on = any(fault is Fault.AFTER_EXHAUSTED for fault, _ in self.faults)
        return last if last is not None and last.kind is Kind.EXHAUSTED and not going_on else None

    @property
    def used(self) -> int:
        """Thinking tokens that count against the budget: all up to the line that it is exhausted."""
        return self.total if self.closing is None else self.closing.at
