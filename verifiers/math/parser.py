"""Parses LaTeX and plain-text answers into a tree, in linear time and bounded depth. Nothing is evaluated here.

Binding, from loose to tight: `or`; `,` `;` `and`; relations; set operations; `:`; a number with its unit; and what
`verifiers.math.expressions` parses.
"""

from __future__ import annotations

import re
from fractions import Fraction

from verifiers.math.expressions import SUM, Expressions, unit_named
from verifiers.math.functions import GREEK
from verifiers.math.lexer import NotMathematics, Reading, tokenise
from verifiers.math.tree import (
    Collection,
    Node,
    Number,
    Product,
    Quantity,
    Ratio,
    Relation,
    SetOperation,
    Sum,
    Symbol,
    symbols,
)
from verifiers.math.units import NOTHING, is_unit, read_unit

_MAX_RUN = 1000
"""Numbers that `1, 2, ..., n` is written out to."""
_RELATIONS = {"=": "=", "<": "<", ">": ">", "<=": "<=", ">=": ">=", "!=": "!=", "in": "in", "≈": "="}
_DENIALS = frozenset(("not", "wrong", "incorrect", "no", "never", "false", "but", "except", "cannot"))
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_NAME = re.compile(
    r"(?:[A-Za-z]|"
    + "|".join(sorted(GREEK))
    + r")(?:_\{?\w+\}?)?'*(?:\^\{?-1\}?(?=\())?(?:\((?:[^()]|\([^()]*\))*\))?"  # x, a_1, f'(x), P(A)
    r"|[A-Z]\^\{?-1\}?|[A-Z]{2,4}|\|[A-Z]{2}\||(?:angle|measuredangle|triangle)[A-Z]{1,3}|\([A-Za-z]+(?:,[A-Za-z]+)+\)"
)


def parse(text: str, reading: Reading | None = None) -> Node:
    """The tree of a normalised answer.

    Raises:
        NotMathematics: it does not follow the grammar.
        TooLarge: too long or too deep.
    """
    parser = _Parser(tokenise(text, reading or Reading()))
    node = parser.statement()
    parser.expect("end of text")
    return node


