r"""Plain numbers, read exactly and compared exactly: the path that needs no parsing.

Integers, decimals, repeating decimals (`0.1\overline{6}`, `0.(3)`, `0.333...`), fractions, mixed numbers, thousands
separators, percent, powers of ten. A tolerance exists only where a decimal was written, and is tied to its digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

MAX_DIGITS = 4000
"""Longest number that the fast path reads; beyond it, digits are compared as text."""
_MAX_EXPONENT = 4000
_MAX_BITS = 4 * (MAX_DIGITS + _MAX_EXPONENT)
"""Of a number that is scaled by a power of ten; such powers may follow one another."""
_DECISIVE = 6
"""Significant digits that a decimal needs to stand for an exact value (Math-Verify rounds to as many decimals)."""

_GROUPED = r"\d{1,3}(?:,\d{3})+(?!\d)|\d{1,3}(?: \d{3})+(?!\d)|\d+"
_OVER = r"\\(?:overline|bar|dot) ?(?:\{ ?\d+ ?\}|\d)"
LITERAL = re.compile(
    rf"(?P<whole>{_GROUPED})?(?:\.(?P<part>\d*)"
    rf"(?:(?P<repeat>\\dot\{{\d\}}\d*\\dot\{{\d\}}|{_OVER}|\(\d+\))|(?P<dots>\.{{2,}}|\\[lc]?dots))?)?"
    r"(?:[eE](?P<exponent>[-+]?\d+))?",
    re.ASCII,
)
"""An unsigned literal; matches the empty text too."""
UNGROUPED = re.compile(LITERAL.pattern.replace(_GROUPED, r"\d+"), re.ASCII)
"""The same without separators of thousands."""

_TIMES_TEN = re.compile(
    r"(.+?) ?(?:\\times|\\cdot|\*|x) ?10 ?(?:\^|\*\*) ?(?:\{ ?([-+]?\d+) ?\}|\(([-+]?\d+)\)|(-?\d+))"
)
_POWER_OF_TEN = re.compile(r"10 ?(?:\^|\*\*) ?(?:\{ ?([-+]?\d+) ?\}|\(([-+]?\d+)\)|(-?\d+))")
_FRACTION = re.compile(r"(?:(\d+) ?)?\\frac ?(?:\{ ?([-+]?\d+) ?\}|(\d)) ?(?:\{ ?([-+]?\d+) ?\}|(\d))")
_SLASH = re.compile(r"(?:(\d+) )?(\d+) ?/ ?(-?\d+)")
_DECIMAL = re.compile(r"[-+]?\d++\.?+\d*+", re.ASCII)
_INTEGER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class PlainNumber:
    """A number as it was written."""

    value: Fraction
    last_place: Fraction | None = None
    """Worth of one unit in the last written decimal place; None for what is exact."""
    significant: int = 0
    percent: bool = False


def parse_number(text: str) -> PlainNumber | None:
    """Read a normalised text; None when it is not a plain number (or one too long to read)."""
    if len(text) > MAX_DIGITS or not text:
        return None
    if text[-1] == "%":
        inner = text[:-1].rstrip()
        number = None if inner.endswith("%") else parse_number(inner)
        return None if number is None else replace(number, percent=True)
    if text[0] in "+-":
        inner = text[1:].lstrip()
        number = None if inner[:1] in ("+", "-") else parse_number(inner)
        return number if number is None or text[0] == "+" else replace(number, value=-number.value)
    if match := LITERAL.fullmatch(text):
        return read_literal(match)
    if match := _FRACTION.fullmatch(text) or _SLASH.fullmatch(text):
        whole, *parts = match.groups()
        above, below = (int(part) for part in parts if part is not None)
        if below == 0 or (
            whole is not None and not 0 <= above < below
        ):  # 1 3/2 and 1 \frac{-1}{2} are no mixed numbers
            return None
        return PlainNumber(int(whole or 0) + Fraction(above, below))
    if match := _POWER_OF_TEN.fullmatch(text):
        return _scaled(PlainNumber(Fraction(1)), next(group for group in match.groups() if group))
    if match := _TIMES_TEN.fullmatch(text):
        number = parse_number(match[1])
        return None if number is None else _scaled(number, next(group for group in match.groups()[1:] if group))
    return None


def read_literal(match: re.Match[str]) -> PlainNumber | None:
    """The number of a `LITERAL` match; None for the empty one and for exponents out of bounds."""
    whole, part, repeat, dots, exponent = match.group("whole", "part", "repeat", "dots", "exponent")
    if not whole and not part and not repeat:
        return None
    whole = re.sub("[, ]", "", whole or "") or "0"
    part = part or ""
    repeating = (part, re.sub(r"\D", "", repeat)) if repeat else _period(part) if dots else None
    if repeating:
        before, period = repeating
        scale = 10 ** len(before)
        value = Fraction(read_integer(whole + before), scale) + Fraction(
            read_integer(period), scale * (10 ** len(period) - 1)
        )
        return _scaled(PlainNumber(value), exponent)
    value = Fraction(read_integer(whole + part), 10 ** len(part))
    if not part:
        return _scaled(PlainNumber(value), exponent)
    significant = len((whole + part).lstrip("0"))
    return _scaled(PlainNumber(value, Fraction(1, 10 ** len(part)), significant), exponent)


def read_integer(digits: str) -> int:
    """Digits of any length; Python's own `int` refuses more than 4300."""
    if len(digits) <= MAX_DIGITS:
        return int(digits)
    middle = len(digits) // 2
    scale: int = 10 ** (len(digits) - middle)
    return read_integer(digits[:middle]) * scale + read_integer(digits[middle:])


