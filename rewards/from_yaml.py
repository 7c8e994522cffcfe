"""A reward runner from a YAML file."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, Field, ValidationError

from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.errors import RewardConfigError
from rewards.runner import RewardRunner


class RewardFile(BaseModel):
    """The keys of a configuration file that are about rewards."""

    rewards: list[RewardConfig] = Field(min_length=1)
    correctness: str = "math"
    reward_runner: RewardRunnerConfig = RewardRunnerConfig()


def runner_from_yaml(path: Path) -> RewardRunner:
    """See `rewards.load_rewards`."""
    try:
        section = RewardFile.model_validate(yaml.safe_load(path.read_text()))
    except OSError as error:
        raise RewardConfigError([f"{path}: {error.strerror}"]) from error
    except yaml.YAMLError as error:
        raise RewardConfigError([f"{path} is no YAML: {error}"]) from error
    except ValidationError as error:
        raise RewardConfigError(
            [f"{path}: {'.'.join(map(str, item['loc'])) or 'the file'}: {item['msg']}" for item in error.errors()]
        ) from error
    return RewardRunner(section.rewards, section.reward_runner, section.correctness, path.resolve().parent)
