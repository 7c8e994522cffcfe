"""Multiple choice. Pinned behaviour:

1. a letter in any dress, the option's text in any form, or both;
2. a letter with another option's text, and two letters for one, are hedges;
3. nothing in the thinking counts, and no answer is no answer.
"""

from __future__ import annotations

import pytest

from verifiers.choice import verify_choice
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
    ("C", "<think>C</think>", Outcome.NO_ANSWER),
    ("C", "<think>The correct answer is C", Outcome.NO_ANSWER),
    ("C", "", Outcome.NO_ANSWER),
    ("Z", "B", Outcome.UNPARSEABLE_GOLD),
]


@pytest.mark.parametrize(("gold", "response", "outcome"), NOT_RIGHT)
def test_not_right(gold: str, response: str, outcome: Outcome) -> None:
    assert verify_choice(gold, response, OPTIONS).outcome is outcome


def test_options_may_have_letters_of_their_own() -> None:
    assert verify_choice("(Q)", r"\boxed{blue}", {"P": "red", "Q": "blue"}).answer == ("Q",)


def test_without_options_only_letters_are_understood() -> None:
    assert verify_choice("C", r"\boxed{(C)}").correct
    assert verify_choice("C", r"\boxed{(C) whatever}").correct is False
    assert verify_choice("C", r"\boxed{0.5}").outcome is Outcome.WRONG


def test_an_option_that_stands_twice_is_not_named_by_its_text() -> None:
    assert not verify_choice("A", r"\boxed{5}", ["5", "5.0", "6"]).correct
