r"""Plain numbers, read exactly and compared exactly: the fast path that needs no symbolic algebra.

Integers, decimals, fractions (`3/4`, `\frac{3}{4}`), mixed numbers (`1\frac{1}{2}`), thousands separators, percent and
powers of ten (`6.02\times10^{23}`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

MAX_DIGITS = 4000
"""Python refuses to read integers beyond 4300 digits; equal texts are equal before it comes to that."""
_MAX_EXPONENT_DIGITS = 4

_PLAIN = r"(?:\d{1,3}(?:[, ]\d{3})+|\d+)"
_DECIMAL = re.compile(rf"([+-]?)({_PLAIN}?)(?:\.(\d*))?")
_FRACTION = re.compile(r"([+-]?)(?:(\d+) ?)?\\frac ?\{([+-]?\d+)\} ?\{([+-]?\d+)\}")
_SLASH = re.compile(r"([+-]?)(?:(\d+) )?(\d+) ?/ ?(\d+)")
_SCIENTIFIC = re.compile(r"([-+\d., ]+)(?:\\times|\\cdot|\*) ?10\^(?:\{(-?\d+)\}|(\d))")


@dataclass(frozen=True, slots=True)
class PlainNumber:
    """A number as it was written."""

    value: Fraction
    decimals: int | None = None
    """Digits after the point; None when it was not written as a decimal."""
    percent: bool = False


def parse_number(text: str) -> PlainNumber | None:
    """Read a normalised text; None when it is not a plain number (or one too long to read)."""
    if len(text) > MAX_DIGITS:
        return None
    if text.endswith("%") and not text.endswith(("%%", "% %")):
        number = parse_number(text[:-1].strip())
        return None if number is None else PlainNumber(number.value, number.decimals, percent=True)
    if match := _DECIMAL.fullmatch(text):
        sign, whole, part = match.groups()
        if not whole and not part:
            return None
        value = Fraction(int(re.sub("[, ]", "", whole) + (part or "") or "0"), 10 ** len(part or ""))
        return PlainNumber(-value if sign == "-" else value, len(part) if part else None)
    if match := _FRACTION.fullmatch(text) or _SLASH.fullmatch(text):
        sign, mixed, above, below = match.groups()
        if int(below) == 0:
            return None
        value = int(mixed or 0) + Fraction(int(above), int(below))
        return PlainNumber(-value if sign == "-" else value)
    if match := _SCIENTIFIC.fullmatch(text):
        exponent, number = match[2] or match[3], parse_number(match[1].strip())
        if number is None or len(exponent) > _MAX_EXPONENT_DIGITS:
            return None
        return PlainNumber(number.value * Fraction(10) ** int(exponent))
    return None


def equal_numbers(gold: PlainNumber, answer: PlainNumber) -> bool:
    """Exactly equal, or the answer rounds to the decimals that the reference was written with.

    `50%` equals 0.5, and also a reference of 50 or an answer of 50 (who asks for percents writes either); a bare 28 is
    never 0.28.
    """
    if gold.value == answer.value:
        return True
    if gold.percent != answer.percent:
        percent, bare = (gold, answer) if gold.percent else (answer, gold)
        return percent.value / 100 == bare.value
    if gold.decimals is None or gold.decimals < 2:  # a rounding to fewer digits says too little
        return False
    finer = answer.decimals is None or answer.decimals > gold.decimals
    return finer and abs(answer.value - gold.value) * 10**gold.decimals <= Fraction(1, 2)
