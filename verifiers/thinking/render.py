"""Writes a thinking part: puts true reflections into plain thinking, and ends it where its budget does."""

from __future__ import annotations

from collections.abc import Sequence

from verifiers.thinking.format import Opened
from verifiers.thinking.tokens import Tag, ThinkingTokens

_STOPS = (".", "!", "?")
_WIDE_STOPS = ("。", "！", "？", "\n")
_CLOSERS = "\"'”’)]*$ "
_LOOK_BACK = 4
"""Tokens before a place that are looked at: a character is spread over no more than it has bytes."""


def render_thinking(plain: Sequence[int], budget: int | None, tokens: ThinkingTokens) -> list[int]:
    """The thinking part of a response, as a model that keeps to the protocol would have written it.

    Above budget 0, a reflection stands at the first end of a sentence from each multiple of the interval on, but no
    more than `max_overshoot` tokens after it. Its numbers are true: the reflections before it count as used. Where the
    budget is used up, the thinking is cut in the same way, and says so; what comes after that in `plain` is left out.

    Args:
        plain: token ids of the thinking, without any tag.
        budget: thinking budget in tokens; None or below 0 is unlimited, 0 leaves no thinking.
        tokens: the protocol in the tokenizer of `plain`.

    Returns:
        The ids of a response from its beginning to the end of its thinking; without what the prompt has opened.

    Raises:
        ValueError: a reflection is so long that the next one would be due before its end.
    """
    words = tokens.format
    opening = list(tokens.tags[Tag.THINK.value]) if words.opened(budget) is Opened.NOTHING else []
    ending = list(tokens.tags[Tag.THINK_END.value])
    if budget == 0:
        line = tokens.reflection(words.direct)
        if words.opened(budget) is Opened.REFLECTION:
            line = line[len(tokens.tags[Tag.REFLECT.value]) :]
        return [*opening, *line, *ending]
    if budget is None or budget < 0:
        return [*opening, *plain, *ending]
    return [*opening, *_with_reflections(plain, budget, tokens), *ending]


def _with_reflections(plain: Sequence[int], budget: int, tokens: ThinkingTokens) -> list[int]:
    words, interval, out, done = tokens.format, tokens.format.interval(budget), list[int](), 0
    for due in range(interval, budget, interval):
        if not _fits(due, budget, tokens):
            break
        place = break_place(plain, done + due - len(out), words.max_overshoot, tokens)
        if place is None:
            break
        out += plain[done:place]
        out += tokens.reflection(words.reflection(len(out), budget - len(out)))
        done = place
    left = max(budget - len(out), 0)
    place = break_place(plain, done + left, words.max_overshoot, tokens)
    if place is None and len(plain) - done < left:
        return [*out, *plain[done:]]
    return [*out, *plain[done:place], *tokens.reflection(words.exhausted)]


def require_space(budget: int | None, tokens: ThinkingTokens) -> None:
    """Check that a thinking of any length can be written at a budget.

    Raises:
        ValueError: a reflection is so long that the next one would be due before its end, with ways out.
    """
    if budget is not None and budget > 0:
        interval = tokens.format.interval(budget)
        for due in range(interval, budget, interval):
            if not _fits(due, budget, tokens):
                break


def _fits(due: int, budget: int, tokens: ThinkingTokens) -> bool:
    """Whether the reflection that is due there ends before the budget is used up, and before the next one is due."""
    words, interval = tokens.format, tokens.format.interval(budget)
    at = due + words.max_overshoot
    longest = len(tokens.reflection(words.reflection(at, max(budget - at, 0))))
    if at + longest > budget and due + interval > budget:
        return False
    if longest + words.max_overshoot >= interval:
        raise ValueError(
            f"a reflection takes {longest} tokens and may come {words.max_overshoot} late: too many for one every "
            f"{interval}, the interval of budget {budget}. Ways out: (1) longer `intervals`; (2) a shorter `used`; "
            "(3) a smaller `max_overshoot`; (4) tags that are single tokens"
        )
    return True


def break_place(plain: Sequence[int], first: int, overshoot: int, tokens: ThinkingTokens) -> int | None:
    """Where to break the thinking between two of its tokens; None where it ends before it has to be.

    The first end of a sentence from `first` on; else the last blank within `overshoot` tokens; else the last end of a
    character; else the last place.
    """
    if first >= len(plain):
        return None
    last = min(first + overshoot, len(plain) - 1)
    places = range(first, last + 1)
    found = next((place for place in places if _ends_sentence(plain, place, tokens)), None)
    if found is not None:
        return found
    if last < first + overshoot:  # the thinking is over before it has to be broken
        return None
    backwards = places[::-1]
    blank = next((place for place in backwards if tokens.decode([plain[place]])[:1].isspace()), None)
    whole = next((place for place in backwards if _ends_character(plain, place, tokens)), last)
    return whole if blank is None else blank


def _ends_sentence(plain: Sequence[int], place: int, tokens: ThinkingTokens) -> bool:
    before = tokens.decode(plain[max(place - _LOOK_BACK, 0) : place])
    after = tokens.decode([plain[place]])
    said = before.rstrip(_CLOSERS)
    return before.endswith(_WIDE_STOPS) or (said.endswith(_STOPS) and (after[:1].isspace() or before[-1:].isspace()))


def _ends_character(plain: Sequence[int], place: int, tokens: ThinkingTokens) -> bool:
    return not tokens.decode(plain[max(place - _LOOK_BACK, 0) : place]).endswith("\ufffd")
