"""Right answers for every built-in reward, with the options that it needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rewards.config import RewardConfig
from rewards.types import RewardInput
from verifiers.thinking import THINK_TAGS, split_thinking
from verifiers.thinking.format import FORMATS
from verifiers.thinking.render import render_thinking
from verifiers.thinking.tokens import ByteTokenizer, bind

_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Fixture:
    """A configuration as the built-in is meant to be used, and right answers to its tasks."""

    rewards: tuple[RewardConfig, ...]
    correctness: tuple[str, ...]
    rights: tuple[RewardInput, ...]


def _right(
    question: str, thinking: str, answer: str, gold: str, columns: Mapping[str, Any] | None = None
) -> RewardInput:
    response = f"{THINK_TAGS[0]}{thinking}{THINK_TAGS[1]}\n{answer}" if thinking else answer
    return RewardInput(
        ({"role": "user", "content": question},),
        response,
        *split_thinking(response),
        gold,
        columns or {},
        response_tokens=len(response) // _CHARACTERS_PER_TOKEN + 1,
        thinking_budget=512,
    )


_MATH = (
    _right(
        "A crate holds 6 rows of 7 bottles. How many bottles are in the crate?",
        "Six rows of seven. 6 * 7: five sevens are 35, and one more makes the total.",
        r"Six rows of seven bottles make \boxed{42}.",
        "42",
    ),
    _right(
        "Two fair coins are tossed. What is the probability of at least one head?",
        "The only way without a head is two tails, one case of four. The rest counts.",
        r"Only one of the four outcomes has no head, so the probability is $\boxed{\frac{3}{4}}$.",
        r"\frac{3}{4}",
    ),
    _right(
        "The temperature was 5 degrees and fell by 12. What is it now?",
        "5 take away 12 goes below zero.",
        "It fell below zero. The answer is -7.",
        "-7",
    ),
    _right("Expand $(x+1)^2$.", "", r"Squaring the sum gives $\boxed{x^2+2x+1}$.", "x^2+2x+1"),
    _right(
        "For which real $x$ is $2 \\le x$ and $x < 5$? Give an interval.",
        "The left end belongs to it, the right one does not.",
        r"The left end is included: \boxed{[2,5)}",
        "[2,5)",
    ),
    _right(
        "Which day of the week comes after Monday?",
        "Monday opens the week.",
        r"It is followed by \boxed{\text{Tuesday}}.",
        "Tuesday",
    ),
)

_ADD = {
    "type": "call",
    "fn_name": "total",
    "cases": [{"args": [[1, 2, 3]], "output": 6}, {"args": [[]], "output": 0}, {"args": [[-4, 4, 9]], "output": 9}],
    "time_limit_s": 1,
}
_UPPER = {
    "type": "stdio",
    "cases": [{"input": "2\nab\nc\n", "output": "AB\nC\n"}, {"input": "1\nxyz\n", "output": "XYZ\n"}],
    "time_limit_s": 1,
}
_EVEN = {
    "type": "assert",
    "fn_name": "is_even",
    "code": "def check(candidate):\n    assert candidate(4) is True\n    assert candidate(7) is False\n",
    "time_limit_s": 1,
}
_CODE = (
    _right(
        "Write a function `total(numbers)` that returns the sum of a list.",
        "Python has one built in.",
        "The sum of a list:\n```python\ndef total(numbers):\n    return sum(numbers)\n```",
        json.dumps(_ADD),
    ),
    _right(
        "Read a number n, then n lines, and print each in capital letters.",
        "Read n, then loop.",
        "```python\nn = int(input())\nfor _ in range(n):\n    print(input().upper())\n```",
        json.dumps(_UPPER),
    ),
    _right(
        "Write a function `is_even(n)`.",
        "",
        "A number is even when nothing is left:\n```python\ndef is_even(n):\n    return n % 2 == 0\n```",
        json.dumps(_EVEN),
    ),
)

_CHOICE = (
    _right(
        "Which of these is a mammal?\nA) trout\nB) sparrow\nC) otter\nD) gecko",
        "A trout is a fish, a sparrow a bird, a gecko a reptile.",
        r"Only otters feed their young with milk: \boxed{C}",
        "C",
        {"options": ["trout", "sparrow", "otter", "gecko"]},
    ),
    _right(
        "What is 7 * 8?\nA) 54\nB) 56\nC) 63\nD) 65\nE) none of these",
        "Seven eights.",
        "The answer is B.",
        "B",
        {"options": {"A": "54", "B": "56", "C": "63", "D": "65", "E": "none of these"}},
    ),
    _right(
        "Ice is lighter than water. What follows?\nA) it floats\nB) it sinks\nC) it melts at once",
        "",
        "The answer is (A).",
        "A",
        {"options": ["it floats", "it sinks", "it melts at once"]},
    ),
)

_PUZZLE = (
    _right(
        "State the final answer to the following arithmetic problem: 18 + 23 + 6 =",
        "18 and 23 are 41.",
        r"The sum is \boxed{47}.",
        "47",
        {"metadata": {"source_dataset": "chain_sum", "num_terms": 3, "num_digits": 2, "expression": "18 + 23 + 6"}},
    ),
    _right(
        "Find a way to make 30 using all of these numbers: 4, 5, 10. Each number can only be used once.",
        "Four fives are twenty.",
        "<answer>4 * 5 + 10</answer>",
        "4 * 5 + 10",
        {"metadata": {"source_dataset": "countdown", "numbers": [4, 5, 10], "target": 30, "expression": "4 * 5 + 10"}},
    ),
    _right(
        "Spell this word backward (example: sun -> nus): lantern",
        "n, r, e, t, n, a, l",
        "nretnal",
        "nretnal",
        {"metadata": {"source_dataset": "spell_backward", "word": "lantern", "word_len": 7}},
    ),
    _right(
        "Zion is married to Nova. What relation is Nova to Zion? Answer with a single word.",
        "They are married, and Zion is the husband.",
        r"\boxed{wife}",
        "wife",
        {
            "metadata": {
                "source_dataset": "family_relationships",
                "person1": "Nova",
                "person2": "Zion",
                "relationship": "wife",
            }
        },
    ),
    _right(
        "Solve this 4x4 Mini Sudoku puzzle:\n_ _ 1 _\n_ _ 4 2\n4 _ _ _\n_ 3 2 4",
        "The first row lacks a 3.",
        "<answer>\n2 4 1 3\n3 1 4 2\n4 2 3 1\n1 3 2 4\n</answer>",
        "2 4 1 3\n3 1 4 2\n4 2 3 1\n1 3 2 4",
        {
            "metadata": {
                "source_dataset": "mini_sudoku",
                "puzzle": [[0, 0, 1, 0], [0, 0, 4, 2], [4, 0, 0, 0], [0, 3, 2, 4]],
                "solution": [[2, 4, 1, 3], [3, 1, 4, 2], [4, 2, 3, 1], [1, 3, 2, 4]],
            }
        },
    ),
)

_ROWS = (
    "There are 6 rows, and each of them holds 7 bottles. I could count them one by one, but adding rows is faster. "
    "One row is 7. Two rows are 14. Three rows are 21, which is half of them. "
)
_DOUBLED = (
    "The other half holds as many, so I double it. Let me check this in another way. Five sevens are 35, and one more "
    "row makes the total. Both ways agree. "
)


def _budgeted(sample: RewardInput, thinking: str) -> RewardInput:
    """The sample with a thinking that keeps to its budget, a token for each byte."""
    words = FORMATS["seed"]
    tokens = bind(words, ByteTokenizer(words.tags))
    thought = tokens.decode(render_thinking(tokens.encode(thinking), sample.thinking_budget, tokens))
    response = f"{thought}\n{sample.answer}"
    return replace(sample, response=response, thinking=split_thinking(response)[0], response_tokens=len(response))


_BUDGETS = (_MATH[0], _budgeted(_MATH[0], _ROWS), _budgeted(_MATH[0], (_ROWS + _DOUBLED) * 3))
"""Too short for a reflection, with some, and ended by the budget."""

_MATH_REWARD = RewardConfig(use="math")

FIXTURES: Mapping[str, Fixture] = {
    "math": Fixture((_MATH_REWARD,), ("math",), _MATH),
    "choice": Fixture((RewardConfig(use="choice"),), ("choice",), _CHOICE),
    "puzzle": Fixture((RewardConfig(use="puzzle"),), ("puzzle",), _PUZZLE),
    "code": Fixture((RewardConfig(use="code", timeout_s=60),), ("code",), _CODE),
    "overlong": Fixture(
        (_MATH_REWARD, RewardConfig(use="overlong", options={"max_response_tokens": 1024, "cache_tokens": 256})),
        ("math",),
        _MATH[:2],
    ),
    "length": Fixture(
        (
            RewardConfig(use="math", weight=0.0),
            RewardConfig(use="length", name="length l1_max", requires="math", options={"kind": "l1_max", "target": 64}),
            RewardConfig(use="length", name="length l1_exact", options={"kind": "l1_exact", "target": 64}),
            RewardConfig(
                use="length",
                name="length cosine",
                requires="math",
                options={"kind": "cosine", "max_response_tokens": 1024},
            ),
        ),
        ("math",),
        _MATH[:2],
    ),
    "length_kimi": Fixture(
        (
            _MATH_REWARD,
            RewardConfig(use="length_kimi", weight=0.1, requires="math"),
            RewardConfig(use="length_kimi", name="length_kimi penalty", weight=0.1, options={"penalty_only": True}),
        ),
        ("math",),
        _MATH[:2],
    ),
    "repetition": Fixture((_MATH_REWARD, RewardConfig(use="repetition", weight=0.1)), ("math",), _MATH[:2]),
    "format": Fixture((_MATH_REWARD, RewardConfig(use="format", weight=0.1, requires="math")), ("math",), _MATH[:2]),
    "thinking_budget": Fixture(
        (
            _MATH_REWARD,
            RewardConfig(
                use="thinking_budget",
                weight=0.2,
                requires="math",
                options={"tokenizer": "bytes", "encode_text": True},
            ),
        ),
        ("math",),
        _BUDGETS,
    ),
}
"""By the name of the built-in."""
