"""What `ponder warmup --make-data` does, and says."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoTokenizer

from rl.budget.config import level_name
from rl.budget.make_data import make_data
from rl.budget.prompts import Budgets
from rl.config import RunConfig
from rl.errors import ConfigError
from rl.prepare import base_model


def make_worked_examples(
    config: RunConfig, traces: Path, out: Path | None, *, levels_per_trace: int, untagged: bool
) -> int:
    """Write worked examples at the budgets of a run, in the tokens of its model.

    Raises:
        PonderError: something is missing, or no trace can be used.
    """
    if config.budget is None:
        raise ConfigError("--make-data needs a `budget` section: it says which budgets the examples keep to.")
    if out is None:
        raise ConfigError("--make-data needs --out FILE: where the worked examples are written.")
    path = base_model(config).tokenizer_path
    tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=config.model.trust_remote_code)
    budgets = Budgets(config.budget, tokenizer, seed=config.seed)
    made = make_data(traces, out, budgets, levels_per_trace=levels_per_trace, seed=config.seed, untagged=untagged)
    levels = ", ".join(f"{made.by_level[name]} at {name}" for name in map(level_name, budgets.levels))
    print(f"{made.rows} worked examples in {out}: {levels}")
    for count, why in (
        (made.without_thinking, "without thinking"),
        (made.wrong, "with a wrong answer"),
        (made.repeated, "that say the same as another one"),
    ):
        if count:
            print(f"left out: {count} {why}")
    if warning := budgets.tag_warning(path):
        print(f"warning: {warning}")
    return 0
