"""Thinking that breaks its budget's protocol: what a warm start imitates now and then, and RL then mends.

One of these at random: false numbers, numbers that make up another budget, a reflection left out, reflections at a
wrong interval, thinking beyond the budget, a missing or an early last line.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from verifiers.thinking.parse import parse
from verifiers.thinking.render import render_thinking
from verifiers.thinking.tokens import Tag, ThinkingTokens
from verifiers.thinking.trace import Kind, Reflection


def flaw_thinking(plain: Sequence[int], budget: int | None, tokens: ThinkingTokens, rng: random.Random) -> list[int]:
    """The thinking part of a response, from its beginning to the closing tag, with a flaw in its protocol.

    Args:
        plain: token ids of the thinking, without any tag.
        budget: None is unlimited.
    """
    if budget == 0:
        return _thinks_anyway(plain, tokens, rng)
    if budget is None:
        least = tokens.format.shortest_interval
        made_up = rng.randint(least, max(len(plain), least))
        return render_thinking(plain, made_up, _shorter(tokens, rng.uniform(0.4, 0.9)))
    true = render_thinking(plain, budget, tokens)
    found = parse(true, tokens, opened=tokens.format.opened(budget)).reflections
    flaws: list[Callable[[], list[int]]] = [lambda: _beyond(plain, budget, tokens, rng)]
    if any(one.kind is Kind.EXHAUSTED for one in found):
        flaws += [lambda: _early(plain, budget, tokens, rng), lambda: _no_last_line(true, found)]
    if any(one.kind is Kind.USED for one in found):
        flaws += [lambda: _renumbered(true, found, budget, tokens, rng, sums=True)] * 2
        flaws += [lambda: _renumbered(true, found, budget, tokens, rng, sums=False), lambda: _left_out(true, found)]
        flaws += [lambda: _moved(plain, budget, tokens, rng)]
    return rng.choice(flaws)()


def _thinks_anyway(plain: Sequence[int], tokens: ThinkingTokens, rng: random.Random) -> list[int]:
    ids, end = render_thinking(plain, 0, tokens), len(tokens.tags[Tag.THINK_END.value])
    return [*ids[:-end], *plain[: rng.randint(1, 24)], *ids[-end:]]


def _beyond(plain: Sequence[int], budget: int, tokens: ThinkingTokens, rng: random.Random) -> list[int]:
    return render_thinking(plain, budget + rng.randint(budget // 4, budget), tokens)


def _early(plain: Sequence[int], budget: int, tokens: ThinkingTokens, rng: random.Random) -> list[int]:
    """Thinking that stops long before the budget is used up, and says that it is."""
    exhausted = tokens.reflection(tokens.format.exhausted)
    start = render_thinking((), None, tokens)
    end = len(tokens.tags[Tag.THINK_END.value])
    return [*start[:-end], *plain[: rng.randint(budget // 4, max(budget // 2, 1))], *exhausted, *start[-end:]]


def _no_last_line(true: Sequence[int], found: Sequence[Reflection]) -> list[int]:
    return [*true[: found[-1].start], *true[found[-1].end :]]


def _left_out(true: Sequence[int], found: Sequence[Reflection]) -> list[int]:
    first = found[0]
    return [*true[: first.start], *true[first.end :]]


def _moved(plain: Sequence[int], budget: int, tokens: ThinkingTokens, rng: random.Random) -> list[int]:
    return render_thinking(plain, budget, _shorter(tokens, rng.uniform(0.6, 0.9)))


def _shorter(tokens: ThinkingTokens, factor: float) -> ThinkingTokens:
    """The protocol with shorter intervals, as short as it can be written at all."""
    words = tokens.format
    least = len(tokens.reflection(words.reflection(9999, 9999))) + words.max_overshoot + 1
    intervals = {
        budget: min(max(round(interval * factor), least), budget) if budget else 0
        for budget, interval in words.intervals.items()
    }
    changed = words.model_copy(update={"intervals": intervals, "beyond": max(round(words.beyond * factor), least)})
    return ThinkingTokens(changed, tokens.tags, tokens.encode, tokens.decode)


def _renumbered(
    true: Sequence[int],
    found: Sequence[Reflection],
    budget: int,
    tokens: ThinkingTokens,
    rng: random.Random,
    *,
    sums: bool,
) -> list[int]:
    """Other numbers in the reflections; with `sums` they still make up the budget."""
    out, at = list[int](), 0
    for one in found:
        if one.kind is not Kind.USED or one.used is None or one.remaining is None:
            continue
        interval = tokens.format.interval(budget)
        off = rng.choice((-1, 1)) * rng.randint(interval // 8 + 1, max(interval // 2, interval // 8 + 1))
        used = min(max(one.used + off, 1), budget - 1) if sums else one.used
        remaining = budget - used if sums else max(one.remaining + off, 1)
        out += [*true[at : one.start], *tokens.reflection(tokens.format.reflection(used, remaining))]
        at = one.end
    return [*out, *true[at:]]
