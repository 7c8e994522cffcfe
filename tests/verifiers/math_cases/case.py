r"""One hard pair: a reference, a response, whether it is right, and why.

`right` and `wrong` put the answer into a box; `response_right` and `response_wrong` take a whole response.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """What `verify(gold, response)` must say."""

    gold: str | float | list[str]
    response: str
    correct: bool
    why: str
    answer: str | None = None
    """What stands in the box, for pairs that are judged the other way round too."""
    one_way: bool = False
    """Not judged with gold and answer exchanged (a rounding, a list of acceptable answers)."""


def right(gold: str, answer: str, why: str, *, one_way: bool = False) -> Case:
    """A boxed answer that is right."""
    return Case(gold, rf"So the answer is $\boxed{{{answer}}}$.", True, why, answer, one_way)


def wrong(gold: str, answer: str, why: str, *, one_way: bool = False) -> Case:
    """A boxed answer that is wrong."""
    return Case(gold, rf"So the answer is $\boxed{{{answer}}}$.", False, why, answer, one_way)


def response_right(gold: str | float | list[str], response: str, why: str) -> Case:
    """A whole response that is right."""
    return Case(gold, response, True, why, one_way=True)


def response_wrong(gold: str | float | list[str], response: str, why: str) -> Case:
    """A whole response that is wrong."""
    return Case(gold, response, False, why, one_way=True)
