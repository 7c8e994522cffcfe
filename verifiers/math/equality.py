"""Whether two expressions have the same value: exactly where they are rational, else by many digits at generic points.

A difference counts as zero only when it is zero to more digits than anything in the two expressions could hide: the
working precision covers the whole range of magnitudes met on the way, so 1/2^99 is not 1/2^98, e^1000 + 1 is not
e^1000, and sqrt(2) + sqrt(3) - sqrt(5 + 2 sqrt(6)) is 0.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from itertools import chain, islice, pairwise

from verifiers.math.evaluate import Evaluation, is_complex
from verifiers.math.exact import Undefined, exact
from verifiers.math.lexer import TooLarge
from verifiers.math.tree import (
    Apply,
    Constant,
    Node,
    Number,
    Sum,
    Symbol,
    children,
    negated,
    substituted,
    symbols,
    walk,
)

_FIRST_DIGITS = 40
_SURE_DIGITS = 35
"""How far below anything that the two expressions could hide a difference must lie to be zero."""
_MAX_NESTING = 8
_MAX_PLACES = 10_000
"""Binary digits before and after the point of a constant that a decimal is compared with."""
_MAX_PARTS = 200
_MAX_FAR = Fraction(10**12)
_MAX_KINKS = 20
_MAX_ALONE = 8
"""Variables that are pushed far away while the others stay near."""
_KINKED = frozenset(("abs", "max", "min", "sgn", "floor", "ceil"))
_RANGES = ((0.1, 0.9), (1.1, 3.0), (-3.0, 3.0), (-1.0, 1.0), (-3.0, -0.2), (2.0, 7.0), (-6.0, 6.0))
_COUNTERS = frozenset(("n", "k", "m"))
"""Variables that stand for integers by custom."""

Point = Mapping[str, Fraction]


def equal_values(left: Node, right: Node) -> bool | None:
    """Whether two expressions are equal wherever they are defined; None when that cannot be told.

    They must be defined at the same real points. What has no value at any real point is compared by principal complex
    values, what has one at integers only (such as (-1)^n) at integers.

    Raises:
        TooLarge: numbers out of bounds. Undefined: a constant without a value.
    """
    if left == right:
        return True
    a, b = exact(left), exact(right)
    if a is not None and b is not None:
        return a == b
    logarithms = any(
        isinstance(p, Apply) and p.function == "log" and len(p.arguments) == 1 for n in (left, right) for p in walk(n)
    )
    # "log" is read as the natural one, then as the decadic one, the same way on both sides.
    verdicts = [_equal(left, right, decadic) for decadic in ((False, True) if logarithms else (False,))]
    return True if True in verdicts else verdicts[0]


def _equal(left: Node, right: Node, decadic: bool) -> bool | None:
    names = sorted(symbols(left) | symbols(right))
    complex_only = is_complex(left) or is_complex(right)
    if not names:
        if not complex_only:
            try:
                return _close(left, right, {}, real=True, decadic=decadic)
            except Undefined:
                pass
        return _close(left, right, {}, real=False, decadic=decadic)
    agreed = 0
    if not complex_only:
        domains = True
        for point in generic_points(names, left, right):
            defined = [_defined(side, point, decadic) for side in (left, right)]
            if all(defined):
                try:
                    if not _close(left, right, point, real=True, decadic=decadic):
                        return False
                except TooLarge:
                    if agreed < 2:
                        raise
                    continue  # a far point
                agreed += 1
            elif any(defined):
                domains = False
        if agreed and domains:
            return True
        if not agreed or not domains:
            integers = _at_integers(left, right, names, decadic) if set(names) <= _COUNTERS else None
            if integers is not None or not domains:
                return bool(integers)
    for point in generic_points(names, left, right):
        try:
            if not _close(left, right, point, real=False, decadic=decadic):
                return False
            agreed += 1
        except Undefined:
            continue
    return True if agreed >= 2 else None


def _at_integers(left: Node, right: Node, names: list[str], decadic: bool) -> bool | None:
    agreed = 0
    chance = _chance(left, right)
    starts = [*range(1, 7), *(chance.randrange(7, 80) for _ in range(6)), -1, -2, -chance.randrange(3, 40)]
    for start in starts:
        point = {name: Fraction(start + 3 * place) for place, name in enumerate(names)}
        try:
            if not _close(left, right, point, real=True, decadic=decadic):
                return False
            agreed += 1
        except Undefined:
            continue
    return True if agreed >= 3 else None


def generic_points(names: list[str], left: Node, right: Node) -> Iterator[Point]:
    """Generic points of all signs, the same for the same two expressions in either order.

    They depend on the expressions, so that none can be made to vanish at them.
    """
    chance = _chance(left, right)
    # Beyond all numbers in them, where an absolute value or a maximum has changed sides.
    far = max(_largest(left), _largest(right))
    beyond = ((2 * far + 10, 4 * far + 20), (-4 * far - 20, -2 * far - 10))
    for low, high in (*_RANGES, *beyond):
        yield {name: _within(chance, low, high) for name in names}
    if len(names) > 1:  # far points of all have x - y > 100 by chance only
        for low, high in beyond:
            for alone in names[:_MAX_ALONE]:
                yield {name: _within(chance, *((low, high) if name == alone else _RANGES[0])) for name in names}
    if len(names) == 1:
        for place in _between_kinks(left, right, Symbol(names[0])):
            yield {names[0]: place}


def _chance(left: Node, right: Node) -> random.Random:
    """Chance that is the same for the same two expressions in either order, and that none of them can foresee."""
    key = "".join(sorted((_fingerprint(left), _fingerprint(right))))
    return random.Random(hashlib.sha256(key.encode(errors="surrogatepass")).digest())


def _within(chance: random.Random, low: float, high: float) -> Fraction:
    return Fraction(round(chance.uniform(low, high) * 2**40) * 2**20 + chance.getrandbits(20), 2**60)


def _largest(node: Node) -> float:
    """The largest constant in it."""
    largest = Fraction(1)
    for part in islice(walk(node), _MAX_PARTS):
        if not symbols(part):
            with suppress(Undefined, TooLarge):
                largest = max(largest, abs(exact(part) or Fraction(0)))
    return float(min(largest, _MAX_FAR))


def _between_kinks(left: Node, right: Node, variable: Symbol) -> Iterator[Fraction]:
    """Points between those where absolute values, maxima and steps of linear functions change; integers for steps."""
    kinks: set[Fraction] = set()
    for part in islice(chain(walk(left), walk(right)), _MAX_PARTS):
        if not isinstance(part, Apply) or part.function not in _KINKED:
            continue
        if part.function in ("floor", "ceil"):
            kinks.update(map(Fraction, range(-2, 3)))
            yield from map(Fraction, (-2, 0, 3))
        inside = part.arguments[0] if len(part.arguments) == 1 else difference(*part.arguments[:2])
        with suppress(Undefined, TooLarge):
            a, b, c = (exact(substituted(inside, variable, Number(Fraction(place)))) for place in (0, 1, 2))
            if a is not None and b is not None and c is not None and b != a and c - b == b - a:
                kinks.add(-a / (b - a))
    ordered = sorted(kinks)[:_MAX_KINKS]
    for low, high in pairwise(ordered):
        yield low + (high - low) * Fraction(5, 13)


def _fingerprint(node: Node) -> str:
    """The parts of a tree in order, numbers in hexadecimal: Python writes no decimals beyond 4300 digits."""
    names = []
    for part in walk(node):
        match part:
            case Number(value):
                names.append(f"{value.numerator:x}/{value.denominator:x}")
            case Symbol(name) | Constant(name) | Apply(name):
                names.append(name)
            case _:
                names.append(type(part).__name__)
    return " ".join(names)


def _defined(node: Node, point: Point, decadic: bool) -> bool:
    try:
        Evaluation(_FIRST_DIGITS, point, real=True, decadic=decadic).of(node)
    except (Undefined, TooLarge):
        return False
    return True


def _close(left: Node, right: Node, point: Point, *, real: bool, decadic: bool) -> bool:
    """Whether the difference is zero, judged in as many digits as the numbers on the way ask for."""
    first = Evaluation(_FIRST_DIGITS, point, real=real, decadic=decadic)
    a, b = first.of(left), first.of(right)
    mp = first.mp
    distance = abs(a - b)
    if distance != 0 and mp.mag(distance) > first.largest - 3.32 * (_FIRST_DIGITS - 15):
        return False
    # Bits below the smallest number on the way that the difference must vanish to: the range of magnitudes several
    # times over (the sine of 10^-100 differs from it by 10^-301), twice the digits that were written (a convergent of a
    # root agrees with it to as many), and more for every function inside another.
    spread = first.largest - first.smallest
    written = _written_digits(left) + _written_digits(right)
    nested = 10 * 2 ** min(max(_nesting(left), _nesting(right)), _MAX_NESTING)
    order = 2 + 2 * min(max(_nesting(left), _nesting(right)), 3)
    depth = order * spread + int(3.33 * (_SURE_DIGITS + 2 * written + nested))
    again = Evaluation(15 + (spread + depth) * 302 // 1000, point, real=real, decadic=decadic)
    distance = abs(again.of(left) - again.of(right))
    return bool(distance == 0 or mp.mag(distance) < first.smallest - depth)


def _nesting(node: Node) -> int:
    """How deep functions are nested: cos(pi cos(pi cos(3.14))) nears -1 by twice as many digits a step."""
    below = max((_nesting(child) for child in children(node)), default=0)
    return below + 1 if isinstance(node, Apply) else below


def _written_digits(node: Node) -> int:
    numbers = (part.value for part in walk(node) if isinstance(part, Number))
    return sum((value.numerator.bit_length() + value.denominator.bit_length()) * 302 // 1000 for value in numbers)


def real_value(node: Node) -> float | None:
    """A constant to double precision, for putting ends of intervals in order; None when it is none."""
    try:
        value = exact(node)
        if value is None:
            value = Evaluation(_FIRST_DIGITS, {}, real=True, decadic=False).of(node)
        return float(value)
    except (Undefined, OverflowError):
        return None


def approximation(constant: Node, place: Fraction) -> Fraction | None:
    """A real constant, to many more digits than a decimal place has; None when it is none or would take too many."""
    try:
        value = Evaluation(_FIRST_DIGITS, {}, real=True, decadic=False).of(constant)
        magnitude = value.context.mag(value)
        if magnitude > _MAX_PLACES or place.denominator.bit_length() > _MAX_PLACES:
            return None
        digits = (int(max(magnitude, 0)) + place.denominator.bit_length()) * 302 // 1000 + 20
        if digits > _FIRST_DIGITS:
            value = Evaluation(digits, {}, real=True, decadic=False).of(constant)
    except (Undefined, TooLarge):
        return None
    shift = place.denominator.bit_length() + 60
    return Fraction(int(value * 2**shift), 2**shift)


def difference(left: Node, right: Node) -> Node:
    """left - right."""
    return Sum((left, negated(right)))
