"""Worked solutions of word problems that come with an answer alone: the equation that leads to it, found by search.

A child's text problem takes the numbers it names through one to three operations. Where exactly one such way gives the
answer it is most likely the way meant, and what a small model has to learn: which numbers, which operations. A problem
with two ways to its answer, or none, gets no solution. Imports no torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

MAX_NUMBERS = 5
"""A problem that names more has too many ways to its answer."""
MAX_OPERATIONS = 3
_NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?![\w])")
_PROBES = (Fraction(1009, 7), Fraction(733, 11), Fraction(547, 13), Fraction(389, 17), Fraction(211, 19))
"""Stand in for the numbers: two ways are the same one written differently if they agree on these too."""


@dataclass(frozen=True)
class _Term:
    value: Fraction
    probe: Fraction
    steps: tuple[str, ...] = ()
    """The operations that led here; none for a number of the problem."""


def work_out(question: str, answer: str) -> str | None:
    r"""The solution of a word problem, `5 * 3 = 15, 15 - 4 = 11, \boxed{11}`; None where not exactly one way is found.

    The shortest way counts: one of two operations is not looked at where one operation is enough.
    """
    try:
        goal = Fraction(answer.replace(",", ""))
    except (ValueError, ZeroDivisionError):
        return None
    found = [Fraction(text.replace(",", "")) for text in _NUMBER.findall(question)]
    if not 2 <= len(found) <= MAX_NUMBERS or not _short(goal):
        return None
    terms = [_Term(value, probe) for value, probe in zip(found, _PROBES, strict=False)]
    for operations in range(1, min(MAX_OPERATIONS, len(terms) - 1) + 1):
        ways: dict[Fraction, _Term] = {}
        for end in _ways(terms, operations):
            if end.value == goal:
                ways.setdefault(end.probe, end)
        if ways:
            (way, *others) = ways.values()
            return None if others else ", ".join((*way.steps, rf"\boxed{{{_text(goal)}}}"))
    return None


def _ways(terms: list[_Term], operations: int) -> Iterator[_Term]:
    """What that many operations make of some of the terms; every result on the way is used."""
    if operations == 0:
        made = [term for term in terms if term.steps]
        if len(made) == 1:
            yield made[0]
        return
    for first, second in combinations(terms, 2):
        rest = [term for term in terms if term is not first and term is not second]
        for result in _combine(first, second):
            yield from _ways([*rest, result], operations - 1)


def _combine(a: _Term, b: _Term) -> Iterator[_Term]:
    yield _step(a, "+", b, a.value + b.value, a.probe + b.probe)
    yield _step(a, "*", b, a.value * b.value, a.probe * b.probe)
    for x, y in ((a, b), (b, a)):
        if x.value >= y.value:  # nobody has fewer than no apples
            yield _step(x, "-", y, x.value - y.value, x.probe - y.probe)
        if y.value != 0 and _short(x.value / y.value):
            yield _step(x, "/", y, x.value / y.value, x.probe / y.probe)


def _step(x: _Term, sign: str, y: _Term, value: Fraction, probe: Fraction) -> _Term:
    step = f"{_text(x.value)} {sign} {_text(y.value)} = {_text(value)}"
    return _Term(value, probe, (*x.steps, *y.steps, step))


def _short(value: Fraction) -> bool:
    """Whether it can be written with at most four decimals."""
    return (value * 10_000).denominator == 1


def _text(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else str(float(value))
