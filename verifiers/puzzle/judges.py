"""Rules of our own for puzzles whose scorer in reasoning-gym evaluates the model's text or pays for wrong answers.

Each is `judge(gold, answer, metadata) -> bool`, never raises on what a model wrote, and evaluates nothing but what its
own grammar admits.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from verifiers.math.evaluate import Evaluation
from verifiers.math.exact import Undefined
from verifiers.math.lexer import NotMathematics, TooLarge
from verifiers.math.normalise import normalise
from verifiers.math.parser import parse
from verifiers.math.tree import Node

_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|[-+]?\.\d+")
_BASES = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|\d+)")
_SUM = re.compile(r"[-+]?[^-+]+(?:[-+][^-+]+)*")
_MONOMIAL = re.compile(r"(?:\d+|[A-Za-z](?:(?:\*\*|\^)\d{1,4})?)(?:\*(?:\d+|[A-Za-z](?:(?:\*\*|\^)\d{1,4})?))*")
_EXPRESSION = re.compile(r"[-+*/()\d\s×÷−]{1,500}")
_SIGNS = str.maketrans("×÷−", "*/-")
_MAX_DIGITS = 1000
_POINTS = ("0.2718", "0.4142", "0.6931", "1.3247", "2.5066", "4.6692")
_STEP = Fraction(1, 10**20)
_DIGITS = 60


def same_number(gold: str, answer: str, metadata: Mapping[str, Any]) -> bool:
    """The same decimal, however it is grouped or padded."""
    wanted, given = _number(gold), _number(answer)
    return wanted is not None and wanted == given


def same_integer_in_any_base(gold: str, answer: str, metadata: Mapping[str, Any]) -> bool:
    """The same integer, its base told by 0x, 0o and 0b."""
    if max(len(gold), len(answer)) > _MAX_DIGITS or not (_BASES.fullmatch(gold) and _BASES.fullmatch(answer)):
        return False
    return _any_base(gold) == _any_base(answer)


def near_decimal(gold: str, answer: str, metadata: Mapping[str, Any]) -> bool:
    """Within one unit of the last decimal that the question's numbers have."""
    wanted, given = _number(gold), _number(answer)
    if wanted is None or given is None:
        return False
    return abs(wanted - given) <= Fraction(1, 10 ** int(metadata["decimal_places"]))


def near_probability(gold: str, answer: str, metadata: Mapping[str, Any]) -> bool:
    """A fraction or decimal within 1e-4, and within 1% where the probability is small (0 is no answer to 1/32768)."""
    exact = Fraction(int(metadata["rational"]["numerator"]), int(metadata["rational"]["denominator"]))
    above, slash, below = answer.replace(" ", "").partition("/")
    numerator, denominator = _number(above), _number(below) if slash else Fraction(1)
    if numerator is None or not denominator:
        return False
    return abs(numerator / denominator - exact) <= min(Fraction(1, 10_000), exact / 100)


def same_roots(gold: str, answer: str, metadata: Mapping[str, Any]) -> bool:
    """The same real roots in any order, to four decimals; an empty text where there are none."""
    wanted, given = _roots(gold), _roots(answer)
    if wanted is None or given is None or len(wanted) != len(given):
        return False
    return all(abs(a - b) <= Fraction(1, 10_000) for a, b in zip(wanted, given, strict=True))


def same_sorted_numbers(gold: str, answer: str, metadata: Mapping[str, Any]) -> bool:
    """A list of the same numbers in the same order."""
    given = _json(answer.replace("'", '"'))
    wanted = _json(gold.replace("'", '"'))
    if not isinstance(wanted, list) or not isinstance(given, list) or len(wanted) != len(given):
        return False
    return all(same_number(str(a), str(b), metadata) for a, b in zip(wanted, given, strict=True))


def same_json(gold: str, answer: str, metadata: Mapping[str, Any]) -> bool:
    """The same JSON value, whatever its white space and the order of its keys."""
    if answer == gold:
        return True
    given = _json(answer)
    return given is not None and json.dumps(given, sort_keys=True) == json.dumps(_json(gold), sort_keys=True)


def one_of_the_boards(gold: str, answer: str, metadata: Mapping[str, Any]) -> bool:
    """One of the valid boards that the puzzle lists."""
    return answer.split() in [board.split() for board in metadata["valid_answers"]]


def same_roles(gold: str, answer: str, metadata: Mapping[str, Any]) -> bool:
    """Each person has the right role, and nothing else is said."""
    return _roles(answer) == _roles(gold) and len(_roles(answer)) == len(metadata["names"])


def makes_24(gold: str, answer: str, metadata: Mapping[str, Any]) -> bool:
    """An expression in exactly the given numbers that is 24."""
    return _makes(answer, metadata["numbers"], 24)


def makes_target(gold: str, answer: str, metadata: Mapping[str, Any]) -> bool:
    """An expression in exactly the given numbers that is the target."""
    return _makes(answer, metadata["numbers"], int(metadata["target"]))


