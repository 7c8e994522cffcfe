"""`when:`: a small, safe language that says which samples a reward applies to.

    task == "gsm8k"
    task in ["aime", "amc"] and thinking_budget >= 512
    not columns.level == "easy"

Fields are compared (`== != < <= > >= in`, `not in`) with numbers, quoted texts, `True`, `False`, `None` and lists of
them; comparisons are joined by `and`, `or`, `not`. The text is read by Python's parser and never run. None (an
unlimited thinking budget, a column that is not there) is neither above nor below anything.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from rewards.types import RewardInput

Condition = Callable[[RewardInput], bool]

FIELDS = ("task", "thinking_budget", "prompt_tokens", "response_tokens", "stop_reason")
"""What of a sample may be asked for; the data set's other columns are `columns.<name>`."""

_ORDER = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}
_OTHER: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
_EXAMPLE = 'for example: task == "gsm8k"'

_Value = Callable[[RewardInput], Any]


class ConditionError(ValueError):
    """A condition that cannot be read; says where and what would do."""


def parse_condition(text: str) -> Condition:
    """Read a condition.

    Raises:
        ConditionError: it is not one. A condition itself raises TypeError on a sample whose values cannot be compared
            (a number with a text).
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConditionError(f"{text!r} cannot be read ({error}); {_EXAMPLE}") from None
    return _condition(tree, text)


def columns_of(text: str) -> frozenset[str]:
    """The data set's columns that a condition asks for.

    Raises:
        SyntaxError: it is no condition (`parse_condition` says why).
    """
    return frozenset(
        node.attr
        for node in ast.walk(ast.parse(text.strip(), mode="eval"))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "columns"
    )


def _condition(node: ast.expr, text: str) -> Condition:
    match node:
        case ast.BoolOp(op=op, values=values):
            parts = [_condition(value, text) for value in values]
            if isinstance(op, ast.And):
                return lambda sample: all(part(sample) for part in parts)
            return lambda sample: any(part(sample) for part in parts)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = _condition(operand, text)
            return lambda sample: not inner(sample)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            operands = [_value(one, text) for one in (left, *comparators)]
            tests = [_comparison(op, text) for op in ops]
            for kind, right in zip(ops, comparators, strict=True):
                if isinstance(kind, (ast.In, ast.NotIn)) and isinstance(right, ast.Constant):
                    raise ConditionError(f"`in` needs a list: write == or [{ast.unparse(right)}] in {text!r}")
            return lambda sample: all(
                test(a(sample), b(sample)) for test, a, b in zip(tests, operands, operands[1:], strict=False)
            )
        case _:
            raise ConditionError(f"`{ast.unparse(node)}` in {text!r} is no comparison; {_EXAMPLE}")


def _comparison(op: ast.cmpop, text: str) -> Callable[[Any, Any], bool]:
    if (ordered := _ORDER.get(type(op))) is not None:
        return lambda a, b: a is not None and b is not None and bool(ordered(a, b))
    if type(op) not in _OTHER:
        raise ConditionError(f"`is` in {text!r} is not understood; write == or !=")
    return _OTHER[type(op)]


def _value(node: ast.expr, text: str) -> _Value:
    match node:
        case ast.Constant(value=str() | int() | float() | None as value):
            return lambda sample: value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return lambda sample: -value
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            parts = [_value(element, text) for element in elements]
            return lambda sample: [part(sample) for part in parts]
        case ast.Name(id=name) if name in FIELDS:
            return operator.attrgetter(name)
        case ast.Attribute(value=ast.Name(id="columns"), attr=name):
            return lambda sample: sample.columns.get(name)
        case ast.Attribute(value=ast.Attribute()):
            raise ConditionError(
                f"`{ast.unparse(node)}` in {text!r}: only a whole column can be compared, columns.<name>"
            )
        case ast.Name(id=name):
            raise ConditionError(
                f"`{name}` in {text!r} is no field. Fields are {', '.join(FIELDS)} and columns.<name>; "
                f'a text stands in quotes: "{name}"'
            )
        case _:
            raise ConditionError(f"`{ast.unparse(node)}` in {text!r} is neither a field nor a value; {_EXAMPLE}")
