"""A reward runner from a YAML file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field

from rewards.config import RewardConfig, RewardRunnerConfig, Section
from rewards.errors import RewardConfigError, SettingsError
from rewards.loader import load_all
from rewards.runner import RewardRunner
from rewards.settings.source import Problem, read_source
from rewards.settings.validate import checked

REWARD_FILES = (("rewards", int, "use"),)
"""Keys of a configuration that name files of reward functions."""


class RewardFile(Section):
    """The keys of a configuration file that are about rewards."""

    rewards: list[RewardConfig] = Field(min_length=1)
    """Reward functions and their weights."""
    correctness: str | list[str] | None = None
    """Name of the reward that says what is right; of several, the first that applies to a sample decides. null: the
    one that is called `math`; where there is none, nothing is judged right or wrong."""
    reward_runner: RewardRunnerConfig = RewardRunnerConfig()

    @property
    def judges(self) -> tuple[str, ...]:
        """Names of the rewards that say what is right."""
        if self.correctness is None:
            return tuple(reward.label for reward in self.rewards if reward.label == "math")
        return (self.correctness,) if isinstance(self.correctness, str) else tuple(self.correctness)


def read_reward_file(path: Path, overrides: Sequence[str] = ()) -> RewardFile:
    """The rewards of a run's configuration, or of a file of their own.

    Args:
        path: a YAML file. Of a run's configuration (it has `data` and `algorithm`) only the rewards are looked at; in
            a file of rewards every key must be one of `RewardFile`'s.
        overrides: `rewards.0.weight=0.5`, the value in YAML.

    Raises:
        RewardConfigError: with all mistakes.
    """
    try:
        source = read_source(path, overrides)
        if {"data", "algorithm"} <= source.data.keys():
            source.data = {key: value for key, value in source.data.items() if key in RewardFile.model_fields}
        return checked(
            source,
            RewardFile,
            file_keys=REWARD_FILES,
            check=lambda file: reward_problems(file.rewards, file.judges, path.parent),
        )
    except SettingsError as error:
        raise RewardConfigError([str(error)]) from None


def runner_from_yaml(path: Path) -> RewardRunner:
    """See `rewards.load_rewards`."""
    file = read_reward_file(path)
    return RewardRunner(file.rewards, file.reward_runner, file.judges, path.resolve().parent)


def reward_problems(rewards: Sequence[RewardConfig], correctness: str | Sequence[str], base: Path) -> Iterator[Problem]:
    """What is wrong with rewards beyond their keys: names, files, options, conditions."""
    try:
        load_all(rewards, correctness, base)
    except RewardConfigError as error:
        for text in error.problems:  # "rewards[0].options.margin: ..."
            where, _, message = text.partition(": ")
            parts = where.replace("[", ".").replace("]", "").split(".")
            yield Problem(tuple(int(part) if part.isdecimal() else part for part in parts), message)
