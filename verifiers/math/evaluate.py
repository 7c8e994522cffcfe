"""Evaluates a tree to any number of digits.

Every operation is bounded *before* it runs: size of an exponential or factorial, argument of a sine, precision. Model
text reaches mpmath only as trees of our own, never as text. Not reentrant: one evaluation at a time in a thread.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import mpmath
from mpmath.libmp import NoConvergence

from verifiers.math.exact import MAX_FACTORIAL, Budget, Undefined, exact, terms
from verifiers.math.functions import COMPLEX_VARIABLES
from verifiers.math.lexer import TooLarge
from verifiers.math.tree import (
    Apply,
    Constant,
    Iterated,
    Matrix,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    walk,
)

MAX_MAGNITUDE = 4_000_000
"""Of a rounded number, as the power of two above it."""
MAX_DIGITS = 15_000
"""Of working precision."""
_MAX_GAMMA_DIGITS = 2000
_MAX_TRIGONOMETRIC_BITS = 2000

_local = threading.local()


def is_complex(node: Node) -> bool:
    """Whether it speaks of complex numbers."""
    names = {"re", "im", "arg", "conjugate", "cis"}
    return any(part == Constant("i") or (isinstance(part, Apply) and part.function in names) for part in walk(node))


class Evaluation:
    """One evaluation of a tree, to a number of digits, at a point.

    Remembers how large and how small the numbers on the way were (as powers of two), which says how many digits a
    difference needs.
    """

    def __init__(self, digits: int, point: Mapping[str, Fraction], *, real: bool, decadic: bool) -> None:
        """Prepare.

        Args:
            digits: significant decimal digits to work with.
            point: values of the variables.
            real: stay within the real numbers, as school mathematics does: an odd root of a negative number is real, an
                even root or a logarithm of one is undefined. Else principal values of complex functions.
            decadic: `log` without a base is the decadic one, not the natural one.

        Raises:
            TooLarge: too many digits.
        """
        if digits > MAX_DIGITS:
            raise TooLarge
        if not hasattr(_local, "context"):
            _local.context = mpmath.MPContext()
        self.mp: Any = _local.context
        self.mp.dps = digits
        self._digits = digits
        self._point = point
        self._real = real
        self._decadic = decadic
        self.largest = 0
        self.smallest = 0
        self._budget = Budget()

    def of(self, node: Node) -> Any:
        """The value, an `mpf` or `mpc`.

        Raises:
            Undefined: no value. TooLarge: a number on the way is out of bounds.
        """
        try:
            value = self._of(node)
        except (ZeroDivisionError, ValueError, NoConvergence, mpmath.libmp.ComplexResult) as error:
            raise Undefined(str(error)) from error
        except (OverflowError, MemoryError) as error:
            raise TooLarge from error
        if not self.mp.isfinite(value) or (self._real and isinstance(value, self.mp.mpc)):
            raise Undefined("not finite, or not real")
        if value != 0:
            self._note(int(self.mp.mag(value)))
        return value

    def _note(self, magnitude: int) -> None:
        if abs(magnitude) > MAX_MAGNITUDE:
            raise TooLarge
        self.largest = max(self.largest, magnitude)
        self.smallest = min(self.smallest, magnitude)

    def _of(self, node: Node) -> Any:
        mp = self.mp
        match node:
            case Number():
                return mp.mpf(node.value.numerator) / node.value.denominator
            case Symbol():
                if node.name not in self._point:
                    raise Undefined(node.name)
                value = self._point[node.name]
                number = mp.mpf(value.numerator) / value.denominator
                return (
                    mp.mpc(number, 1 / (3 + number**2)) if node.name in COMPLEX_VARIABLES and not self._real else number
                )
            case Constant("pi"):
                return +mp.pi
            case Constant("e"):
                return +mp.e
            case Constant("i"):
                return mp.mpc(0, 1)
            case Sum():
                return mp.fsum([self.of(term) for term in node.terms])
            case Product():
                value = mp.one
                for factor in node.factors:
                    value = value * self.of(factor)
                return value
            case Quotient():
                above, below = self.of(node.above), self.of(node.below)
                if self._vanishes(below):
                    raise Undefined("a division by zero")
                return above / below
            case Power():
                return self._power(node)
            case Iterated():
                values = [self.of(term) for term in terms(node, self._budget)]
                return mp.fsum(values) if node.operation == "sum" else mp.fprod(values)
            case Apply("det", (Matrix(),)):
                rows = node.arguments[0].rows  # type: ignore[union-attr]
                if len(rows) != len(rows[0]) or len(rows) > 8:
                    raise Undefined("a determinant")
                return self._determinant([[self.of(entry) for entry in row] for row in rows])
            case Apply():
                return self._apply(node)
        raise Undefined(type(node).__name__)

    def _vanishes(self, value: Any) -> bool:
        return bool(value == 0) or int(self.mp.mag(value)) < self.largest - 3.3 * (self._digits - 8)

    def _determinant(self, rows: list[list[Any]]) -> Any:
        if len(rows) == 1:
            return rows[0][0]
        if len(rows) > 5:
            return self.mp.det(self.mp.matrix(rows))
        minors = (self._determinant([row[:k] + row[k + 1 :] for row in rows[1:]]) for k in range(len(rows)))
        return self.mp.fsum(
            (-1) ** k * entry * minor for k, (entry, minor) in enumerate(zip(rows[0], minors, strict=True))
        )

    def _power(self, node: Power) -> Any:
        mp = self.mp
        if node.base == Constant("e"):
            return self._exponential(self.of(node.exponent))
        base = self.of(node.base)
        exponent = exact(node.exponent, self._budget)
        power = self.of(node.exponent) if exponent is None else mp.mpf(exponent.numerator) / exponent.denominator
        if base == 0:
            if mp.re(power) > 0:
                return mp.zero
            raise Undefined("a power of zero")
        size = abs(mp.log(abs(base), 2)) * abs(power)
        if size > MAX_MAGNITUDE:
            raise TooLarge
        if exponent is not None and exponent.denominator == 1:
            return mp.power(base, exponent.numerator)
        if self._real and base < 0:
            if exponent is None or exponent.denominator % 2 == 0:
                raise Undefined("a power of a negative number")
            return (-1) ** (exponent.numerator % 2) * mp.power(-base, power)
        return mp.power(base, power)

    def _exponential(self, exponent: Any) -> Any:
        if abs(exponent) > MAX_MAGNITUDE / 2:
            raise TooLarge
        return self.mp.exp(exponent)

    def _apply(self, node: Apply) -> Any:
        mp, name = self.mp, node.function
        arguments = [self.of(argument) for argument in node.arguments]
        x = arguments[0]
        if name == "root":
            return self._root(x, node.arguments[1])
        if name in ("log", "ln", "lg"):
            return self._logarithm(name, arguments)
        if name in _PLAIN and len(arguments) == 1:
            if name in _EXPONENTIAL:  # made of exp(x) and exp(-x), whose sizes count
                if abs(x) > MAX_MAGNITUDE / 4:
                    raise TooLarge
                self._note(3 * int(abs(x)))
                self._note(-3 * int(abs(x)))
            if name in _PERIODIC and (x != 0 and mp.mag(x) > _MAX_TRIGONOMETRIC_BITS):
                raise TooLarge
            if name in _POLES and self._vanishes(getattr(mp, _POLES[name])(x)):
                raise Undefined(f"a pole of {name}")
            value = getattr(mp, _PLAIN[name])(x)
            if self._real and isinstance(value, mp.mpc):
                raise Undefined(f"{name} outside its domain")
            return value
        match name, arguments:
            case "exp", [_]:
                return self._exponential(x)
            case "percent", [_]:
                return x / 100
            case "degree", [_]:
                return x * mp.pi / 180
            case "cis", [_]:
                return mp.mpc(mp.cos(x), mp.sin(x))
            case "abs", [_]:
                return abs(x)
            case "re", [_]:
                return mp.re(x)
            case "im", [_]:
                return mp.im(x)
            case "arg", [_] if x != 0:
                return mp.arg(x)
            case "conjugate", [_]:
                return mp.conj(x)
            case "factorial", [_]:
                return self._gamma(x + 1)
            case "binom", [n, k]:
                return self._gamma(n + 1) / (self._gamma(k + 1) * self._gamma(n - k + 1))
            case "floor" | "ceil" | "sgn", [_] if not isinstance(x, mp.mpc):
                whole = mp.nint(x)  # a product of roots may miss its integer by the last digit
                if abs(x - whole) < mp.mpf(10) ** (8 - self._digits) * max(1, abs(x)):
                    x = whole
                return {"floor": mp.floor, "ceil": mp.ceil, "sgn": mp.sign}[name](x)
            case "max" | "min", [_, _, *_] if not any(isinstance(value, mp.mpc) for value in arguments):
                return max(arguments) if name == "max" else min(arguments)
        raise Undefined(name)

    def _gamma(self, x: Any) -> Any:
        if abs(x) > MAX_FACTORIAL or self._digits > _MAX_GAMMA_DIGITS:
            raise TooLarge
        return self.mp.gamma(x)

    def _root(self, x: Any, index: Node) -> Any:
        mp, degree = self.mp, exact(index, self._budget)
        if degree is None or degree.denominator != 1 or not 2 <= degree <= 1000:
            raise Undefined("a root of that degree")
        if self._real and x < 0:
            if degree % 2 == 0:
                raise Undefined("an even root of a negative number")
            return -mp.root(-x, int(degree))
        return mp.root(x, int(degree))

    def _logarithm(self, name: str, arguments: list[Any]) -> Any:
        mp, x = self.mp, arguments[0]
        for argument in arguments:
            if argument == 0 or (self._real and argument < 0):
                raise Undefined("a logarithm outside its domain")
        if len(arguments) == 2:
            below = mp.log(arguments[1])
            if self._vanishes(below):
                raise Undefined("a logarithm to base 1")
            return mp.log(x) / below
        if name == "lg" or (name == "log" and self._decadic):
            return mp.log(x) / mp.log(10)
        return mp.log(x)


_PERIODIC = frozenset(("sin", "cos", "tan", "cot", "sec", "csc"))
_EXPONENTIAL = frozenset(("sinh", "cosh", "tanh"))
_POLES = {"tan": "cos", "sec": "cos", "cot": "sin", "csc": "sin"}
_PLAIN = {
    "sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc", "arcsin": "asin",
    "arccos": "acos", "arctan": "atan", "arccot": "acot", "arcsec": "asec", "arccsc": "acsc", "sinh": "sinh",
    "cosh": "cosh", "tanh": "tanh", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
}  # fmt: skip
