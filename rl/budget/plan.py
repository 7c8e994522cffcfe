"""What `ponder check` and a run's plan say of thinking budgets. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping

from rl.budget.config import BudgetRange, BudgetStage, level_name
from rl.config import RunConfig


def budget_rows(config: RunConfig) -> list[tuple[str, str]]:
    """Rows (label, value); none for a run without budgets."""
    budget = config.budget
    if budget is None:
        return []
    rows = [("budgets", _source(budget.levels, budget.range))]
    if budget.by is not None:
        rows[0] = ("budgets", f"{rows[0][1]}; others for {len(budget.by.levels)} values of `{budget.by.column}`")
    rows += [(f"from step {_step(stage, config)}", _source(stage.levels, stage.range)) for stage in budget.curriculum]
    measured = ", ".join(map(level_name, budget.evaluated_levels()))
    room = config.rollout.max_response_tokens - budget.largest
    enforced = "" if budget.enforce == "off" else f", enforced by {budget.enforce}"
    rows.append(("measured at", f"{measured}; {room:,} tokens of a response are left beside the largest{enforced}"))
    return rows


def _source(levels: Mapping[int, float] | None, spread: BudgetRange | None) -> str:
    if spread is not None:
        parts = [
            f"{spread.low:,} to {spread.high:,} tokens, even over the logarithm, multiples of {spread.multiple_of}"
        ]
        parts += [f"0 for {spread.direct:.0%}"] * (spread.direct > 0)
        parts += [f"unlimited for {spread.unlimited:.0%}"] * (spread.unlimited > 0)
        return "; ".join(parts)
    assert levels is not None  # one of the two is there
    total = sum(levels.values())
    return ", ".join(f"{level_name(level)} ({share / total:.0%})" for level, share in levels.items())


def _step(stage: BudgetStage, config: RunConfig) -> int:
    """The step that a stage begins in when no group is replaced and no critic pretrained."""
    return stage.after_prompts // config.prompts_per_step + 1
