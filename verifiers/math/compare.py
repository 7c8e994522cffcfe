"""Compares two parsed answers by their kinds: numbers, expressions, equations, sets, tuples, matrices, units.

What is not shown to be equal is different: in training a false positive is an exploit.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from verifiers.math.equality import approximation, difference, equal_values
from verifiers.math.exact import Undefined, exact
from verifiers.math.lexer import NotMathematics, TooLarge
from verifiers.math.numbers import PlainNumber, equal_numbers, rounds_or_cuts, rounds_to
from verifiers.math.parameters import with_own_parameter
from verifiers.math.real_sets import equal_sets, speaks_of_sets
from verifiers.math.relations import equal_relations, named, restated_value
from verifiers.math.symbolic import equal_symbolically
from verifiers.math.tree import (
    MINUS_ONE,
    Apply,
    Builder,
    Collection,
    Matrix,
    Node,
    Number,
    Numeral,
    PlusMinus,
    Power,
    Product,
    Quantity,
    Quotient,
    Ratio,
    Relation,
    SetOperation,
    Sum,
    Symbol,
    is_infinite,
    negated,
    symbols,
    walk,
)
from verifiers.math.units import Unit

_MAX_ELEMENTS = 100
_COORDINATES = frozenset(("xy", "xyz", "ab", "abc", "abcd", "pq", "pqr", "mn", "rs", "rst", "uv", "uvw"))
"""Names whose order everybody knows."""
_DEGREE = Unit((("degree", 1),))
_RADIAN = Unit((("radian", 1),))


def same(gold: Node, answer: Node) -> bool:
    """Whether the answer is the reference.

    Raises:
        TooLarge: it cannot be told within bounds.
    """
    if gold == answer:
        return True
    gold, answer = with_own_parameter(gold), with_own_parameter(answer)
    if gold == answer:
        return True
    if speaks_of_sets(gold) or speaks_of_sets(answer):
        verdict = equal_sets(_as_set(gold), _as_set(answer))
        if verdict is not None:
            return verdict
    several = [_values(gold), _values(answer)]
    if any(len(values) != 1 for values in several) or any(_is_set(node) for node in (gold, answer)):
        return _same_values(gold, answer, *several)
    return _same_single(several[0][0], several[1][0])


def _same_single(gold: Node, answer: Node) -> bool:
    if gold == answer:
        return True
    if isinstance(gold, Relation) or isinstance(answer, Relation):
        return _same_relation(gold, answer)
    gold, answer = _as_quantity(gold), _as_quantity(answer)
    if isinstance(gold, Quantity) or isinstance(answer, Quantity):
        return _same_quantity(gold, answer)
    if isinstance(gold, Ratio) or isinstance(answer, Ratio):
        return _same_ratio(gold, answer)
    gold, answer = _as_column(gold, answer), _as_column(answer, gold)
    matrices = [_as_matrix(node) for node in (gold, answer)]
    if matrices[0] is not None or matrices[1] is not None:
        return None not in matrices and _same_matrix(matrices[0], matrices[1])  # type: ignore[arg-type]
    if isinstance(gold, Collection) or isinstance(answer, Collection):
        return _same_collection(gold, answer)
    if (
        isinstance(gold, SetOperation)
        and isinstance(answer, SetOperation)
        and gold.operation == answer.operation == "cases"
    ):
        return _same_elements(gold.operands, answer.operands)
    if any(isinstance(node, Numeral | SetOperation | Builder) for node in (gold, answer)):
        return False  # equal ones were equal as trees, or as sets
    if is_infinite(gold) or is_infinite(answer):
        return is_infinite(gold) == is_infinite(answer)
    return _same_expression(gold, answer)


def _same_expression(gold: Node, answer: Node) -> bool:
    numbers = [_as_number(node) for node in (gold, answer)]
    if numbers[0] is not None and numbers[1] is not None:
        return equal_numbers(numbers[0], numbers[1])
    try:
        verdict = equal_values(gold, answer)
    except Undefined:
        return False
    if verdict is None:
        return equal_symbolically(difference(gold, answer))
    return verdict or _rounds(gold, answer, numbers)


def _rounds(gold: Node, answer: Node, numbers: Sequence[PlainNumber | None]) -> bool:
    """The rules of `numbers.rounds_to`, for a constant on one side."""
    if symbols(gold) or symbols(answer):
        return False
    written, given = numbers
    if written is not None and written.last_place is not None and not written.percent:
        rational = exact(answer)
        if rational is not None:
            return rounds_to(written, PlainNumber(rational))
        value = approximation(answer, written.last_place)
        return written.significant >= 3 and value is not None and 2 * abs(value - written.value) <= written.last_place
    if given is not None and given.last_place is not None and not given.percent:
        if exact(gold) is not None or given.significant < 6:
            return False  # an exact rational was compared as such
        value = approximation(gold, given.last_place)
        return value is not None and rounds_or_cuts(value, given)
    return False


def _as_number(node: Node) -> PlainNumber | None:
    """A literal, perhaps with a sign or a percent sign; a quotient of literals."""
    if isinstance(node, Apply) and node.function == "percent":
        number = _as_number(node.arguments[0])
        if number is None or number.percent:
            return None
        return PlainNumber(number.value, number.last_place, number.significant, percent=True)
    if isinstance(node, Number):
        return PlainNumber(node.value, node.last_place, node.significant)
    if isinstance(node, Product) and len(node.factors) == 2 and node.factors[0] == MINUS_ONE:
        number = _as_number(node.factors[1])
        if number is not None:  # "-5"
            return PlainNumber(-number.value, number.last_place, number.significant, number.percent)
    if isinstance(node, Product) and len(node.factors) == 2 and _is_power_of_ten(node.factors[1]):
        number, scale = _as_number(node.factors[0]), exact(node.factors[1])
        if number is not None and scale is not None and not number.percent:
            place = None if number.last_place is None else number.last_place * scale
            return PlainNumber(number.value * scale, place, number.significant)
    if (
        isinstance(node, Quotient)
        and isinstance(node.above, Number)
        and isinstance(node.below, Number)
        and node.below.value
    ):
        return PlainNumber(node.above.value / node.below.value)
    return None


def _is_power_of_ten(node: Node) -> bool:
    return isinstance(node, Power) and node.base == Number(Fraction(10))


# Several values


def _values(node: Node) -> list[Node]:
    """The answers that a list, an `or` or a plus-minus stands for; the node itself if it is one."""
    match node:
        case Collection(brackets="", items=items) | SetOperation(operation="or", operands=items):
            return _with_name([value for item in items for value in _values(item)])
        case Relation(operators=("=",), operands=(left, right)) if node.name:
            return [Relation((left, value), ("=",), node.name) for value in _values(right)]
        case Collection(brackets="{}"):
            return [node]
        case Relation(operators=("in",), operands=(Symbol(), Collection(brackets="{}") as elements)):
            return [elements]
    signs = [part.sign for part in walk(node) if isinstance(part, PlusMinus)]
    if signs and not isinstance(node, Collection):
        if signs.count(1) > 1 or signs.count(-1) > 1:
            raise NotMathematics("±")  # who knows whether the signs go together
        return [_with_sign(node, sign) for sign in (1, -1)]
    return [node]


def _with_name(values: list[Node]) -> list[Node]:
    """`x = 1, 2` says x = 2 too."""
    if values and isinstance(first := values[0], Relation) and first.name and first.operators == ("=",):
        return [v if isinstance(v, Relation) else Relation((first.operands[0], v), ("=",), first.name) for v in values]
    return values


def _with_sign(node: Node, sign: int) -> Node:
    match node:
        case _ if not any(isinstance(part, PlusMinus) for part in walk(node)):
            return node
        case PlusMinus():
            operand = _with_sign(node.operand, sign)
            return operand if node.sign * sign > 0 else negated(operand)
        case Sum():
            return Sum(tuple(_with_sign(term, sign) for term in node.terms))
        case Product():
            return Product(tuple(_with_sign(factor, sign) for factor in node.factors))
        case Quotient():
            return Quotient(_with_sign(node.above, sign), _with_sign(node.below, sign))
        case Quantity():
            return Quantity(_with_sign(node.value, sign), node.unit)
        case Power():
            return Power(_with_sign(node.base, sign), _with_sign(node.exponent, sign))
        case Apply():
            return Apply(node.function, tuple(_with_sign(argument, sign) for argument in node.arguments))
    raise NotMathematics("±")


def _is_set(node: Node) -> bool:
    return isinstance(node, Collection) and node.brackets == "{}"


def _same_values(gold: Node, answer: Node, golds: list[Node], answers: list[Node]) -> bool:
    names = [_names(values) for values in (golds, answers)]
    for values, own, other in ((golds, names[0], answer), (answers, names[1], gold)):
        if own and "".join(sorted(own)) in _COORDINATES and isinstance(other, Collection) and other.brackets == "()":
            # x = 1, y = 2 is the point (1, 2)
            ordered = [named(value)[1] for _, value in sorted(zip(own, values, strict=True), key=lambda pair: pair[0])]
            items = list(other.items)
            pairs = zip(items, ordered, strict=False) if values is answers else zip(ordered, items, strict=False)
            return len(items) == len(ordered) and all(same(a, b) for a, b in pairs)
    if names[0] and names[1] and sorted(names[0]) == sorted(names[1]):
        return _same_elements(golds, answers)
    # Names that all agree say nothing: x = 1 or x = 2 is the list 1, 2 and the set {1, 2}.
    for own in names:
        others, other = (names[1], answer) if own is names[0] else (names[0], gold)
        stems = {name.partition("_")[0] for name in own or ()}
        if len(set(own or ())) > 1 and stems != set(others or ()) and not (len(stems) == 1 and _is_set(other)):
            return False  # x_1 = 1, x_2 = 2 is x = 1 or x = 2 or the set {1, 2}, but not the list 2, 1
    lists = [
        [named(value)[1] for value in values] if own else values
        for values, own in zip((golds, answers), names, strict=True)
    ]
    for place, values in enumerate(lists):
        if len(values) == 1 and isinstance(only := values[0], Collection):
            if not _is_set(only):
                return False  # a tuple is no list
            lists[place] = [value for item in only.items for value in _values(item)]
    if any(_is_set(node) or any(_repeats(part) for part in walk(node)) for node in (gold, answer)):
        lists = [_distinct(values) for values in lists]
    return _same_elements(*lists)


def _repeats(node: Node) -> bool:
    """What may name one value twice: ±0, `1/2 or 0.5`."""
    return isinstance(node, PlusMinus) or (isinstance(node, SetOperation) and node.operation == "or")


def _names(values: list[Node]) -> list[str] | None:
    """Of each value; None when any has none."""
    found = [named(value)[0] for value in values]
    return None if None in found else found  # type: ignore[return-value]


def _distinct(values: list[Node]) -> list[Node]:
    kept: list[Node] = []
    if len(values) > _MAX_ELEMENTS:
        raise TooLarge
    for value in values:
        if not any(same(other, value) for other in kept):
            kept.append(value)
    return kept


def _same_elements(golds: Sequence[Node], answers: Sequence[Node]) -> bool:
    """The same elements in any order."""
    if len(golds) != len(answers):
        return False
    if len(golds) > _MAX_ELEMENTS:
        raise TooLarge
    rest = list(answers)
    for element in golds:
        match = next((place for place, other in enumerate(rest) if _same_element(element, other)), None)
        if match is None:
            return False
        del rest[match]
    return True


def _same_element(gold: Node, answer: Node) -> bool:
    """As `same`, but {1} is no element 1."""
    return _is_set(gold) == _is_set(answer) and same(gold, answer)


# Other kinds


def _same_relation(gold: Node, answer: Node) -> bool:
    (gold_name, gold_value), (answer_name, answer_value) = named(gold), named(answer)
    if not isinstance(answer, Relation):
        assert isinstance(gold, Relation)
        value = gold_value if gold_name is not None else None if symbols(gold) else restated_value(gold)
        return value is not None and same(value, answer)
    if not isinstance(gold, Relation):
        if answer_name is not None:
            return same(gold, answer_value)
        value = restated_value(answer)
        return value is not None and not symbols(gold) and same(gold, value)
    if gold_name is not None and gold_name == answer_name and same(gold_value, answer_value):
        return True
    if any(name is not None and "(" in name for name in (gold_name, answer_name)):
        return False  # a function is not the variable of another name
    return equal_relations(gold, answer)


def _as_quantity(node: Node) -> Node:
    """Degrees as a unit: they may be left out like any other."""
    if isinstance(node, Apply) and node.function == "degree":
        return Quantity(node.arguments[0], _DEGREE)
    if isinstance(node, Sum):
        terms = [_as_quantity(term) for term in node.terms]
        units = {term.unit for term in terms if isinstance(term, Quantity)}
        if len(units) == 1 and all(isinstance(term, Quantity) for term in terms):
            return Quantity(Sum(tuple(term.value for term in terms if isinstance(term, Quantity))), units.pop())
    if isinstance(node, Product) and len(node.factors) == 2:
        first, second = node.factors
        if isinstance(inner := _as_quantity(second), Quantity):  # -45°, -$5, 3 * 2 cm
            return Quantity(negated(inner.value) if first == MINUS_ONE else Product((first, inner.value)), inner.unit)
    return node


def _same_quantity(gold: Node, answer: Node) -> bool:
    """Both with units: the same amount. One without: the number decides, as the question names the unit."""
    if isinstance(gold, Quantity) and isinstance(answer, Quantity):
        if {gold.unit, answer.unit} == {_DEGREE, _RADIAN}:
            return _same_expression(
                *(Apply("degree", (q.value,)) if q.unit == _DEGREE else q.value for q in (gold, answer))
            )
        if gold.unit.dimension != answer.unit.dimension:
            return _same_thing(gold.unit, answer.unit) and same(gold.value, answer.value)
        if gold.unit.factor == answer.unit.factor:
            return same(gold.value, answer.value)
        try:
            return equal_values(_in_base_units(gold), _in_base_units(answer)) is True
        except Undefined:
            return False
    quantity, bare = (gold, answer) if isinstance(gold, Quantity) else (answer, gold)
    assert isinstance(quantity, Quantity)
    if same(quantity.value, bare) if quantity is gold else same(bare, quantity.value):
        return True
    if quantity.unit == _DEGREE and not isinstance(bare, Collection | Ratio | Matrix):
        return _same_expression(Apply("degree", (quantity.value,)), bare)
    return False


def _same_thing(gold: Unit, answer: Unit) -> bool:
    """Whether things counted are the same, one with an adjective more: triangles and right triangles."""
    match gold.dimension, answer.dimension:
        case ((one, 1),), ((other, 1),):
            longer, shorter = max(one, other, key=len), min(one, other, key=len)
            return longer.endswith(" " + shorter) and not longer.startswith(("non", "not ", "no ", "un"))
    return False


def _in_base_units(quantity: Quantity) -> Node:
    return Product((Number(quantity.unit.factor), quantity.value))


def _same_ratio(gold: Node, answer: Node) -> bool:
    if not (isinstance(gold, Ratio) and isinstance(answer, Ratio)):
        ratio, other = (gold, answer) if isinstance(gold, Ratio) else (answer, gold)
        if not isinstance(ratio, Ratio) or len(ratio.parts) != 2 or ratio.clock or not isinstance(other, Quotient):
            return False
        return _same_expression(Quotient(*ratio.parts), other)
    if len(gold.parts) != len(answer.parts):
        return False
    if (gold.padded or answer.padded) and not (gold.clock and answer.clock):
        return False
    if gold.clock and answer.clock:
        return all(same(a, b) for a, b in zip(gold.parts, answer.parts, strict=True))
    pairs = list(zip(gold.parts, answer.parts, strict=True))
    zero = Number(Fraction(0))
    try:
        vanish = [(equal_values(a, zero), equal_values(b, zero)) for a, b in pairs]
        if any(a != b for a, b in vanish):
            return False
        present = [pair for pair, (gone, _) in zip(pairs, vanish, strict=True) if not gone]
        if len(present) < 2:
            return all(same(a, b) for a, b in pairs)
        first, other = present[0]
        return all(equal_values(Product((a, other)), Product((b, first))) is True for a, b in present)
    except Undefined:
        return False


def _as_column(node: Node, other: Node) -> Node:
    """A vector in angle brackets as a column, beside a column."""
    if isinstance(node, Collection) and node.brackets == "<>" and isinstance(other, Matrix) and len(other.rows[0]) == 1:
        return Matrix(tuple((item,) for item in node.items))
    return node


def _as_matrix(node: Node) -> Matrix | None:
    """A matrix, perhaps with a scalar before it."""
    match node:
        case Matrix():
            return node
        case Product():
            matrices = [factor for factor in node.factors if _as_matrix(factor) is not None]
            if len(matrices) == 1 and (inner := _as_matrix(matrices[0])) is not None:
                scalars = tuple(factor for factor in node.factors if factor is not matrices[0])
                return Matrix(tuple(tuple(Product((*scalars, entry)) for entry in row) for row in inner.rows))
        case Power(Matrix() as inner, Symbol("T")):
            return Matrix(tuple(zip(*inner.rows, strict=True)))
        case Quotient():
            if (inner := _as_matrix(node.above)) is not None:
                return Matrix(tuple(tuple(Quotient(entry, node.below) for entry in row) for row in inner.rows))
    return None


def _same_matrix(gold: Matrix, answer: Matrix) -> bool:
    shapes = [(len(matrix.rows), len(matrix.rows[0])) for matrix in (gold, answer)]
    return shapes[0] == shapes[1] and all(
        same(a, b) for left, right in zip(gold.rows, answer.rows, strict=True) for a, b in zip(left, right, strict=True)
    )


def _same_collection(gold: Node, answer: Node) -> bool:
    if not (isinstance(gold, Collection) and isinstance(answer, Collection)):
        return False
    brackets = [node.brackets.replace("<", "(").replace(">", ")") for node in (gold, answer)]
    if brackets[0] != brackets[1] or len(gold.items) != len(answer.items):
        return False
    return all(_same_element(a, b) for a, b in zip(gold.items, answer.items, strict=True))


def _as_set(node: Node) -> Node:
    """`D = (0, 1)` is the set; `x != 1, 3` and `x != ±2` exclude two points each."""
    match node:
        case Relation(operators=("=",), operands=(_, Collection() | SetOperation() | Builder() as value)) if node.name:
            return value
        case Relation(operators=("!=",), operands=(left, PlusMinus() as both)):
            return Collection("", tuple(Relation((left, _with_sign(both, sign)), ("!=",)) for sign in (1, -1)))
        case Collection(brackets="", items=(Relation(operators=("!=",), operands=(left, _)) as first, *rest)):
            if not any(isinstance(item, Relation) for item in rest):
                return Collection("", (first, *(Relation((left, item), ("!=",)) for item in rest)))
    return node
