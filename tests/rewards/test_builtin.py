"""The built-in rewards. Pinned behaviour:

1. `math` judges the answer part only, pays `right`/`wrong`, says NO_ANSWER when there is none or only the question,
   and refuses to judge by a ground truth that is none;
2. `overlong` follows DAPO's eq. 13 at and around its corners;
3. `format` pays only for one closed thinking part followed by a boxed answer.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from rewards import Outcome, RewardInput
from rewards.builtin.format import format_reward
from rewards.builtin.math import math
from rewards.builtin.overlong import overlong
from verifiers.thinking import split_thinking


def sample(response: str, ground_truth: str = "42", tokens: int = 0) -> RewardInput:
    thinking, answer = split_thinking(response)
    return RewardInput((), response, thinking, answer, ground_truth, response_tokens=tokens)


def test_math_right_wrong_and_no_answer() -> None:
    right = math(sample(r"<seed:think>41?</seed:think>So \boxed{42}."), right=1.0, wrong=-1.0)
    assert (right.value, right.correct, right.outcome) == (1.0, True, Outcome.SCORED)
    wrong = math(sample(r"<seed:think>\boxed{42}</seed:think>So \boxed{41}."), right=1.0, wrong=-1.0)
    assert (wrong.value, wrong.correct, wrong.outcome) == (-1.0, False, Outcome.SCORED)
    none = math(sample(r"<seed:think>it must be \boxed{42}, or"), right=1.0, wrong=-1.0)
    assert (none.value, none.correct, none.outcome) == (-1.0, False, Outcome.NO_ANSWER)
    assert math(sample(r"\boxed{42} or \boxed{41}")).value == 0.0
    assert math(sample(r"\boxed{41} or \boxed{42}")).value == 0.0


def test_math_pays_no_answer_that_cannot_be_evaluated() -> None:
    huge = math(sample(r"\boxed{5^{5^{5^{5^5}}}}"))
    assert (huge.value, huge.correct, huge.outcome) == (0.0, False, Outcome.SCORED)


EXPAND = "Expand $(x+1)^2$."
LARGER = "Which is larger, $3$ or $5$?"
LISTED = "Simplify the fraction.\n$\\frac{4}{8}$"


def asked(question: str, response: str, ground_truth: str) -> RewardInput:
    messages = ({"role": "system", "content": "Reason step by step."}, {"role": "user", "content": question})
    return replace(sample(response, ground_truth), messages=messages)


@pytest.mark.parametrize(
    ("question", "response", "ground_truth"),
    [
        (EXPAND, EXPAND, "x^2+2x+1"),
        (EXPAND, "expand   $(x+1)^2$", "x^2+2x+1"),
        (EXPAND, f"<seed:think>hm</seed:think>{EXPAND}", "x^2+2x+1"),
        (EXPAND, f"{EXPAND}\n{EXPAND}\n{EXPAND}", "x^2+2x+1"),
        (EXPAND, f"The question is: {EXPAND}", "x^2+2x+1"),
        (EXPAND, f"You ask: {EXPAND}", "x^2+2x+1"),
        (EXPAND, "**Problem:** Expand $(x+1)^2$", "x^2+2x+1"),
        (EXPAND, "The question is to expand $(x+1)^2$.", "x^2+2x+1"),
        (EXPAND, f"Reason step by step.\n\n{EXPAND}", "x^2+2x+1"),
        (LISTED, LISTED, "0.5"),
        ("2+3", "2+3", "5"),
    ],
)
def test_math_does_not_pay_the_question(question: str, response: str, ground_truth: str) -> None:
    score = math(asked(question, response, ground_truth), right=1.0, wrong=-1.0)
    assert (score.value, score.correct, score.outcome) == (-1.0, False, Outcome.NO_ANSWER)


@pytest.mark.parametrize(
    ("question", "response", "ground_truth"),
    [
        ("Which is larger, 3 or 5?", "5", "5"),
        (LARGER, "$5$", "5"),
        (LARGER, "It is $5$", "5"),
        (LARGER, f"{LARGER} It is $5$", "5"),
        (LARGER, f"{LARGER} The answer is 5.", "5"),
        ("Is $7$ prime? Answer yes or no.", "yes", "yes"),
        ("Which of these is prime?\n$4$\n$7$", "$7$", "7"),
        ("Which of these is prime?\n$4$\n$7$", "The prime one is $7$", "7"),
        (EXPAND, f"{EXPAND}\n$x^2+2x+1$", "x^2+2x+1"),
        (EXPAND, "Expanding $(x+1)^2$ gives $x^2+2x+1$.", "x^2+2x+1"),
        (EXPAND, r"\boxed{x^2+2x+1}", "x^2+2x+1"),
    ],
)
def test_math_pays_a_short_answer_that_stands_in_the_question(question: str, response: str, ground_truth: str) -> None:
    assert math(asked(question, response, ground_truth)).value == 1.0


@pytest.mark.parametrize("ground_truth", ["", r"\frac{1}{"])
def test_math_refuses_a_malformed_ground_truth(ground_truth: str) -> None:
    with pytest.raises(ValueError, match="mend the data"):
        math(sample(r"\boxed{42}", ground_truth))


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [(0, 0), (16384, 0), (16385, -1 / 4096), (18432, -0.5), (20479, -4095 / 4096), (20480, -1), (20481, -1)],
)
def test_overlong_is_dapo_equation_13(tokens: int, expected: float) -> None:
    assert overlong(sample("", tokens=tokens), max_response_tokens=20480, cache_tokens=4096) == expected


@pytest.mark.parametrize("cache", [0, -1, 101])
def test_overlong_refuses_impossible_lengths(cache: int) -> None:
    with pytest.raises(ValueError, match="cache_tokens"):
        overlong(sample(""), max_response_tokens=100, cache_tokens=cache)


@pytest.mark.parametrize(
    ("response", "kept"),
    [
        (r"<seed:think>hm</seed:think>\boxed{1}", True),
        ("\n<seed:think>hm</seed:think>\nSo \\boxed{1}.\n", True),
        (r"<seed:think>hm</seed:think>1", False),
        (r"<seed:think>hm</seed:think>\boxed{}", False),
        (r"<seed:think>hm</seed:think>\boxed{1", False),
        (r"<seed:think>\boxed{1}</seed:think>", False),
        (r"<seed:think>hm \boxed{1}", False),
        (r"hm</seed:think>\boxed{1}", False),
        (r"\boxed{1}", False),
        (r"so <seed:think>hm</seed:think>\boxed{1}", False),
        (r"<seed:think>a</seed:think><seed:think>b</seed:think>\boxed{1}", False),
        (r"<seed:think><seed:think>a</seed:think>\boxed{1}", False),
        (r"</seed:think>\boxed{1}<seed:think>", False),
    ],
)
def test_format(response: str, kept: bool) -> None:
    assert format_reward(sample(response), right=2.0, wrong=-1.0) == (2.0 if kept else -1.0)


def test_format_without_a_box_and_with_other_tags() -> None:
    kept = format_reward(sample("<think>a</think>b"), start_tag="<think>", end_tag="</think>", boxed=False)
    assert kept == 1.0