def same_polynomial(gold: str, answer: str, metadata: Mapping[str, Any]) -> bool:
    """The same polynomial, multiplied out: a sum of monomials without parentheses."""
    given = _polynomial(answer)
    return given is not None and given == _polynomial(gold)


def antiderivative(gold: str, answer: str, metadata: Mapping[str, Any]) -> bool:
    """Its slope is the integrand at several points. Read by the grammar for mathematics, which has no `Integral`."""
    variable = str(metadata["variable"])
    wanted = _formula(str(metadata["integrand"]), variable)
    given = _formula(answer, variable)
    if wanted is None:
        raise ValueError(f"the integrand {metadata['integrand']!r} is no formula that can be evaluated; mend the data")
    if given is None:
        return False
    compared = 0
    for point in map(Fraction, _POINTS):
        height = _value(wanted, variable, point)
        above, below = (_value(given, variable, point + step) for step in (_STEP, -_STEP))
        if height is None or above is None or below is None:
            continue  # outside the domain of one of them
        if abs((above - below) * (10**20 // 2) - height) > (abs(height) + 1) * 1e-25:
            return False
        compared += 1
    return compared >= 2


def _number(text: str) -> Fraction | None:
    text = text.strip()
    return Fraction(text.replace(",", "")) if len(text) <= _MAX_DIGITS and _NUMBER.fullmatch(text) else None


def _any_base(text: str) -> int:
    return int(text, 10) if text.lstrip("+-").isdigit() else int(text, 0)


def _roots(text: str) -> list[Fraction] | None:
    text = text.strip("\"' ")
    found = [_number(part) for part in text.split(",")] if text else []
    numbers = [number for number in found if number is not None]
    return sorted(numbers) if len(numbers) == len(found) else None


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_float=str, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def _roles(text: str) -> set[tuple[str, str]]:
    """Pairs of name and role; any word that is neither makes a pair that no reference has."""
    words = [word for word in re.split(r"[\s.,()]+", text.lower()) if word not in ("", "is", "a", "an", "and")]
    return set(zip(words[::2], itertools.chain(words[1::2], [""]), strict=False))


def _makes(answer: str, numbers: list[int], target: int) -> bool:
    if not _EXPRESSION.fullmatch(answer):
        return False
    try:
        tree = ast.parse(answer.translate(_SIGNS).strip(), mode="eval").body
        used: list[int] = []
        value = _arithmetic(tree, used)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
        return False
    return value == target and Counter(used) == Counter(int(number) for number in numbers)


def _arithmetic(node: ast.expr, used: list[int]) -> Fraction:
    """The value of + - * / over integers, each noted in `used`; anything else is a ValueError."""
    match node:
        case ast.Constant(value=int() as number):
            used.append(number)
            return Fraction(number)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            value = _arithmetic(operand, used)
            return -value if isinstance(sign, ast.USub) else value
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _arithmetic(left, used) + _arithmetic(right, used)
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            return _arithmetic(left, used) - _arithmetic(right, used)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _arithmetic(left, used) * _arithmetic(right, used)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _arithmetic(left, used) / _arithmetic(right, used)
    raise ValueError(type(node).__name__)


def _polynomial(text: str) -> dict[tuple[tuple[str, int], ...], int] | None:
    """Coefficients by the powers of the variables; None where a text is no sum of monomials."""
    text = re.sub(r"\s+", "", text).translate(_SIGNS)
    if not _SUM.fullmatch(text):
        return None
    coefficients: Counter[tuple[tuple[str, int], ...]] = Counter()
    for sign, term in re.findall(r"([-+]?)([^-+]+)", text):
        if len(term) > _MAX_DIGITS or not _MONOMIAL.fullmatch(term):
            return None
        coefficient = -1 if sign == "-" else 1
        powers: Counter[str] = Counter()
        for factor in term.replace("**", "^").split("*"):
            base, _, exponent = factor.partition("^")
            if base.isdigit():
                coefficient *= int(base)
            else:
                powers[base] += int(exponent or 1)
        coefficients[tuple(sorted(powers.items()))] += coefficient
    return {powers: coefficient for powers, coefficient in coefficients.items() if coefficient}


def _formula(text: str, variable: str) -> Node | None:
    if len(text) > _MAX_DIGITS:
        return None
    # the questions ask for a capital E as Euler's number and a capital C as the constant, which must not act as 0 or 1
    text = re.sub(r"(?<![A-Za-z])E(?![A-Za-z])", "e", text)
    text = re.sub(r"(?<![A-Za-z])[Cc](?![A-Za-z])", "(17/13)", text) if variable not in ("C", "c") else text
    try:
        return parse(normalise(text.replace("Abs(", "abs(")))
    except (NotMathematics, TooLarge, RecursionError):
        return None


def _value(node: Node, variable: str, point: Fraction) -> Any:
    """The value at a point as mpmath has it; None where it has none."""
    try:
        value = Evaluation(_DIGITS, {variable: point}, real=False, decadic=False).of(node)
        return value if abs(value) < 10**30 else None
    except (Undefined, NotMathematics, TooLarge, ArithmeticError, ValueError, RecursionError):
        return None
