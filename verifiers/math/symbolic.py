"""The last resort for expressions that no point decides: simplify their difference with sympy.

The sympy object is built from our own tree, never from text. May take long: it runs only where it can be killed.
"""

from __future__ import annotations

from typing import Any

from verifiers.math.tree import Apply, Constant, Node, Number, Power, Product, Quotient, Sum, Symbol

_INTEGERS = frozenset(("n", "k", "m", "p", "q"))
_MAX_BITS = 200
_MAX_EXPONENT = 100
_NAMES = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh", "ceil": "ceiling", "abs": "Abs", "max": "Max", "min": "Min", "mod": "Mod", "binom": "binomial",
    "double factorial": "factorial2", "sgn": "sign", "ln": "log", "gcd": "igcd", "lcm": "ilcm",
}  # fmt: skip


class _NotThere(ValueError):
    """sympy has no such thing, or we do not ask it."""


def equal_symbolically(difference: Node) -> bool:
    """Whether sympy simplifies the difference to zero, variables such as n being integers and all others real."""
    import sympy

    try:
        return bool(sympy.simplify(_convert(difference)) == 0)
    except Exception:  # whatever sympy raises on what it was not made for: not shown to be equal
        return False


def _convert(node: Node) -> Any:
    import sympy

    match node:
        case Number():
            if max(node.value.numerator.bit_length(), node.value.denominator.bit_length()) > _MAX_BITS:
                raise _NotThere("a large number")
            return sympy.Rational(node.value.numerator, node.value.denominator)
        case Symbol():
            return (
                sympy.Symbol(node.name, integer=True) if node.name in _INTEGERS else sympy.Symbol(node.name, real=True)
            )
        case Constant():
            if node.name not in ("pi", "e", "i"):
                raise _NotThere(node.name)
            return {"pi": sympy.pi, "e": sympy.E, "i": sympy.I}[node.name]
        case Sum():
            return sympy.Add(*(_convert(term) for term in node.terms))
        case Product():
            return sympy.Mul(*(_convert(factor) for factor in node.factors))
        case Quotient():
            return _convert(node.above) / _convert(node.below)
        case Power():
            if isinstance(node.exponent, Power) or (
                isinstance(node.exponent, Number) and node.exponent.value > _MAX_EXPONENT
            ):
                raise _NotThere("a large power")
            return _convert(node.base) ** _convert(node.exponent)
        case Apply("root", (radicand, index)):
            return sympy.root(_convert(radicand), _convert(index))
        case Apply():
            function = getattr(sympy, _NAMES.get(node.function, node.function), None)
            if not isinstance(function, sympy.FunctionClass):
                raise _NotThere(node.function)
            return function(*(_convert(argument) for argument in node.arguments))
    raise _NotThere(type(node).__name__)
