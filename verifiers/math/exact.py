"""Evaluates a tree exactly where it is made of rational numbers, with every size bounded before the operation runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from verifiers.math.lexer import TooLarge
from verifiers.math.tree import Apply, Iterated, Node, Number, Power, Product, Quotient, Sum, Symbol, substituted, walk

MAX_BITS = 300_000
"""Of an exact integer."""
MAX_FACTORIAL = 5000
_MAX_BINOMIAL = 20_000
_MAX_TERMS = 2000
"""Of one sum or product."""
_MAX_ALL_TERMS = 5000
"""Of all in one evaluation."""


class Undefined(ArithmeticError):
    """No value: a division by zero, a logarithm of zero, outside the real domain, not a number at all."""


@dataclass(slots=True)
class Budget:
    """Terms of sums and products that one evaluation may still write out: those of nested ones multiply."""

    terms: int = _MAX_ALL_TERMS

    def spend(self, terms: int) -> None:
        """Take as many away.

        Raises:
            TooLarge: there are not as many left.
        """
        self.terms -= terms
        if self.terms < 0:
            raise TooLarge


def exact(node: Node, budget: Budget | None = None) -> Fraction | None:
    """The value of what is made of rational numbers by rational operations; None for anything else.

    Args:
        node: what to evaluate.
        budget: of the evaluation that this is a part of.

    Raises:
        TooLarge: more than `MAX_BITS` bits, or terms than the budget has. Undefined: no value.
    """
    return _exact(node, Budget() if budget is None else budget)


def _exact(node: Node, budget: Budget) -> Fraction | None:
    match node:
        case Number():
            return node.value
        case Sum():
            return _fold(node.terms, lambda a, b: a + b, budget)
        case Product():
            return _fold(node.factors, lambda a, b: a * b, budget)
        case Quotient():
            above, below = _exact(node.above, budget), _exact(node.below, budget)
            if below == 0:
                raise Undefined("a division by zero")
            return None if above is None or below is None else _bounded(above / below)
        case Power():
            return _exact_power(node, budget)
        case Iterated():
            written = terms(node, budget)
            return _fold(written, lambda a, b: a + b if node.operation == "sum" else a * b, budget)
        case Apply():
            values = [_exact(argument, budget) for argument in node.arguments]
            return None if None in values else _exact_function(node.function, values)  # type: ignore[arg-type]
    return None


def terms(node: Iterated, budget: Budget) -> Iterator[Node]:
    """What is added or multiplied, written out one by one at the cost of the budget.

    Raises:
        TooLarge: more than `_MAX_TERMS`, or than the budget has. Undefined: the bounds are no integers, or no term is
            between them.
    """
    start, end = _exact(node.start, budget), _exact(node.end, budget)
    if start is None or end is None or start.denominator != 1 or end.denominator != 1 or end < start:
        raise Undefined("bounds")
    if end - start >= _MAX_TERMS:
        raise TooLarge
    budget.spend(int(end - start) + 1)
    if any(isinstance(p, Symbol) and p.name.endswith(f"_{node.variable.name}") for p in walk(node.body)):
        raise Undefined("an index")
    return (substituted(node.body, node.variable, Number(Fraction(k))) for k in range(int(start), int(end) + 1))


def _fold(nodes: Iterable[Node], combine: Callable[[Fraction, Fraction], Fraction], budget: Budget) -> Fraction | None:
    total: Fraction | None = None
    for node in nodes:
        value = _exact(node, budget)
        if value is None:
            return None
        total = value if total is None else _bounded(combine(total, value))
    return total


def _exact_power(node: Power, budget: Budget) -> Fraction | None:
    base, exponent = _exact(node.base, budget), _exact(node.exponent, budget)
    if base is None or exponent is None or exponent.denominator != 1:
        return None
    if base == 0 and exponent <= 0:
        raise Undefined("a power of zero")
    if abs(base) != 1:
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if exponent.numerator.bit_length() > 40 or abs(exponent.numerator) * bits > MAX_BITS:
            raise TooLarge
    elif exponent.numerator.bit_length() > 40:
        return base if exponent.numerator % 2 else Fraction(1)
    return base**exponent.numerator


def _exact_function(name: str, values: list[Fraction]) -> Fraction | None:
    whole = all(value.denominator == 1 for value in values)
    integers = [value.numerator for value in values]
    match name, values:
        case "percent", [x]:
            return x / 100
        case "abs", [x]:
            return abs(x)
        case "floor", [x]:
            return Fraction(math.floor(x))
        case "ceil", [x]:
            return Fraction(math.ceil(x))
        case "sgn", [x]:
            return Fraction((x > 0) - (x < 0))
        case "max", [_, _, *_]:
            return max(values)
        case "min", [_, _, *_]:
            return min(values)
        case "gcd", [_, _, *_] if whole:
            return Fraction(math.gcd(*integers))
        case "lcm", [_, _, *_] if whole:
            return _bounded(Fraction(math.lcm(*integers)))
        case "mod", [_, n] if whole and n > 0:
            return Fraction(integers[0] % integers[1])
        case "factorial", [x] if whole and x >= 0:
            if x > MAX_FACTORIAL:
                raise TooLarge
            return Fraction(math.factorial(integers[0]))
        case "double factorial", [x] if whole and x >= 0:
            if x > MAX_FACTORIAL:
                raise TooLarge
            return Fraction(math.prod(range(integers[0], 0, -2)))
        case "binom", [n, k] if whole and n >= 0:
            if n > _MAX_BINOMIAL:
                raise TooLarge
            return Fraction(math.comb(integers[0], integers[1])) if k >= 0 else Fraction(0)
    return None


def _bounded(value: Fraction) -> Fraction:
    if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
        raise TooLarge
    return value
