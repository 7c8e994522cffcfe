r"""The part of the parser for expressions: numbers, functions, brackets, fractions, matrices.

Binding, from loose to tight: `+ - ±`; `* /` and juxtaposition, from left to right; signs; `^`; `! % °`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction

from verifiers.math.cursor import Cursor
from verifiers.math.functions import COMPLEX_VARIABLES, INVERSES
from verifiers.math.lexer import NotMathematics, Token, TooLarge
from verifiers.math.numbers import LITERAL, read_literal
from verifiers.math.tree import (
    Apply,
    Builder,
    Collection,
    Constant,
    Iterated,
    Matrix,
    Node,
    Number,
    Numeral,
    PlusMinus,
    Power,
    Product,
    Quantity,
    Quotient,
    SetOperation,
    Sum,
    Symbol,
    negated,
    symbols,
    walk,
)
from verifiers.math.units import Unit, is_unit, read_unit
from verifiers.math.words import base_of

MAX_DEPTH = 300
MAX_DIGITS = 20_000
"""Of one number."""
SUM, _PRODUCT, _POWER, _POSTFIX = 10, 20, 30, 40
_CLOSERS = {"(": ")", "[": "]", "{": "}", "\\{": "\\}", "<<": ">>", "floor(": "floor)", "ceil(": "ceil)"}
_ATOMS = ("number", "symbol", "constant", "function", "frac", "sqrt", "binom", "begin", "sum", "prod")
_STARTS = frozenset((*_ATOMS, *_CLOSERS))
_MATRICES = frozenset(("pmatrix", "bmatrix", "Bmatrix", "vmatrix", "matrix", "smallmatrix", "array"))
_FUNCTION_LETTERS = frozenset(("f", "g", "phi", "Gamma", "zeta", "sigma"))


class Expressions(Cursor, ABC):
    """Parses one expression; what may stand between brackets is left to `statement` and `item`."""

    def __init__(self, tokens: list[Token]) -> None:
        super().__init__(tokens)
        self.in_bars = [False]
        """Whether a bar closes, for every bracket that is open."""
        self._depth = 0

    @abstractmethod
    def statement(self) -> Node:
        """Whatever may stand between brackets."""

    @abstractmethod
    def item(self) -> Node:
        """One element of a list."""

    def expression(self, binding: int) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TooLarge
        left = self._operand()
        while (more := self._continue(left, binding)) is not None:
            left = more
        self._depth -= 1
        return left

    def _continue(self, left: Node, binding: int) -> Node | None:
        token = self.peek
        kind = token.kind
        if kind in ("+", "-", "±", "∓") and binding <= SUM:
            self.take()
            right = self.expression(SUM + 1)
            if kind == "-" and isinstance(right, Collection) and right.brackets == "{}":
                return SetOperation("difference", (left, right))
            if kind in "±∓":
                right = PlusMinus(right, 1 if kind == "±" else -1)
            return _sum(left, negated(right) if kind == "-" else right)
        if kind == "mod" and binding <= SUM:
            self.take()
            return Apply("mod", (left, self.expression(SUM + 1)))
        if kind in ("*", "/") and binding <= _PRODUCT:
            if self.ahead(1).kind == "text" and is_unit(self.ahead(1).text):
                return None
            self.take()
            right = self.expression(_PRODUCT + 1)
            return Quotient(left, right) if kind == "/" else _product(left, right)
        if kind == "^" and binding <= _POWER:
            self.take()
            return self._power(left)
        if kind in ("!", "%", "°", "'") and binding <= _POSTFIX:
            return self._postfix(left)
        if kind == "_":
            return self._subscript(left)
        if kind == "over" and binding <= SUM:
            self.take()
            return Quotient(left, self.expression(SUM))
        if kind == "choose" and binding <= SUM:
            self.take()
            return Apply("binom", (left, self.expression(SUM + 1)))
        if kind == "[" and self.ahead(1).kind in ("end of text", "union", "intersection", ",", ")"):
            return None  # [0, 1[
        if isinstance(left, Sum) and self.tokens[self.position - 1].kind not in (")", "]", "}"):
            return None  # 1 + 2 2
        opens = kind in _STARTS or (kind == "|" and not self.in_bars[-1])
        if opens and binding <= _PRODUCT:
            if kind == "number" and self.tokens[self.position - 1].kind == "number":
                if not isinstance(left, Number):
                    return None
                return None if not token.spaced else self._mixed_after(left)
            return _product(left, self.expression(_PRODUCT + 1))
        return None

    def _mixed_after(self, left: Number) -> Node | None:
        """`1 1/2`."""
        if self.ahead(1).kind != "/" or self.ahead(2).kind != "number" or left.last_place is not None:
            return None
        above, _, below = self._number(self.take()), self.take(), self._number(self.take())
        if left.value.denominator != 1 or not 0 < above.value < below.value:
            raise NotMathematics("two numbers side by side")
        return Number(left.value + above.value / below.value)

    def _power(self, base: Node) -> Node:
        if self.peek.kind == "'":
            return self._postfix(base)
        exponent = self._argument() if self.peek.kind in ("{", "(") else self._signed_atom()
        if isinstance(base, Collection):
            raise NotMathematics("a power of a list")
        return Power(base, exponent)

    def _signed_atom(self) -> Node:
        if self.accept("-"):
            return negated(self._signed_atom())
        self.accept("+")
        if self.peek.kind == "number":  # not a mixed one: x^2\frac{1}{2} is half of x^2
            return self._number(self.take())
        return self.expression(_POWER)

    def _postfix(self, left: Node) -> Node:
        kind = self.take().kind
        if isinstance(left, Collection):
            raise NotMathematics(kind)
        if kind == "!":
            double = self.peek.kind == "!" and not self.peek.spaced
            if double:
                self.take()
            return Apply("double factorial" if double else "factorial", (left,))
        if kind == "'":
            if not isinstance(left, Symbol):
                raise NotMathematics("'")
            return Symbol(left.name + "'")
        return Apply("percent" if kind == "%" else "degree", (left,))

    def _subscript(self, left: Node) -> Node:
        place = self.position - 1
        while self.tokens[place].kind == ")":
            place -= 1
        digits = self.tokens[place].text
        self.take()
        if self.accept("{"):
            start = self.position
            while self.peek.kind not in ("}", "end of text"):
                self.take()
            parts = self.tokens[start : self.position]
            self.expect("}")
        elif self.accept("("):
            parts = [self.take()]
            self.expect(")")
        else:
            parts = [self.take()]
        name = "".join(part.text for part in parts)
        if isinstance(left, Number):
            base = base_of(name)
            if base is None:
                raise NotMathematics(f"base {name}")
            return Numeral(digits.replace(",", ""), base)
        if not isinstance(left, Symbol):
            raise NotMathematics("_")
        return Symbol(f"{left.name}_{name}")

    def _operand(self) -> Node:
        token = self.take()
        kind = token.kind
        if kind == "number":
            return self._number_operand(token)
        if kind == "symbol":
            if token.text in _FUNCTION_LETTERS and self.peek.kind == "(":
                return self._opaque(token.text)
            if token.text == "f" and self.peek.kind == "_" and self.ahead(2).kind == "(":  # f_1(x)
                self.position += 2
                return self._opaque(f"f_{self.tokens[self.position - 1].text}")
            if self.peek.kind == "'" and self.ahead(1).kind == "(":
                self.take()
                return self._opaque(f"{token.text}'")
            if token.text in _FUNCTION_LETTERS and "".join(self.ahead(k).text for k in range(6)) == "^{-1}(":
                self.position += 5
                return self._opaque(f"inverse {token.text}")
            return Symbol(token.text)
        if kind in ("constant", "set"):
            return Constant(token.text)
        if kind == "-":
            return negated(self.expression(_PRODUCT))
        if kind == "+":
            return self.expression(_PRODUCT)
        if kind in ("±", "∓"):
            return PlusMinus(self.expression(_PRODUCT), 1 if kind == "±" else -1)
        if kind in _CLOSERS:
            return self._group(kind)
        if kind == "]":
            return self._reversed_interval()
        if kind in ("|", "||"):
            return self._bars(kind)
        if kind == "function":
            return self._function(token.text)
        if kind in ("sum", "prod"):
            return self._iterated("sum" if kind == "sum" else "product")
        if kind in ("frac", "binom"):
            above, below = self._argument(), self._argument()
            return Quotient(above, below) if kind == "frac" else Apply("binom", (above, below))
        if kind == "sqrt":
            return self._root()
        if kind == "begin":
            return self._matrix(token.text)
        if kind == "emptyset":
            return Collection("{}", ())
        if kind == "angle":
            name = ""
            while self.peek.kind in ("symbol", "constant"):
                name += self.take().text
            return Symbol(f"{token.text.removeprefix('measured')} {name}")
        if kind == "currency":
            return Quantity(self.expression(SUM), unit_named(token.text))
        if kind == "text":
            return Symbol(token.text if len(token.text) <= 3 else token.text.lower())
        raise NotMathematics(token.text or kind)

    def _number(self, token: Token) -> Number:
        if len(token.text) > MAX_DIGITS:
            raise TooLarge
        match = LITERAL.fullmatch(token.text)
        number = None if match is None else read_literal(match)
        if number is None:
            raise NotMathematics(token.text)
        return Number(number.value, number.last_place, number.significant)

    def _number_operand(self, token: Token) -> Node:
        number = self._number(token)
        if self.peek.kind == "frac" and number.value.denominator == 1 and number.last_place is None:
            place = self.position
            self.take()
            above, below = self._argument(), self._argument()
            match above, below:
                case Number(), Number() if 0 < above.value < below.value and self.peek.kind != "^":
                    return Number(number.value + above.value / below.value)
            self.position = place
        return number

    def _argument(self) -> Node:
        r"""What a command such as `\frac` takes: a group, or one digit or token."""
        if self.peek.kind in ("{", "("):
            opening = self.take().kind
            return self._group(opening)
        token = self.peek
        if token.kind == "number" and len(token.text) > 1:
            self.tokens[self.position : self.position + 1] = [
                Token("number", token.text[0]),
                Token("number", token.text[1:]),
            ]
        return self._operand()

    def _opaque(self, name: str) -> Node:
        """An unknown function of something, or something with a bar over it, as a name: f(2) is not 2f."""
        start = self.position
        inside = self._group(self.take().kind)
        text = "".join(token.text for token in self.tokens[start : self.position])
        complex_names = COMPLEX_VARIABLES & symbols(inside)
        if name == "conjugate" and (complex_names or not symbols(inside) or Constant("i") in walk(inside)):
            return Apply(name, (inside,))
        return Symbol(f"{name} {text}")

    def _iterated(self, operation: str) -> Node:
        r"""`\sum_{k=1}^{n} body`, which reaches as far as a product does."""
        self.expect("_")
        self.expect("{")
        letter = self.accept("constant") or self.expect("symbol")
        variable = Symbol(letter.text) if letter.kind == "symbol" else Constant(letter.text)
        self.expect("=")
        start = self.expression(SUM)
        self.expect("}")
        self.expect("^")
        end = self._argument() if self.peek.kind in ("{", "(") else self._signed_atom()
        return Iterated(operation, variable, start, end, self.expression(_PRODUCT))

    def _root(self) -> Node:
        index: Node = Number(Fraction(2))
        if self.accept("["):
            index = self.expression(SUM)
            self.expect("]")
        radicand = self._argument() if self.peek.kind in ("{", "(") else self._operand()
        return Apply("root", (radicand, index))

    def _group(self, opening: str) -> Node:
        if opening in ("floor(", "ceil("):
            inner = self.expression(SUM)
            self.expect(_CLOSERS[opening])
            return Apply(opening[:-1], (inner,))
        # Inside a set-builder a bar or a colon ends the variable.
        builder = opening == "\\{" or (opening == "{" and self.ahead(1).kind in ("|", ":", "in"))
        self.in_bars.append(builder)
        if self.peek.kind == _CLOSERS[opening] and opening in ("{", "\\{"):
            self.take()
            self.in_bars.pop()
            return Collection("{}", ())
        inside = self.statement()
        braces = opening in ("{", "\\{")
        if braces and self.accept("|", ":"):
            inside = Builder(inside, self.statement())
        self.in_bars.pop()
        closing = self.take().kind
        if closing != _CLOSERS[opening] and not (opening in "([" and closing in (")", "]", "[")):
            raise NotMathematics(f"{opening} without {_CLOSERS[opening]}")
        if isinstance(inside, Builder):
            return inside
        pair = isinstance(inside, Collection) and len(inside.items) == 2
        if closing != _CLOSERS[opening] and not pair:
            raise NotMathematics("brackets that do not match")
        brackets = "<>" if opening == "<<" else "{}" if braces else opening + (")" if closing == "[" else closing)
        if isinstance(inside, Collection) and inside.brackets == "":
            return Collection(brackets, inside.items)
        if opening == "\\{" or brackets not in ("()", "[]", "{}"):
            return Collection(brackets, (inside,))
        return inside

    def _reversed_interval(self) -> Node:
        """`]0, 1[`, open on both sides."""
        inside = self.statement()
        closing = self.take().kind
        if not isinstance(inside, Collection) or len(inside.items) != 2 or closing not in ("[", "]"):
            raise NotMathematics("]")
        return Collection("(" + ("]" if closing == "]" else ")"), inside.items)

    def _bars(self, kind: str) -> Node:
        self.in_bars.append(True)
        inside = self.expression(SUM)
        self.in_bars.pop()
        self.expect(kind)
        return Apply("det" if isinstance(inside, Matrix) else "abs", (inside,))

    def _function(self, name: str) -> Node:
        if name == "conjugate" and self.peek.kind in ("{", "("):
            return self._opaque(name)
        if name in ("sqrt", "cbrt"):
            self.accept("^")
            radicand = self._argument() if self.peek.kind in ("{", "(") else self._operand()
            return Apply("root", (radicand, Number(Fraction(2 if name == "sqrt" else 3))))
        base: Node | None = None
        exponent: Node | None = None
        while self.peek.kind in ("_", "^"):
            if self.take().kind == "_":
                base = self._argument() if self.peek.kind in ("{", "(") else self._subscript_base()
            else:
                exponent = self._argument() if self.peek.kind in ("{", "(") else self._signed_atom()
        if exponent is not None and exponent == Number(Fraction(-1)) and name in INVERSES:
            name, exponent = INVERSES[name], None
        arguments = self._arguments()
        if base is not None:
            if name != "log" or len(arguments) != 1:
                raise NotMathematics(f"{name}_")
            arguments = (*arguments, base)
        node: Node = Apply(name, arguments)
        return node if exponent is None else Power(node, exponent)

    def _subscript_base(self) -> Node:
        r"""The base of `\log_28` is 2: TeX takes one digit, unless the number stands apart."""
        token = self.peek
        if token.kind == "number" and len(token.text) > 1 and self.ahead(1).kind not in _STARTS | {"|"}:
            return self._argument()
        return self._operand()

    def _arguments(self) -> tuple[Node, ...]:
        if self.peek.kind in ("(", "[", "{"):
            inside = self._group(self.take().kind)
            arguments = inside.items if isinstance(inside, Collection) else (inside,)
            if not arguments:
                raise NotMathematics("a function of nothing")
            return arguments
        if self.accept("-"):
            return (negated(self._arguments()[0]),)
        node = self.expression(_POWER)
        while self.peek.kind in ("number", "symbol", "constant", "frac", "sqrt"):
            node = _product(node, self.expression(_POWER))
        return (node,)

    def _cases(self) -> Node:
        rows: list[Node] = []
        while self.peek.kind != "end":
            value = self.expression(SUM)
            self.accept(",")
            self.expect("&")
            if self.peek.kind == "text" and self.peek.text.lower() in ("if", "when", "for", "otherwise", "else"):
                word = self.take().text.lower()
                condition = Symbol("otherwise") if word in ("otherwise", "else") else self.item()
            else:
                condition = self.item()
            rows.append(Collection("()", (value, condition)))
            self.accept(",", ";", ".")
            if not self.accept("newline"):
                break
        self.expect("end")
        return SetOperation("cases", tuple(rows))

    def _matrix(self, environment: str) -> Node:
        if environment == "cases":
            return self._cases()
        if environment not in _MATRICES:
            raise NotMathematics(environment)
        rows: list[tuple[Node, ...]] = []
        row: list[Node] = []
        while True:
            if self.peek.kind == "end":
                break
            row.append(self.item())
            if self.accept("&"):
                continue
            rows.append(tuple(row))
            row = []
            if not self.accept("newline"):
                break
        self.expect("end")
        if not rows or any(len(entry) != len(rows[0]) for entry in rows):
            raise NotMathematics("a matrix with rows of different lengths")
        matrix = Matrix(tuple(rows))
        return Apply("det", (matrix,)) if environment == "vmatrix" else matrix


def _sum(left: Node, right: Node) -> Node:
    return Sum((*left.terms, right)) if isinstance(left, Sum) else Sum((left, right))


def _product(left: Node, right: Node) -> Node:
    return Product((*left.factors, right)) if isinstance(left, Product) else Product((left, right))


def unit_named(name: str) -> Unit:
    """The unit of that name, which is known to be one."""
    unit = read_unit(name)
    assert unit is not None
    return unit
