"""Sets of real numbers, compared as sets: intervals, unions, inequalities, set-builders.

Two sets are laid on the same line: the ends of all their intervals cut it into points and open stretches, and the sets
are equal when they contain the same of these. Infinity itself is a point, so that [3, oo] is not [3, oo).
"""

from __future__ import annotations

from collections.abc import Callable

from verifiers.math.equality import equal_values, real_value
from verifiers.math.tree import (
    Builder,
    Collection,
    Constant,
    Node,
    Relation,
    SetOperation,
    Symbol,
    is_infinite,
    symbols,
    walk,
)

_Contains = Callable[[int], bool]
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}


class NoRealSet(ValueError):
    """The tree is no set of real numbers with constant ends."""


def speaks_of_sets(node: Node) -> bool:
    """Whether it can only be meant as a set of numbers: an inequality, a union, a half-open interval."""
    return any(
        isinstance(part, Builder)
        or (isinstance(part, SetOperation) and part.operation != "cases")
        or part == Constant("reals")
        or (isinstance(part, Relation) and any(operator != "=" for operator in part.operators))
        or (isinstance(part, Collection) and len(part.items) == 2 and _certain_interval(part))
        for part in walk(node)
    )


def _certain_interval(node: Collection) -> bool:
    return node.brackets in ("(]", "[)") or (
        node.brackets in ("()", "[]") and any(is_infinite(item) for item in node.items)
    )


def equal_sets(gold: Node, answer: Node) -> bool | None:
    """Whether both are the same set of real numbers; None when either is no such set."""
    names = [
        set()
        if isinstance(node, Builder)
        else {name for p in walk(node) if isinstance(p, Relation) for name in symbols(p)}
        for node in (gold, answer)
    ]
    if len(names[0] | names[1]) > 1:
        return None
    try:
        line = _Line()
        line.add(gold)
        line.add(answer)
        line.settle()
        left, right = line.membership(gold), line.membership(answer)
    except NoRealSet:
        return None
    return all(left(place) == right(place) for place in line.places)


class _Line:
    """The real line with the ends that occur, in order. The end number k is place 2k + 1, stretches are even."""

    def __init__(self) -> None:
        self._ends: list[tuple[float, Node]] = []
        self.places = range(0)

    def add(self, node: Node) -> None:
        """Collect the ends in a set."""
        match node:
            case Collection(items=items) | SetOperation(operands=items):
                for item in items:
                    self.add(item)
            case Relation():
                for operand in node.operands:
                    if not isinstance(operand, Symbol):
                        self.add(operand)
            case Builder():
                self.add(node.condition)
            case Constant("reals"):
                pass
            case _:
                self._add_end(node)

    def _add_end(self, node: Node) -> None:
        if is_infinite(node):
            return
        value = real_value(node)
        if value is None or symbols(node):
            raise NoRealSet
        if not any(
            equal_values(node, end) for other, end in self._ends if abs(other - value) <= 1e-9 * max(1.0, abs(value))
        ):
            self._ends.append((value, node))

    def settle(self) -> None:
        """Put the ends in order."""
        self._ends.sort(key=lambda end: end[0])
        self.places = range(-1, 2 * len(self._ends) + 2)

    def _place(self, node: Node) -> int:
        if sign := is_infinite(node):
            return -1 if sign < 0 else 2 * len(self._ends) + 1
        for k, (_, end) in enumerate(self._ends):
            if end == node or equal_values(end, node):
                return 2 * k + 1
        raise NoRealSet

    def membership(self, node: Node) -> _Contains:
        """Which places a set contains."""
        first, last = self.places[0], self.places[-1]
        match node:
            case Constant("reals"):
                return lambda place: first < place < last
            case Collection(brackets="{}", items=items):
                points = {self._place(item) for item in items}
                return lambda place: place in points
            case Collection(brackets=brackets, items=(low, high)) if (
                brackets and brackets[0] in "([" and brackets[1] in ")]"
            ):
                start, end = self._place(low), self._place(high)
                if start >= end:
                    raise NoRealSet
                return lambda place: (
                    (start < place or (place == start and brackets[0] == "["))
                    and (place < end or (place == end and brackets[1] == "]"))
                )
            case SetOperation(operation=operation, operands=operands):
                parts = [self.membership(operand) for operand in operands]
                if operation in ("union", "or"):
                    return lambda place: any(part(place) for part in parts)
                if operation in ("intersection", "and"):
                    return lambda place: all(part(place) for part in parts)
                return lambda place: parts[0](place) and not any(part(place) for part in parts[1:])
            case Collection(brackets="", items=items) if all(
                isinstance(item, Relation) and item.operators == ("!=",) for item in items
            ):
                parts = [self.membership(item) for item in items]
                return lambda place: all(part(place) for part in parts)
            case Builder(variable=Symbol() as letter, condition=condition) if symbols(condition) == {letter.name}:
                return self.membership(condition)
            case Builder(
                variable=Relation(operators=("in",), operands=(Symbol() as letter, ground)), condition=condition
            ):
                if ground != Constant("reals") or symbols(condition) != {letter.name}:
                    raise NoRealSet
                return self.membership(condition)
            case Relation():
                return self._relation(node)
        raise NoRealSet

    def _relation(self, node: Relation) -> _Contains:
        if node.operators == ("in",) and isinstance(node.operands[0], Symbol):
            return self.membership(node.operands[1])
        conditions: list[_Contains] = []
        first, last = self.places[0], self.places[-1]
        for left, operator, right in zip(node.operands, node.operators, node.operands[1:], strict=False):
            if isinstance(right, Symbol) and operator in _FLIPPED:
                left, operator, right = right, _FLIPPED[operator], left
            if not isinstance(left, Symbol) or isinstance(right, Symbol) or operator not in _FLIPPED:
                raise NoRealSet
            conditions.append(_compared(self._place(right), operator))
        return lambda place: first < place < last and all(condition(place) for condition in conditions)


def _compared(end: int, operator: str) -> _Contains:
    match operator:
        case "<":
            return lambda place: place < end
        case "<=":
            return lambda place: place <= end
        case ">":
            return lambda place: place > end
        case ">=":
            return lambda place: place >= end
        case "=":
            return lambda place: place == end
        case _:
            return lambda place: place != end
