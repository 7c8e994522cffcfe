"""The fleet of a run, with `budget.enforce` around it."""

from __future__ import annotations

from typing import cast

from transformers import PreTrainedTokenizerBase

from rl.config import RunConfig
from rollout.keeper import BudgetKeeper, Generator
from verifiers.thinking.tokens import TokenizerLike, bind


def kept_to_budgets(fleet: Generator, config: RunConfig, tokenizer: PreTrainedTokenizerBase) -> Generator:
    """The fleet itself, or one that keeps responses to their budgets."""
    budget = config.budget
    if budget is None or budget.enforce == "off":
        return fleet
    return BudgetKeeper(
        fleet,
        bind(budget.format, cast(TokenizerLike, tokenizer)),
        reflect=budget.enforce == "cap_and_reflect",
        max_response_tokens=config.rollout.max_response_tokens,
        context_tokens=config.model.context_tokens,
    )
