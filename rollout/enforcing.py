"""What keeps a response to its thinking budget while it is being written: a pure function of the tokens so far.

`next_move` says what follows: tokens of the model's own up to the next place to look at, or tokens that are put in.

- `cap`: thinking is ended when it has passed its budget, the end of a sentence and the last line together.
- `cap_and_reflect`: at each multiple of the interval a true reflection is put in at the end of a sentence, where the
  model writes none of its own, and at the budget the line that it is exhausted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verifiers.thinking.format import Opened
from verifiers.thinking.render import break_place
from verifiers.thinking.tokens import Tag, ThinkingTokens


@dataclass(frozen=True, slots=True)
class Go:
    """The model goes on; None: to its end."""

    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class PutIn:
    """What follows place `at` is dropped, and `ids` stand there instead."""

    at: int
    ids: tuple[int, ...]


Move = Go | PutIn


def next_move(ids: Sequence[int], budget: int | None, tokens: ThinkingTokens, *, reflect: bool) -> Move:
    """What follows the tokens of a response.

    Args:
        ids: the response so far.
        budget: None or below 0 is unlimited.
        reflect: put in reflections too.
    """
    if budget is None or budget < 0:
        return Go()
    state = _State.of(ids, tokens, budget)
    if state.closed:
        return Go()
    words = tokens.format
    line = len(tokens.reflection(words.direct if budget == 0 else words.exhausted))
    most = line if budget == 0 else budget + words.max_overshoot + line
    end = len(tokens.tags[Tag.THINK_END.value])
    if state.first is None:
        return Go(most)  # no thinking yet: it may still begin
    used = len(ids) - state.first
    if used >= most + end:  # it had the room to end by itself
        at = state.first + most
        return PutIn(at, _closing(_State.of(ids[:at], tokens, budget), tokens))
    if not reflect or budget == 0 or state.exhausted:
        return Go(most + end - used)
    return _reflecting(ids, budget, tokens, state, most + end)


@dataclass(frozen=True, slots=True)
class _State:
    """Where a response stands after its last tag."""

    first: int | None
    """Where its thinking begins; None where there is none yet."""
    closed: bool
    reflecting: bool
    after: int
    """The place after the last tag of a reflection, or of the beginning."""
    last: int
    """Thinking tokens before the last reflection; 0 where there is none."""
    exhausted: bool

    @classmethod
    def of(cls, ids: Sequence[int], tokens: ThinkingTokens, budget: int) -> _State:
        opened = tokens.format.opened(budget)
        first = None if opened is Opened.NOTHING else 0
        reflecting, after, last, start, exhausted = opened is Opened.REFLECTION, 0, 0, 0, False
        for tag, begin, end in tokens.find_tags(ids):
            match tag:
                case Tag.THINK if first is None:
                    first = after = end
                case Tag.THINK_END:
                    return cls(first, True, False, end, last, exhausted)
                case Tag.REFLECT if first is not None:
                    reflecting, start, last = True, end, begin - first
                case Tag.REFLECT_END if reflecting:
                    reflecting, after = False, end
                    exhausted = tokens.decode(ids[start:begin]).strip() == tokens.format.exhausted.strip()
        return cls(first, False, reflecting, after, last, exhausted)


def _closing(state: _State, tokens: ThinkingTokens) -> tuple[int, ...]:
    """Tags that end the thinking."""
    end = tokens.tags[Tag.THINK_END.value]
    return (*tokens.tags[Tag.REFLECT_END.value], *end) if state.reflecting else end


def _reflecting(ids: Sequence[int], budget: int, tokens: ThinkingTokens, state: _State, last: int) -> Move:
    """`last`: thinking tokens at which it is ended; there are fewer."""
    words, interval = tokens.format, tokens.format.interval(budget)
    assert state.first is not None
    used = len(ids) - state.first
    if state.reflecting:  # the model says something itself: hear it out
        return Go(min(last - used, interval))
    due = (round(state.last / interval) + 1) * interval
    longest = len(tokens.reflection(words.reflection(due + words.max_overshoot, budget)))
    if due >= budget or (due + words.max_overshoot + longest > budget and due + interval > budget):
        due = budget  # no room for another one
    if used <= due + words.max_overshoot:
        return Go(due + words.max_overshoot + 1 - used)
    plain = ids[state.after :]
    first = max(due - (state.after - state.first), 0)
    place = break_place(plain, first, words.max_overshoot, tokens)
    at = state.after + (first if place is None else place)
    if due == budget:
        return PutIn(at, (*tokens.reflection(words.exhausted), *tokens.tags[Tag.THINK_END.value]))
    said = at - state.first
    return PutIn(at, tuple(tokens.reflection(words.reflection(said, max(budget - said, 0)))))
