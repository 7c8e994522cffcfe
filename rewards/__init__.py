"""What is an answer worth? Reward functions, and the runner that calls them where they cannot hurt.

from rewards import load_rewards
with load_rewards("configs/quickstart.yaml") as rewards:
    scored = rewards.score(samples)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rewards.errors import TryAgain
from rewards.types import Combined, Outcome, RewardInput, Score

if TYPE_CHECKING:
    from rewards.runner import RewardRunner

__all__ = ["Combined", "Outcome", "RewardInput", "Score", "TryAgain", "load_rewards"]


def load_rewards(path: str | Path) -> RewardRunner:
    """The rewards of a YAML file, ready to score.

    Args:
        path: a run's configuration, or a file with the keys `rewards`, `correctness` and `reward_runner`.

    Raises:
        RewardConfigError: the file, a reward or an option is wrong.
    """
    from rewards.from_yaml import runner_from_yaml  # here, so that a user's reward file imports no pydantic

    return runner_from_yaml(Path(path))
