"""Equations and inequalities.

A solved form (`x = 5`) is compared by its value. Other equations are the same when one is the other times a constant,
or is solved for a variable in which the other is linear.
Restating a question is no answer to it: `2x = 10` is not `x = 5`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from verifiers.math.equality import difference, equal_values, generic_points
from verifiers.math.evaluate import Evaluation, is_complex
from verifiers.math.exact import Undefined, exact
from verifiers.math.tree import (
    Collection,
    Matrix,
    Node,
    Number,
    Product,
    Quantity,
    Quotient,
    Relation,
    Sum,
    Symbol,
    substituted,
    symbols,
)

_DIGITS = 60
_FLIPPED = {">": "<", ">=": "<="}


def named(node: Node) -> tuple[str | None, Node]:
    """The name and the value that `x = 5`, `5 = x`, `f(x) = x + 1` or `x = 2 + 3 = 5` gives it; else (None, node)."""
    if not isinstance(node, Relation) or set(node.operators) != {"="}:
        return None, node
    operands, name = node.operands, node.name
    last = operands[-1]
    if name is None and len(operands) == 2 and isinstance(last, Symbol) and not isinstance(operands[0], Symbol):
        operands, name = (last, operands[0]), last.name
    if name is None or (isinstance(operands[0], Symbol) and operands[0].name in symbols(operands[-1])):
        return None, node
    middle = operands[1:-1]
    if any(not _equal(operand, operands[-1]) for operand in middle):
        return None, node
    return name, operands[-1]


def restated_value(node: Relation) -> Node | None:
    """The constant that a formula is said to equal: 5 of `a + b = 5` and of `2 + 3 = 5`; None if there is none.

    An equation in one variable, such as `2x = 5`, speaks of that variable and not of 5.
    """
    if set(node.operators) != {"="} or symbols(node.operands[-1]) or len(symbols(node)) == 1:
        return None
    if any(symbols(operand) and not _is_combination(operand) for operand in node.operands[:-1]):
        return None
    constants = [operand for operand in node.operands[:-1] if not symbols(operand)]
    return node.operands[-1] if all(_equal(constant, node.operands[-1]) for constant in constants) else None


def _solves(solved: Relation, other: Relation) -> bool:
    """Whether `y = f(x)` is the one solution for y of another equation, which is linear in y: `y = 1/x` of `xy = 1`."""
    name, value = named(solved)
    left = solved.operands[0]
    if name is None or not isinstance(left, Symbol) or not symbols(value) or other.operators != ("=",):
        return False
    equation = difference(*other.operands)
    steps = [Fraction(0), Fraction(1), Fraction(2), Fraction(5, 7)]
    zero = Number(Fraction(0))
    try:
        above = [substituted(equation, left, Sum((value, Number(step)))) for step in steps]
        linear = equal_values(above[0], zero) is True and all(
            equal_values(each, Product((Number(step), above[1]))) is True
            for each, step in zip(above[2:], steps[2:], strict=True)
        )
        slope = difference(substituted(equation, left, Number(Fraction(1))), substituted(equation, left, zero))
        return linear and not _vanishes_somewhere(slope, equation, left)
    except Undefined:
        return False


def _vanishes_somewhere(slope: Node, equation: Node, solved: Symbol) -> bool:
    """Whether a whole line of other solutions may hide where the slope is zero, as x = 0 in `xy = x^2`."""
    others = symbols(slope)
    if not others:
        return False
    variable = Symbol(min(others))
    if len(others) > 1:
        return True
    a, b, c = (exact(substituted(slope, variable, Number(Fraction(place)))) for place in (0, 1, 2))
    if a is None or b is None or c is None or c - b != b - a:
        return True
    if a == b:
        return False
    there = substituted(substituted(equation, variable, Number(-a / (b - a))), solved, Number(Fraction(17, 11)))
    return exact(there) in (None, 0)


def _is_combination(node: Node) -> bool:
    """A sum, product or quotient of variables, perhaps with coefficients: what a question may ask for."""
    match node:
        case Symbol():
            return True
        case Sum(terms):
            return all(symbols(term) and _is_combination(term) for term in terms)
        case Product(factors):
            return all(not symbols(factor) or _is_combination(factor) for factor in factors)
        case Quotient(above, below):
            return _is_combination(above) and (_is_combination(below) or not symbols(below))
    return False


def equal_relations(gold: Relation, answer: Relation) -> bool:
    """Whether two relations say the same, by equivalence that takes no solving."""
    if len(gold.operators) != len(answer.operators) or len(gold.operators) > 2:
        return False
    if symbols(gold) != symbols(answer) or not symbols(gold):
        return False
    if _is_solved(gold) != _is_solved(answer):
        return False
    if _solves(gold, answer) or _solves(answer, gold):
        return True
    parts = _parts(answer)
    return any(
        all(a[1] == b[1] and _proportional(a[0], b[0], a[1]) for a, b in zip(order, parts, strict=True))
        for order in (_parts(gold), _parts(gold)[::-1])
    )


def _is_solved(node: Relation) -> bool:
    """One variable alone against constants: its value is the answer, and must be given as such."""
    ends = [operand for operand in node.operands if symbols(operand)]
    return len(ends) == 1 and isinstance(ends[0], Symbol)


def _parts(node: Relation) -> list[tuple[Node, str]]:
    """Each step of the chain as (difference, operator), the operator pointing to the smaller side."""
    parts = []
    for left, operator, right in zip(node.operands, node.operators, node.operands[1:], strict=False):
        if operator in _FLIPPED:
            parts.append((difference(right, left), _FLIPPED[operator]))
        else:
            parts.append((difference(left, right), operator))
    return parts


def _proportional(left: Node, right: Node, operator: str) -> bool:
    """Whether left = c * right with a constant c, positive for an inequality."""
    names = sorted(symbols(left) | symbols(right))
    real = not (is_complex(left) or is_complex(right))
    pairs: list[tuple[Any, Any]] = []
    for point in generic_points(names, left, right):
        evaluation = Evaluation(_DIGITS, point, real=real, decadic=False)
        try:
            pairs.append((evaluation.of(left), evaluation.of(right)))
        except Undefined:
            continue
    if len(pairs) < 3 or any(a == 0 or b == 0 for a, b in pairs):
        return False
    first = pairs[0][0] / pairs[0][1]
    if any(abs(a / b - first) > abs(first) * 10 ** (-_DIGITS // 2) for a, b in pairs[1:]):
        return False
    return operator in ("=", "!=") or (operator in ("<", "<=") and real and first > 0)


def _equal(left: Node, right: Node) -> bool:
    if any(isinstance(side, Collection | Matrix | Quantity | Relation) for side in (left, right)):
        return left == right
    try:
        return equal_values(left, right) is True
    except Undefined:
        return False
