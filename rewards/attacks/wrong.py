"""Wrong answers made from a right one, of the same kind: another number, another letter, another text."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum


class Shape(StrEnum):
    """What kind of answer a task asks for."""

    NUMBER = "number"
    """One plain number."""
    FORMULA = "formula"
    """Anything else with a digit in it."""
    LETTER = "letter"
    """The letter of an option."""
    TEXT = "text"
    PROGRAM = "program"


_NUMBER = re.compile(r"[-+]?[0-9][0-9,]*(?:\.[0-9]+)?")
_DIGIT = re.compile(r"[0-9]")
_LETTER = re.compile(r"\(?([A-Z])\)?\.?")
_OPPOSITES = {"yes": "no", "true": "false", "even": "odd", "left": "right", "black": "white", "north": "south"}
_LONGEST_NUMBER = 15
_TEXTS = ("turquoise", "Ouagadougou", "a wheelbarrow", "Tuesday morning")


def shape_of(gold: str, options: Mapping[str, str]) -> Shape:
    """The shape of an answer that is no program."""
    if _NUMBER.fullmatch(gold):
        return Shape.NUMBER
    if _LETTER.fullmatch(gold) and (options or gold.strip("(). ") in "ABCDEFGHIJ"):
        return Shape.LETTER
    return Shape.FORMULA if _DIGIT.search(gold) else Shape.TEXT


def wrong_answers(gold: str, shape: Shape, options: Mapping[str, str], others: Sequence[str]) -> tuple[str, ...]:
    """Three or more different answers that are not `gold`, the plainest first.

    Args:
        gold: the right answer.
        shape: its shape.
        options: the options by letter, where there are any.
        others: answers of other tasks, which are likely wrong here.
    """
    if shape in (Shape.NUMBER, Shape.FORMULA):
        made = _digits(gold)
    elif shape is Shape.LETTER:
        made = _letters(gold, options)
    else:
        made = _texts(gold, others)
    return tuple(dict.fromkeys(answer for answer in made if _folded(answer) != _folded(gold)))


def as_number(text: str) -> Decimal | None:
    """The number that a text is, if it is a short one."""
    return Decimal(text.replace(",", "")) if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text) else None


def _digits(gold: str) -> Iterator[str]:
    """The last digit turned on: as text, so that no number is too long for it."""
    last = list(_DIGIT.finditer(gold))[-1]
    for turn in (1, -1, 2, 7):
        yield f"{gold[: last.start()]}{(int(last[0]) + turn) % 10}{gold[last.end() :]}"


def _letters(gold: str, options: Mapping[str, str]) -> Iterator[str]:
    letter = gold.strip("(). ")
    # At least four, so that a choice of two has a second wrong answer.
    alphabet = string.ascii_uppercase[: max(4, ord(letter) - ord("A") + 1)]
    for other in options if len(options) > 2 else alphabet:
        if other != letter:
            yield gold.replace(letter, other)


def _texts(gold: str, others: Sequence[str]) -> Iterator[str]:
    if opposite := _OPPOSITES.get(gold.lower()):
        yield opposite.capitalize() if gold[:1].isupper() else opposite
    folded = _folded(gold)
    for other in (*others, *_TEXTS):
        if other.strip() and not (folded and (_folded(other) in folded or folded in _folded(other))):
            yield other.strip()


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
