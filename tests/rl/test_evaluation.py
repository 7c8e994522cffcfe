"""What an evaluation says of scored groups. Pinned here:

1. pass@1 is the mean over prompts, its interval comes from the spread over questions (at however
   many budgets each was asked), pass@k is the unbiased estimate.
2. Where the prompts are of several tasks each has figures of its own; of one task there are none beside the whole.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, count

import numpy as np
import pytest

from rewards.types import Combined
from rl.groups import ScoredGroup
from rl.run.evaluation import Accuracy, pass_at_k, summarise_groups
from rollout.types import Prompt, Sample, StopReason

NUMBERS = count()


def group(task: str, right: int, *, size: int = 4, tokens: int = 3, cut: int = 0) -> ScoredGroup:
    prompt = Prompt(f"{task}/{next(NUMBERS)}", ({"role": "user", "content": "?"},), (1,), "1", task)
    ids, ones = np.zeros(tokens, np.int32), np.ones(tokens, np.bool_)
    samples = tuple(
        Sample(
            str(i), prompt, ids, ids.astype(np.float32), ids, ones, StopReason.LENGTH if i < cut else StopReason.STOP
        )
        for i in range(size)
    )
    return ScoredGroup(prompt, samples, ("",) * size, tuple(Combined(1.0, {}, i < right) for i in range(size)))


def test_the_whole() -> None:
    found = summarise_groups([group("a", 4), group("a", 2, tokens=5, cut=1), group("a", 0)])
    assert found.accuracy == pytest.approx(0.5)
    assert found.ci95 == pytest.approx(1.96 * 0.5 / 3**0.5)
    assert found.pass_at == {1: pytest.approx(0.5), 2: pytest.approx((1 + 5 / 6 + 0) / 3), 4: pytest.approx(2 / 3)}
    assert found.response_tokens_mean == pytest.approx(11 / 3)
    assert found.truncated == pytest.approx(1 / 12)
    assert (found.prompts, found.samples_per_prompt, found.tasks) == (3, 4, {})
    assert "tasks" not in found.as_dict()


def test_a_question_at_several_budgets_is_one_draw() -> None:
    right = [4, 0, 3, 1]
    once = [group("a", number) for number in right]
    levels = [replace(one, prompt=replace(one.prompt, thinking_budget=b)) for b in (0, 16, 32) for one in once]
    found = summarise_groups(levels)
    assert (found.accuracy, found.ci95) == (pytest.approx(0.5), pytest.approx(summarise_groups(once).ci95))
    assert found.prompts == 12


@pytest.mark.parametrize(("samples", "correct", "k"), [(4, 1, 2), (6, 3, 2), (5, 5, 3), (5, 0, 1), (5, 3, 4)])
def test_pass_at_k_counts_subsets(samples: int, correct: int, k: int) -> None:
    subsets = list(combinations(range(samples), k))
    hit = sum(min(subset) < correct for subset in subsets) / len(subsets)
    assert pass_at_k(samples, correct, k) == pytest.approx(hit)


def test_each_task_has_its_own_figures() -> None:
    found = summarise_groups([group("svamp", 4), group("mawps", 1), group("mawps", 2)])
    assert list(found.tasks) == ["mawps", "svamp"]
    assert found.tasks["mawps"] == Accuracy(
        pytest.approx(0.375), pytest.approx(1.96 * np.std([0.25, 0.5], ddof=1) / 2**0.5), 2
    )
    assert found.tasks["svamp"] == Accuracy(1.0, 0.0, 1)
    assert found.accuracy == pytest.approx((1 + 0.25 + 0.5) / 3)
    assert found.as_dict()["tasks"] == {
        "mawps": {"accuracy": 0.375, "ci95": found.tasks["mawps"].ci95, "prompts": 2},
        "svamp": {"accuracy": 1.0, "ci95": 0.0, "prompts": 1},
    }
