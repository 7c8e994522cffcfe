"""The reward `choice`. Pinned behaviour:

1. pays the right letter or text after the thinking, with NO_ANSWER where there is none;
2. options come from `options` or `choices`, as a list, by letter, or as on Hugging Face; without them letters count;
3. options or a ground truth that are none are an error that names the column and what to write;
4. texts are compared in this very process, also where that needs parsing.
"""

from __future__ import annotations

from typing import Any

import pytest

from rewards import Outcome, RewardInput
from rewards.builtin.choice import choice
from verifiers.math import worker
from verifiers.thinking import split_thinking

CITIES = ["Rome", "Paris", "Bern"]


def sample(response: str, ground_truth: str, columns: dict[str, Any] | None = None) -> RewardInput:
    thinking, answer = split_thinking(response)
    return RewardInput((), response, thinking, answer, ground_truth, columns=columns or {})


def test_choice_right_wrong_and_no_answer() -> None:
    columns = {"options": CITIES}
    right = choice(sample(r"<seed:think>A?</seed:think>\boxed{B}", "B", columns), right=2.0, wrong=-1.0)
    assert (right.value, right.correct, right.outcome) == (2.0, True, Outcome.SCORED)
    wrong = choice(sample(r"<seed:think>\boxed{B}</seed:think>\boxed{A}", "B", columns), right=2.0, wrong=-1.0)
    assert (wrong.value, wrong.correct, wrong.outcome) == (-1.0, False, Outcome.SCORED)
    none = choice(sample(r"<seed:think>\boxed{B}", "B", columns), right=2.0, wrong=-1.0)
    assert (none.value, none.correct, none.outcome) == (-1.0, False, Outcome.NO_ANSWER)


@pytest.mark.parametrize(
    "columns",
    [
        {"options": CITIES},
        {"choices": tuple(CITIES)},
        {"options": {"A": "Rome", "B": "Paris", "C": "Bern"}},
        {"options": {"(a)": "Rome", "(b)": "Paris", "(c)": "Bern"}},
        {"choices": {"text": CITIES, "label": ["A", "B", "C"]}},
        {"options": None, "choices": CITIES},
    ],
)
def test_options_in_every_shape(columns: dict[str, Any]) -> None:
    for gold in ("B", "Paris"):
        for answer in ("B", "(b)", "The answer is Paris.", r"\boxed{\text{B. Paris}}"):
            assert choice(sample(answer, gold, columns)).correct, (gold, answer)
        for answer in ("A", "D", "Rome", "A or B", "B, C", "(B) Rome", r"\boxed{A} \boxed{B}"):
            assert not choice(sample(answer, gold, columns)).correct, (gold, answer)


def test_labels_may_stand_in_another_order() -> None:
    columns = {"choices": {"text": CITIES, "label": ["C", "B", "A"]}}
    assert choice(sample("C", "Rome", columns)).correct
    assert not choice(sample("A", "Rome", columns)).correct


def test_without_options_only_letters_count() -> None:
    assert choice(sample("The answer is (B).", "B")).correct
    assert not choice(sample("The answer is Paris.", "B")).correct
    with pytest.raises(ValueError, match=r"'Paris' names no option; there are no options.*column `options`"):
        choice(sample("B", "Paris"))


def test_options_are_compared_as_mathematics_without_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("started a pool inside a worker")

    monkeypatch.setattr(worker, "judge_in_pool", refuse)
    columns = {"options": [r"\sin^2 x + \cos^2 x + x", "2x", r"\frac{x}{2}"]}
    assert choice(sample(r"\boxed{1 + x}", "A", columns)).correct
    assert not choice(sample(r"\boxed{2 + x}", "A", columns)).correct


@pytest.mark.parametrize(
    "options",
    [
        "Rome, Paris",
        [],
        [{"a": 1}],
        {"A": ["Rome"]},
        {"text": CITIES, "label": ["A", "B"]},
        {"text": CITIES, "label": ["1", "2", "3"]},
        {"text": CITIES, "label": ["A", "A", "B"]},
        {"first": "Rome"},
        [str(number) for number in range(27)],
    ],
)
def test_malformed_options_name_the_column(options: Any) -> None:
    with pytest.raises(ValueError, match=r"column `choices` holds no options .*a list of texts"):
        choice(sample("A", "A", {"choices": options}))


@pytest.mark.parametrize("ground_truth", ["D", "Berlin", "", "2"])
def test_a_ground_truth_that_is_no_option_is_an_error(ground_truth: str) -> None:
    with pytest.raises(ValueError, match="names no option; the options are A, B, C"):
        choice(sample("A", ground_truth, {"options": CITIES}))
