"""Which budget a prompt gets: a pure function of the seed, the prompt and its visit, so that resuming is exact."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

from rl.budget.config import UNLIMITED, BudgetConfig, BudgetRange, level_of

Source = Mapping[int, float] | BudgetRange


def draw_budget(
    config: BudgetConfig, *, seed: int, prompt_id: str, columns: Mapping[str, Any], epoch: int, drawn: int
) -> int | None:
    """The budget of one visit of a prompt; None is unlimited.

    Args:
        epoch: which visit this is.
        drawn: prompts that were drawn before, for the curriculum.
    """
    visit = f"/{epoch}" if config.per == "visit" else ""
    rng = random.Random(f"budget/{seed}/{prompt_id}{visit}")
    source = _source(config, columns, drawn)
    return level_of(_from_range(source, rng) if isinstance(source, BudgetRange) else _from_shares(source, rng))


def _source(config: BudgetConfig, columns: Mapping[str, Any], drawn: int) -> Source:
    if config.by is not None and (shares := config.by.levels.get(str(columns.get(config.by.column)))) is not None:
        return shares
    begun = [stage for stage in config.curriculum if drawn >= stage.after_prompts]
    now = begun[-1] if begun else config
    source: Source | None = now.range if now.levels is None else now.levels
    assert source is not None  # each has one of the two
    return source


def _from_shares(shares: Mapping[int, float], rng: random.Random) -> int:
    return rng.choices(list(shares), list(shares.values()))[0]


def _from_range(spread: BudgetRange, rng: random.Random) -> int:
    place = rng.random()
    if place < spread.direct:
        return 0
    if place < spread.direct + spread.unlimited:
        return UNLIMITED
    drawn = math.exp(rng.uniform(math.log(spread.low), math.log(spread.high)))
    rounded = round(drawn / spread.multiple_of) * spread.multiple_of
    return min(max(rounded, spread.low), spread.high)
