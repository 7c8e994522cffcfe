"""Multiple choice. Pinned behaviour:

1. a letter in any dress, the option's text in any form, or both;
2. a letter with another option's text, and two letters for one, are hedges;
3. nothing in the thinking counts, no supposition, nothing that is denied; and no answer is no answer.
"""

from __future__ import annotations

import time

import pytest

from verifiers.choice import verify_choice, verify_choice_here
from verifiers.math import Outcome

OPTIONS = ["12", "15", r"\frac{1}{2}", "none of the above"]

RIGHT = [
    ("C", r"\boxed{C}", "letter"),
    ("C", r"\boxed{\text{(C)}}", "letter"),
    ("C", r"\boxed{\textbf{C.}}", "letter"),
    ("C", "c", "letter"),
    ("C", "c)", "letter"),
    ("C", "The correct option is C.", "letter"),
    ("C", "**Answer: (C)**", "letter"),
    ("C", "Suppose the correct option is A. That fails. The correct option is C.", "letter"),
    ("C", "The correct option is C. Suppose the correct choice is A: a contradiction.", "letter"),
    ("C", "We conclude that the best choice is C.", "letter"),
    ("C", r"\boxed{\frac12}", "text"),
    ("C", r"\boxed{0.5}", "text"),
    ("C", r"\boxed{(C) 0.5}", "letter and text"),
    ("C", r"Answer: C. \frac{1}{2}", "letter"),
    ("D", "Answer: None of the above.", "text"),
    ("15", r"\boxed{B}", "letter"),
    (r"\text{(B)}", "The answer is B", "letter"),
    ("A, C", r"\boxed{C, A}", "letter"),
    ("A, C", r"\boxed{A} and \boxed{C}", "letter"),
]


@pytest.mark.parametrize(("gold", "response", "rule"), RIGHT)
def test_right(gold: str, response: str, rule: str) -> None:
    verdict = verify_choice(gold, response, OPTIONS)
    assert (verdict.correct, verdict.rule) == (True, rule)


NOT_RIGHT = [
    ("C", r"\boxed{A}", Outcome.WRONG),
    ("C", r"\boxed{15}", Outcome.WRONG),
    ("C", r"\boxed{2}", Outcome.WRONG),
    ("C", "Let me think about C and D", Outcome.WRONG),
    ("A, C", r"\boxed{A}", Outcome.WRONG),
    ("A", r"\boxed{A, C}", Outcome.WRONG),
    ("C", r"\boxed{E}", Outcome.WRONG),
    ("B", r"\boxed{(C) 15}", Outcome.HEDGED),
    ("C", r"\boxed{(C) 15}", Outcome.HEDGED),
    ("A", r"\boxed{A or C}", Outcome.HEDGED),
    ("A", r"\boxed{A/C}", Outcome.HEDGED),
    ("C", r"\boxed{C} or \boxed{D}", Outcome.HEDGED),
    ("A", "The correct option is A, B, C or D.", Outcome.HEDGED),
    ("A", "The correct option is A or B.", Outcome.HEDGED),
    ("A", "The correct option is A? No, it is B.", Outcome.HEDGED),
    ("A", "The wrong answer is A", Outcome.NO_ANSWER),
    (
        "C",
        "Suppose the correct option is C. That leads to a contradiction, and I could not finish.",
        Outcome.NO_ANSWER,
    ),
    ("C", "It would be wrong to say that the correct choice is C.", Outcome.NO_ANSWER),
    ("C", "Some people might say that the best option is C, but I cannot tell.", Outcome.NO_ANSWER),
    ("C", "<think>C</think>", Outcome.NO_ANSWER),
    ("C", "<think>The correct answer is C", Outcome.NO_ANSWER),
    ("C", "", Outcome.NO_ANSWER),
    ("Z", "B", Outcome.UNPARSEABLE_GOLD),
]


@pytest.mark.parametrize(("gold", "response", "outcome"), NOT_RIGHT)
def test_not_right(gold: str, response: str, outcome: Outcome) -> None:
    assert verify_choice(gold, response, OPTIONS).outcome is outcome


def test_suppositions_are_passed_over_in_linear_time() -> None:
    started = time.process_time()
    assert not verify_choice("C", "Suppose the correct option is C. " * 10_000, OPTIONS).correct
    assert time.process_time() - started < 10  # it takes some 0.3 s


@pytest.mark.parametrize("answer", ["1" + "x10^4000" * 499, r"\sum_{a=1}^{2000}\sum_{b=1}^{2000} ab"])
def test_short_answers_that_name_huge_numbers_are_soon_wrong(answer: str) -> None:
    started = time.process_time()
    assert not verify_choice_here("C", rf"\boxed{{{answer}}}", OPTIONS[:1]).correct
    assert time.process_time() - started < 10


def test_options_may_have_letters_of_their_own() -> None:
    assert verify_choice("(Q)", r"\boxed{blue}", {"P": "red", "Q": "blue"}).answer == ("Q",)


def test_without_options_only_letters_are_understood() -> None:
    assert verify_choice("C", r"\boxed{(C)}").correct
    assert verify_choice("C", r"\boxed{(C) whatever}").correct is False
    assert verify_choice("C", r"\boxed{0.5}").outcome is Outcome.WRONG


def test_an_option_that_stands_twice_is_not_named_by_its_text() -> None:
    assert not verify_choice("A", r"\boxed{5}", ["5", "5.0", "6"]).correct
