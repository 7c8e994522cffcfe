"""What rl tells the rewards about budgets: the model's tokenizer and the run's format. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rewards.config import RewardConfig
from verifiers.thinking.format import ThinkingFormat

REWARD = "thinking_budget"
"""The built-in reward that reads budgets."""


def with_tokenizer(rewards: Sequence[RewardConfig], model: Path, words: ThinkingFormat | None) -> list[RewardConfig]:
    """The rewards of a run; each `use: thinking_budget` counts in the run's own tokens and reads the run's format.

    Args:
        model: folder of the tokenizer.
        words: the run's format; None: the reward's own.
    """
    return [
        one.model_copy(update={"options": reward_options(one.options, model, words)}) if one.use == REWARD else one
        for one in rewards
    ]


def reward_options(given: Mapping[str, Any], model: Path, words: ThinkingFormat | None) -> dict[str, Any]:
    """Options of `thinking_budget` in a run."""
    options = {**given, "tokenizer": str(model)}
    if words is not None:
        options["protocol"] = words.model_dump(mode="json")
    return options
