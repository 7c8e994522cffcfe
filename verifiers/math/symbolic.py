r"""Compares expressions by parsing their LaTeX and evaluating both at the same points to 50 digits.

Two analytic expressions that agree to 30 digits at several generic complex points are the same expression; what cannot
be evaluated is equal only when it parses to the same tree. Model text reaches nothing but the LaTeX grammar of
`latex2sympy2_extended` (never `eval`, `sympify` or `parse_expr`), and only when its size is harmless.

Imports sympy inside the functions: half a second that the exact path never pays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sympy

MAX_LENGTH = 300
_MAX_DEPTH = 12
"""Nested brackets: the grammar takes time exponential in them."""
_DIGITS = 50
_TOLERANCE_DIGITS = 30

_TOO_LARGE = re.compile(
    r"\d{41}"  # long integers
    r"|\^\{?[-+]?\d{5}"  # large exponents
    r"|\^\{[^{}]*(?:\^|\{)[^{}]*\d|\^\w\^"  # towers
    r"|\d{4,}\}? ?!|!!|! ?\)! ?"  # factorials
    r"|\\d?binom ?\{?\d{4}"
    r"|\d_"  # the base of a numeral, which the grammar drops
)
_MATRIX = re.compile(r"\\(?:begin|end)\{[pbvV]?matrix\}")
_FUNCTIONS = "sin|cos|tan|cot|sec|csc|log|ln|exp|gcd|lcm|max|min|mod"
_WORD = re.compile(rf"(?<![\\A-Za-z])(?!(?:{_FUNCTIONS})(?![A-Za-z]))[A-Za-z]{{3,}}")
_DECIMAL = re.compile(r"(\d*)\.(\d+)")


def equal_expressions(gold: str, answer: str) -> bool:
    """Whether two normalised texts denote the same expression, equation, inequality or matrix."""
    if any(not is_harmless(text) for text in (gold, answer)):
        return False
    left, right = parse(gold), parse(answer)
    return left is not None and right is not None and _equal(left, right)


def is_harmless(text: str) -> bool:
    """Short and shallow, no numbers that explode when evaluated, no prose (whose letters would commute)."""
    depth = deepest = 0
    for character in text:
        depth += (character in "({[") - (character in ")}]")
        deepest = max(deepest, depth)
    if len(text) > MAX_LENGTH or deepest > _MAX_DEPTH or _TOO_LARGE.search(text):
        return False
    return not _WORD.search(_MATRIX.sub("", text))


def parse(text: str) -> Any | None:
    """A sympy object, or None when the text is no mathematics that the grammar knows."""
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig, latex2sympy

    exact = _DECIMAL.sub(lambda m: rf"\frac{{{m[1]}{m[2]}}}{{{10 ** len(m[2])}}}", text)
    try:
        return latex2sympy(
            exact, normalization_config=None, conversion_config=ConversionConfig(lowercase_symbols=False)
        )
    except Exception:  # the parser raises whatever its listeners and converters raise
        return None


def _equal(left: Any, right: Any) -> bool:
    import sympy
    from sympy.core.relational import Relational

    try:
        if isinstance(left, sympy.MatrixBase) and isinstance(right, sympy.MatrixBase):
            return left.shape == right.shape and all(_same(a, b) for a, b in zip(left, right, strict=True))
        if isinstance(left, Relational) and isinstance(right, Relational):
            return _same_relation(left, right)
        if isinstance(left, sympy.Expr) and isinstance(right, sympy.Expr):
            return _same(left, right)
        return bool(left == right)
    except Exception:  # sympy on unforeseen input: not shown to be equal
        return False


def _same_relation(left: Any, right: Any) -> bool:
    import sympy

    if isinstance(left, sympy.Gt | sympy.Ge):
        left = left.reversed
    if isinstance(right, sympy.Gt | sympy.Ge):
        right = right.reversed
    if type(left) is not type(right):
        return False
    ratios = []
    for point in _points(left, right):
        above, below = _value(left.lhs - left.rhs, point), _value(right.lhs - right.rhs, point)
        if above is not None and below:
            ratios.append(above / below)
    if len(ratios) < 2 or not all(_close(ratio, ratios[0]) for ratio in ratios[1:]) or ratios[0] == 0:
        return False
    scale = ratios[0]
    either_sign = isinstance(left, sympy.Eq | sympy.Ne)
    return either_sign or (_close(scale, sympy.re(scale)) and bool(sympy.re(scale) > 0))


def _same(left: Any, right: Any) -> bool:
    import sympy

    if any(side.has(sympy.zoo, sympy.nan) for side in (left, right)):
        return False
    if left == right:
        return True
    checked = 0
    for point in _points(left, right):
        a, b = _value(left, point), _value(right, point)
        if a is None or b is None:
            continue
        if not _close(a, b):
            return False
        checked += 1
    return checked >= (2 if left.free_symbols | right.free_symbols else 1)


def _points(left: Any, right: Any) -> Iterator[Mapping[sympy.Symbol, Any]]:
    """Generic complex points, the same ones every time, on all sides of the usual branch cuts."""
    import sympy

    constants = {"i": sympy.I, "e": sympy.E}
    names = sorted(left.free_symbols | right.free_symbols, key=str)
    for re_sign, im_sign in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
        yield {
            symbol: constants.get(str(symbol))
            or re_sign * sympy.sqrt(sympy.prime(k + 3)) / 2 + im_sign * sympy.I * sympy.sqrt(sympy.prime(k + 7)) / 3
            for k, symbol in enumerate(names)
        }


def _value(expression: Any, point: Mapping[sympy.Symbol, Any]) -> Any | None:
    """The value to 50 digits; None where it has none."""
    value = expression.subs(point).doit().evalf(_DIGITS)
    return value if value.is_number and value.is_finite else None


def _close(a: Any, b: Any) -> bool:
    """Equal to 30 digits, relative to the larger."""
    return bool(abs(a - b).evalf(_DIGITS) <= max(abs(a), abs(b)) * 10**-_TOLERANCE_DIGITS)
