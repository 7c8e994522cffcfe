"""From YAML and overrides to a checked `RunConfig`, or all that is wrong with it at once.

Every mistake names the key, the file and line (or the command line), what was expected and what was found, and the
nearest valid key for a misspelling. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rewards.errors import SettingsError
from rewards.from_yaml import REWARD_FILES, reward_problems
from rewards.settings.source import Problem, read_source
from rewards.settings.validate import checked
from rl.checks import config_problems, config_warnings
from rl.config import RunConfig
from rl.errors import ConfigError

FILE_KEYS = (
    ("data", "train", int, "path"),
    ("data", "eval", int, "path"),
    ("warmup", "examples"),
    ("algorithm", "value_pretraining", "samples"),
    *REWARD_FILES,
)
"""Keys that name files; relative ones are looked up beside the configuration file (from the command line: in the
current folder)."""


@dataclass(frozen=True)
class LoadedConfig:
    """A valid configuration."""

    config: RunConfig
    path: Path
    warnings: tuple[str, ...]
    """What is allowed, but rarely meant."""

    @property
    def base(self) -> Path:
        """Folder of the configuration file."""
        return self.path.parent


def load_config(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Read, override and check a configuration.

    Args:
        path: a YAML file.
        overrides: `key.path=value`, the value in YAML (`rollout.workers=2`, `rewards.0.weight=0.5`).

    Raises:
        ConfigError: with all mistakes.
    """

    def check(config: RunConfig) -> Iterator[Problem]:
        yield from config_problems(config)
        yield from reward_problems(config.rewards, config.correctness, path.parent)

    try:
        config = checked(read_source(path, overrides), RunConfig, file_keys=FILE_KEYS, check=check)
    except SettingsError as error:
        raise ConfigError(str(error)) from None
    return LoadedConfig(config, path, tuple(config_warnings(config)))