class _Parser(Expressions):
    def statement(self) -> Node:
        parts = [self._list()]
        while self.accept("or"):
            parts.append(self._list())
        return parts[0] if len(parts) == 1 else SetOperation("or", tuple(parts))

    def _list(self) -> Node:
        items, separators = [self.item()], set()
        while token := self.accept(",", ";", "and"):
            self.accept("and")
            separators.add(token.kind)
            items.append(Symbol("...") if self.accept("...") else self.item())
        if len(items) == 1:
            return items[0]
        items = _run(items)
        if separators == {"and"} and (total := _total(items)) is not None:
            return total
        inequalities = all(isinstance(item, Relation) and set(item.operators) != {"="} for item in items)
        return (
            SetOperation("and", tuple(items))
            if separators == {"and"} and inequalities
            else Collection("", tuple(items))
        )

    def item(self) -> Node:
        self.accept("≈", "->", "=")
        start = self.position
        words = self._words_before_equals()
        operands = [words or self._sets()]
        operators: list[str] = []
        name = words.name if words else _name("".join(token.text for token in self.tokens[start : self.position]))
        while self.peek.kind in _RELATIONS:
            if self.peek.kind == "≈" and not operators and not symbols(operands[0]):  # 1/3 ≈ 0.33 states 1/3
                self.take()
                self._sets()
                continue
            operators.append(_RELATIONS[self.take().kind])
            operands.append(self._sets())
        if not operators:
            return operands[0]
        return Relation(tuple(operands), tuple(operators), name if set(operators) == {"="} else None)

    def _is_unit_ahead(self) -> bool:
        token = self.ahead(1)
        return token.kind == "text" or (token.kind == "symbol" and is_unit(token.text))

    def _words_before_equals(self) -> Symbol | None:
        """`Area of the circle = ...`: words as a name."""
        count = 0
        while self.ahead(count).kind in ("text", "symbol", "constant", "number"):
            count += 1
        words = [self.ahead(place) for place in range(count)]
        if self.ahead(count).kind != "=":
            return None
        # As written: outside of a text "not" is the product of three letters.
        written = "".join(f" {word.text}" if word.spaced else word.text for word in words).lower()
        if any(word in _DENIALS or word.endswith("n't") for word in _WORD.findall(written)):
            raise NotMathematics("a denial")
        if not any(word.kind == "text" for word in words):
            return None
        self.position += count
        return Symbol(" ".join(word.text for word in words).lower())

    def _sets(self) -> Node:
        left = self._ratio()
        while token := self.accept("union", "intersection", "difference"):
            left = SetOperation(token.kind, (left, self._ratio()))
        return left

    def _ratio(self) -> Node:
        start = self.position
        parts = [self._quantity()]
        while self.peek.kind == ":" and not self.in_bars[-1]:
            self.take()
            parts.append(self._quantity())
        if len(parts) == 1:
            return parts[0]
        written = "".join(token.text for token in self.tokens[start : self.position])
        clock = re.fullmatch(r"\d{1,2}(?::\d\d){1,2}", written) is not None
        return Ratio(tuple(parts), clock, padded=re.search(r"(?<!\d)0\d", written) is not None)

    def _quantity(self) -> Node:
        value = self._with_unit(self.expression(SUM))
        while isinstance(value, Quantity) and self.peek.kind == "number":  # 5 ft 6 in
            more = self._with_unit(self.expression(SUM))
            negative = isinstance(value.value, Number) and value.value.value < 0
            if not isinstance(more, Quantity) or negative or more.unit.dimension != value.unit.dimension:
                raise NotMathematics("two quantities side by side")
            scale = Number(more.unit.factor / value.unit.factor)
            value = Quantity(Sum((value.value, Product((scale, more.value)))), value.unit)
        return value

    def _with_unit(self, value: Node) -> Node:
        if isinstance(value, Quantity):
            text = self._unit_text()  # "$5 dollars", "$3 per hour"
            if text and not text.startswith(("per ", "/ ")) and read_unit(text) not in (value.unit, NOTHING):
                raise NotMathematics(text)
            return value
        if self.peek.kind == "currency" and self.peek.text != "$":
            return Quantity(value, unit_named(self.take().text))
        text = self._unit_text()
        if not text:
            return value
        unit = read_unit(text)
        if unit is None or isinstance(value, Collection | SetOperation):
            raise NotMathematics("words")
        return value if unit == NOTHING else Quantity(value, unit)

    def _unit_text(self) -> str:
        pieces: list[str] = []
        while True:
            token = self.peek
            if token.kind in ("text", "currency"):
                pieces.append(self.take().text)
            elif token.kind in ("/", "*") and self._is_unit_ahead() and (pieces or token.kind == "/"):
                pieces += [self.take().kind, self.take().text]
            elif token.kind == "^" and pieces:
                self.take()
                braces = self.accept("{")
                sign = "-" if self.accept("-") else ""
                pieces.append("^" + sign + self.expect("number").text)
                if braces:
                    self.expect("}")
            else:
                return " ".join(pieces)


def _total(items: list[Node]) -> Node | None:
    """`5 hours and 30 minutes` as one quantity; None for anything else."""
    quantities = [item for item in items if isinstance(item, Quantity)]
    if len(quantities) != len(items) or len({item.unit.dimension for item in quantities}) > 1:
        return None
    if len({item.unit.factor for item in quantities}) < len(quantities):
        return None
    unit = quantities[0].unit
    return Quantity(Sum(tuple(Product((Number(q.unit.factor / unit.factor), q.value)) for q in quantities)), unit)


def _run(items: list[Node]) -> list[Node]:
    """`1, 2, ..., 6` in full, when the items before and after the dots are integers with equal steps."""
    if Symbol("...") not in items:
        return items
    dots = items.index(Symbol("..."))
    ends = [item.value for item in (*items[:dots], *items[dots + 1 :]) if isinstance(item, Number)]
    if dots < 2 or len(ends) != len(items) - 1 or dots == len(items) - 1:
        return items
    step = ends[1] - ends[0]
    count = (ends[-1] - ends[0]) / step if step else Fraction(1, 2)
    if count.denominator != 1 or not len(ends) <= count + 1 <= _MAX_RUN:
        return items
    run = [ends[0] + step * place for place in range(int(count) + 1)]
    return [Number(value) for value in run] if run[:dots] + run[dots - len(ends) :] == ends else items


def _name(text: str) -> str | None:
    """The name that the left side of a relation is, without spaces; None when it is a formula."""
    return text if _NAME.fullmatch(text) else None
