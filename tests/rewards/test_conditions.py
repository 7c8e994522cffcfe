"""`when:` conditions.

1. Fields, columns and values compare as in Python; `and`, `or`, `not` and chains work.
2. None (unlimited budget, missing column) is neither above nor below anything.
3. Nothing is run: calls, attributes of anything but `columns`, subscripts and lambdas are refused.
4. Mistakes say which word is wrong and what would do.
"""

from __future__ import annotations

import pytest

from rewards.conditions import ConditionError, parse_condition
from rewards.types import RewardInput

SAMPLE = RewardInput(
    (), "r", None, "r", "42", columns={"level": 3, "kind": "hard"}, task="aime", thinking_budget=512, response_tokens=9
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('task == "aime"', True),
        ("task != 'aime'", False),
        ('task in ["amc", "aime"]', True),
        ('task not in ("amc", "aime")', False),
        ('"im" in task', True),
        ("thinking_budget > 0 and response_tokens <= 9", True),
        ("0 < response_tokens < 9", False),
        ("not columns.level == 3", False),
        ('columns.level >= 5 or columns.kind == "hard"', True),
        ("columns.missing == None", True),
        ("columns.missing > 3", False),
        ("columns.missing <= 3", False),
        ("prompt_tokens < 5", False),
        ("columns.level > -1", True),
        ("  stop_reason == 'stop'\n", True),
    ],
)
def test_what_holds(text: str, holds: bool) -> None:
    assert parse_condition(text)(SAMPLE) is holds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task == math", '`math` in .* is no field.*a text stands in quotes: "math"'),
        ("tsk == 'a'", "`tsk` .* is no field. Fields are task, thinking_budget"),
        ("__import__('os').system('true') == 0", "neither a field nor a value"),
        ("task.__class__ == 1", "neither a field nor a value"),
        ("columns['level'] == 1", "neither a field nor a value"),
        ("(lambda: 1)() == 1", "neither a field nor a value"),
        ("open('x')", "is no comparison"),
        ("task", "is no comparison"),
        ("task = 'a'", "cannot be read"),
        ("task is None", "write == or !="),
        ('task in "gsm8k"', r"`in` needs a list: write == or \['gsm8k'\]"),
        ("columns.a.b == 1", "only a whole column can be compared"),
        ("task == f'{task}'", "neither a field nor a value"),
        ("", "cannot be read"),
        ("(" * 10_000, "cannot be read"),
        ("task == 'a'\x00", "cannot be read"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConditionError, match=f"(?s){message}"):
        parse_condition(text)


def test_values_that_do_not_compare_are_an_error_and_not_false() -> None:
    with pytest.raises(TypeError):
        parse_condition("columns.kind > 3")(SAMPLE)
