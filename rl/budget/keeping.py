"""The fleet of a run, with `budget.enforce` around it."""

from __future__ import annotations

from transformers import PreTrainedTokenizerBase

from rl.budget.turns import BudgetTurns
from rl.config import RunConfig
from rollout.keeper import BudgetKeeper, Generator
from verifiers.thinking.tokens import ThinkingTokens


def thinking_tokens(config: RunConfig, tokenizer: PreTrainedTokenizerBase) -> ThinkingTokens | None:
    """The run's format in its model's tokens; None for a run without budgets."""
    return None if config.budget is None else BudgetTurns(config.budget, tokenizer).tokens


def kept_to_budgets(fleet: Generator, config: RunConfig, tokens: ThinkingTokens | None) -> Generator:
    """The fleet itself, or one that keeps responses to their budgets."""
    budget = config.budget
    if budget is None or tokens is None or budget.enforce == "off":
        return fleet
    return BudgetKeeper(
        fleet,
        tokens,
        reflect=budget.enforce == "cap_and_reflect",
        max_response_tokens=config.rollout.max_response_tokens,
        context_tokens=config.model.context_tokens,
    )