def _period(digits: str) -> tuple[str, str] | None:
    """What comes before the repeating digits, and they: "1666" is ("1", "6").

    Three full repetitions, or two of more than one digit right after the point: 2.718281828... repeats nothing.
    """
    for length in range(1, len(digits) // 2 + 1):
        period = digits[-length:]
        start = len(digits)
        while digits[max(start - length, 0) : start] == period:
            start -= length
        if len(digits) - start >= (2 if start == 0 and length > 1 else 3) * length:
            return digits[:start], period
    return None


def _scaled(number: PlainNumber, exponent: str | None) -> PlainNumber | None:
    if exponent is None:
        return number
    if len(exponent) > 6 or abs(int(exponent)) > _MAX_EXPONENT:
        return None
    if max(_bits(number.value), _bits(number.last_place)) + 4 * abs(int(exponent)) > _MAX_BITS:
        return None
    factor = Fraction(10) ** int(exponent)
    place = None if number.last_place is None else number.last_place * factor
    return replace(number, value=number.value * factor, last_place=place)


def _bits(value: Fraction | None) -> int:
    return 0 if value is None else max(value.numerator.bit_length(), value.denominator.bit_length())


def equal_numbers(gold: PlainNumber, answer: PlainNumber) -> bool:
    """Exactly equal, or a rounding that the digits allow.

    `50%` equals 0.5, and also a bare 50 (whoever is asked for percents leaves the sign out), but `0.25%` is not a bare
    0.25; and a bare 28 is never 0.28.
    """
    if gold.percent == answer.percent:
        return rounds_to(gold, answer)
    percent, bare = (gold, answer) if gold.percent else (answer, gold)
    if percent.value / 100 == bare.value:
        return True
    return abs(percent.value) >= 1 and rounds_to(replace(gold, percent=False), replace(answer, percent=False))


def rounds_to(gold: PlainNumber, answer: PlainNumber) -> bool:
    """Whether the values are equal as far as the written digits say.

    - A reference written as a decimal is met by a value without a finite decimal that rounds to it (0.33 by 1/3), and
      one of two places and three significant digits by a finer decimal that rounds to it (3.14 by 3.1416).
    - An exact reference without a finite decimal is met by six or more significant digits, rounded or cut off.
    Never the other way round, so a coarser answer never stands for a finer reference.
    """
    distance = abs(gold.value - answer.value)
    if distance == 0:
        return True
    if gold.last_place is not None:
        if 2 * distance > gold.last_place:
            return False
        if answer.last_place is None and not _has_finite_decimal(answer.value):
            return gold.significant >= 2
        finer = answer.last_place is None or answer.last_place < gold.last_place
        return (
            finer and gold.significant >= 3 and gold.last_place <= Fraction(1, 100) and 2 * distance < gold.last_place
        )
    if answer.last_place is None or answer.significant < _DECISIVE or _has_finite_decimal(gold.value):
        return False
    return rounds_or_cuts(gold.value, answer)


def rounds_or_cuts(exact: Fraction, decimal: PlainNumber) -> bool:
    """Whether the digits of a decimal are those of a value, rounded or cut off."""
    assert decimal.last_place is not None
    distance = abs(exact - decimal.value)
    return 2 * distance <= decimal.last_place or (abs(decimal.value) < abs(exact) and distance < decimal.last_place)


def _has_finite_decimal(value: Fraction) -> bool:
    return pow(10, value.denominator.bit_length(), value.denominator) == 0  # it divides a high power of 10


def equal_digits(gold: str, answer: str) -> bool | None:
    """Compare integers, and decimals too long to read, by their digits; None for anything else."""
    if _INTEGER.fullmatch(gold) and _INTEGER.fullmatch(answer):
        return _digits(gold) == _digits(answer)
    if max(len(gold), len(answer)) > MAX_DIGITS and _DECIMAL.fullmatch(gold) and _DECIMAL.fullmatch(answer):
        return _decimal_digits(gold) == _decimal_digits(answer)
    return None


def _decimal_digits(text: str) -> tuple[str, str]:
    whole, _, part = text.partition(".")
    return _digits(whole or "0"), part.rstrip("0")


def _digits(text: str) -> str:
    digits = text.lstrip("+-").replace(",", "").lstrip("0") or "0"
    return "-" + digits if text[0] == "-" and digits != "0" else digits
