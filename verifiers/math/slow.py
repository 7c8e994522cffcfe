"""The slow path: parses both answers and compares them by kind. Runs where it can be killed.

`judge` is what a worker process of the pool calls; `warm` is its initializer.
"""

from __future__ import annotations

import re
import sys

from verifiers.math.compare import same
from verifiers.math.congruences import equal_congruences
from verifiers.math.exact import Undefined
from verifiers.math.lexer import NotMathematics, Reading, TooLarge
from verifiers.math.parser import parse
from verifiers.math.quick import Decision, decide_quickly
from verifiers.math.tree import Node, Quantity, walk
from verifiers.math.words import MULTIPLES, formula_for, number_of, words_of

MAX_LENGTH = 20_000
"""Characters of an answer that is parsed."""
_READINGS = (Reading(), Reading(letters_are_units=False), Reading(commas_group=False))
_AMBIGUOUS_UNITS = re.compile(r"[\d)}] ?[A-Za-z]{1,4}(?![A-Za-z])")
_AMBIGUOUS_COMMAS = re.compile(r"\d,\d{3}")
_SCALE = re.compile(rf"(?<=\d) ?(?:\\text ?\{{ ?)?({'|'.join(MULTIPLES)})(?![A-Za-z])( ?[A-Za-z ]*\}})?")
_MARKS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?<![-\d.])(\d+)° ?(\d+(?:\.\d+)?) ?(?:'|\^ ?\{? ?\\prime ?\}?)$", r"\1° + (\2/60)°"),  # degrees and minutes
        (r"^(\d+) ?' ?(\d+(?:\.\d+)?) ?(?:''|\")$", r"\1 \\text{ft} \2 \\text{in}"),
        (r"^(\d+(?:\.\d+)?) ?(?:''|\")$", r"\1 \\text{in}"),
        (r"^(?:\\text ?\{ ?)?(USD|EUR|GBP) ?\}? ?([\d.,]+)$", r"\2 \\text{\1}"),
    )
)
_LEADING_WORDS = re.compile(r"(?:\\text ?\{ ?)?([A-Za-z]+(?:[- ][A-Za-z]+)*)")


class UnparseableGold(ValueError):
    """The reference is neither mathematics nor words."""


def judge(gold: str, answer: str) -> Decision:
    """Whether two normalised answers that the fast path leaves open are equal, and by which rule.

    Raises:
        TooLarge: that cannot be told within bounds. UnparseableGold.
    """
    if max(len(gold), len(answer)) > MAX_LENGTH:
        raise TooLarge
    congruent = equal_congruences(gold, answer)
    if congruent is not None:
        return Decision(congruent, "congruence")
    gold, answer = _spell_out(gold), _spell_out(answer)
    decision = decide_quickly(gold, answer)
    if decision is not None:
        return decision
    rule = "not mathematics"
    for reading in _readings(gold, answer):
        try:
            wanted = parse(gold, reading)
        except NotMathematics:
            if reading == _READINGS[0] and words_of(gold) is None and _is_formula(gold):
                raise UnparseableGold(gold) from None
            continue
        try:
            given = parse(answer, reading)
        except NotMathematics:
            continue
        if not reading.letters_are_units and any(isinstance(p, Quantity) for n in (wanted, given) for p in walk(n)):
            continue  # letters are variables only where nothing is a unit
        rule = _kind(wanted)
        try:
            if same(wanted, given):
                return Decision(True, rule)
        except (Undefined, NotMathematics):
            continue
    return Decision(False, rule)


def warm() -> None:
    """Import what comparisons need, so that no call's deadline pays for it."""
    import sympy  # noqa: F401

    sys.setrecursionlimit(20_000)  # the parser bounds its own depth
    judge(r"\sqrt{2}", r"\frac{2}{\sqrt{2}}")


def _readings(gold: str, answer: str) -> list[Reading]:
    """The usual reading, and others where a text is ambiguous."""
    readings = [_READINGS[0]]
    if any(_AMBIGUOUS_UNITS.search(text) for text in (gold, answer)):
        readings.append(_READINGS[1])
    if _AMBIGUOUS_COMMAS.search(answer) and not _AMBIGUOUS_COMMAS.search(gold):
        readings.append(_READINGS[2])
    return readings


def _spell_out(text: str) -> str:
    """Numbers in words before a unit as digits: `1.5 million dollars`, `five apples`."""
    words = words_of(text)
    if words is not None and (formula := formula_for(words)):
        return formula
    for pattern, replacement in _MARKS:
        text = pattern.sub(replacement, text)
    text = _SCALE.sub(
        lambda m: rf"\times {MULTIPLES[m[1]]}" + (rf"\text{{{m[2]}" if m[2] and m[2].strip(" }") else ""), text
    )
    if match := _LEADING_WORDS.match(text):
        run = match[1].lower().split()
        for count in range(len(run) - 1, 0, -1):
            number = number_of(" ".join(run[:count]))
            if number is not None and run[count - 1] not in ("and", "a"):
                rest = match[1].split()[count:]
                return f"{number} " + r"\text{" + " ".join(rest) + "}" + text[match.end() :].replace("}", "", 1)
    return text


def _is_formula(text: str) -> bool:
    """Whether a text is meant as mathematics although it does not parse: braces or brackets do not match."""
    return any(text.count(opening) != text.count(closing) for opening, closing in ("{}", "()"))


def _kind(node: Node) -> str:
    return type(node).__name__.lower()
