"""The tree that an answer is parsed into: what was written, nothing evaluated.

Numbers keep how they were written (a decimal knows its last place), brackets keep their kind. All nodes are immutable
and compare by structure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any

from verifiers.math.units import Unit


@dataclass(frozen=True, slots=True)
class Number:
    """A literal that is not negative."""

    value: Fraction
    last_place: Fraction | None = None
    """Worth of one unit in the last written decimal place; None for what is exact."""
    significant: int = 0
    """Significant digits of a decimal; 0 for what is exact."""


@dataclass(frozen=True, slots=True)
class Numeral:
    """Digits in a stated base, `204_5`: as a question asks for them, not their value."""

    digits: str
    base: int


@dataclass(frozen=True, slots=True)
class Constant:
    """`pi`, `e`, `i` or `infinity`."""

    name: str


@dataclass(frozen=True, slots=True)
class Symbol:
    """A variable, with its subscript: `x`, `x_1`, `alpha`; or a named set such as `Z`."""

    name: str


@dataclass(frozen=True, slots=True)
class Sum:
    """Terms added up."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """Factors multiplied."""

    factors: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Quotient:
    """One over another."""

    above: Node
    below: Node


@dataclass(frozen=True, slots=True)
class Power:
    """Base and exponent."""

    base: Node
    exponent: Node


@dataclass(frozen=True, slots=True)
class Apply:
    """A function of `verifiers.math.functions` and its arguments."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Iterated:
    """The `sum` or `product` of a body for an integer variable from a start to an end."""

    operation: str
    variable: Symbol | Constant
    """A constant where the letter is `i` or `e`."""
    start: Node
    end: Node
    body: Node


@dataclass(frozen=True, slots=True)
class PlusMinus:
    """Plus or minus (`sign` 1: the upper sign is plus) an operand: two values."""

    operand: Node
    sign: int = 1


@dataclass(frozen=True, slots=True)
class Relation:
    """A chain `a < b <= c`; operators are =, !=, <, <=, >, >=, in."""

    operands: tuple[Node, ...]
    operators: tuple[str, ...]
    name: str | None = None
    """What the first operand is called when it is a name of something: `x`, `f(x)`, `AB`, `Area`."""


@dataclass(frozen=True, slots=True)
class Collection:
    """Things between brackets (`()`, `[)`, `{}`, ...), or without any (``): tuple, interval, set or list."""

    brackets: str
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class SetOperation:
    """`union`, `intersection` or `difference` of sets; `or` and `and` of statements."""

    operation: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Builder:
    """The set of all `variable` with a condition."""

    variable: Node
    condition: Node


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of entries."""

    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, slots=True)
class Ratio:
    """`a : b : c`."""

    parts: tuple[Node, ...]
    clock: bool = False
    """Written like a time of day, `8:34`, which may be a ratio too."""
    padded: bool = False
    """A part begins with a zero, as only in a time: `8:05`."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of units."""

    value: Node
    unit: Unit


Node = (
    Number
    | Numeral
    | Constant
    | Symbol
    | Sum
    | Product
    | Quotient
    | Power
    | Apply
    | Iterated
    | PlusMinus
    | Relation
    | Collection
    | SetOperation
    | Builder
    | Matrix
    | Ratio
    | Quantity
)

MINUS_ONE = Number(Fraction(-1))


def negated(node: Node) -> Node:
    """-node."""
    if isinstance(node, Number):
        return Number(-node.value, node.last_place, node.significant)
    return Product((MINUS_ONE, node))


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    stack: list[Node] = [node]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(children(top))


def children(node: Node) -> Iterator[Node]:
    """The nodes right below one."""
    for name in node.__slots__:
        value = getattr(node, name)
        if isinstance(value, tuple):
            for part in value:
                if isinstance(part, tuple):  # a row of a matrix
                    yield from part
                elif isinstance(part, Node):
                    yield part
        elif isinstance(value, Node):
            yield value


def is_infinite(node: Node) -> int:
    """1 for infinity, -1 for its negative, 0 for anything else."""
    if node == Constant("infinity"):
        return 1
    if isinstance(node, Product) and node.factors[0] == MINUS_ONE and len(node.factors) == 2:
        return -is_infinite(node.factors[1])
    return 0


def symbols(node: Node) -> set[str]:
    """Names of the free variables in it."""
    if isinstance(node, Iterated):
        return (symbols(node.body) - {node.variable.name}) | symbols(node.start) | symbols(node.end)
    if isinstance(node, Symbol):
        return {node.name}
    return {name for child in children(node) for name in symbols(child)}


def substituted(node: Node, symbol: Symbol | Constant, value: Node) -> Node:
    """The node with a value in the place of a variable."""
    return _substituted(node, symbol, value)  # type: ignore[no-any-return]


def _substituted(part: Any, symbol: Symbol | Constant, value: Node) -> Any:
    if part == symbol:
        return value
    if isinstance(part, tuple):
        return tuple(_substituted(entry, symbol, value) for entry in part)
    if not isinstance(part, Node):
        return part
    if isinstance(part, Iterated) and part.variable == symbol:  # the body's variable is another one
        bounds = {name: _substituted(getattr(part, name), symbol, value) for name in ("start", "end")}
        return replace(part, **bounds)
    return replace(
        part, **{field.name: _substituted(getattr(part, field.name), symbol, value) for field in fields(part)}
    )
