"""Groups -> metrics by budget, as the loop and the evaluation ask for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rewards.config import RewardConfig
from rl.budget.judge import BudgetJudge
from rl.budget.metrics import budget_metrics
from rl.budget.prompts import Budgets
from rl.groups import ScoredGroup

GroupMetrics = Callable[[Sequence[ScoredGroup]], dict[str, float]]


class BudgetMetrics:
    """Metrics of groups whose prompts have budgets."""

    def __init__(self, budgets: Budgets, model: Path, rewards: Sequence[RewardConfig]) -> None:
        """`model` is the folder with the tokenizer."""
        self._budgets = budgets
        self._judge = BudgetJudge(budgets.tokens, model, rewards)

    def __call__(self, groups: Sequence[ScoredGroup]) -> dict[str, float]:
        """`budget/...`, see `rl.budget.metrics`."""
        return budget_metrics(self._judge.judge_groups(groups), self._budgets.words, self._budgets.label)


def no_metrics(groups: Sequence[ScoredGroup]) -> dict[str, float]:
    """Where the run has no budgets."""
    return {}
