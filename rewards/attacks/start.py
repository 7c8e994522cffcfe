"""Attacks on the built-in rewards and on a user's configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rewards.attacks.fixtures import FIXTURES, Fixture
from rewards.attacks.report import COMBINED, AttackReport
from rewards.attacks.run import attack
from rewards.config import RewardRunnerConfig
from rewards.from_yaml import read_reward_file
from rewards.registry import BUILTINS
from rewards.runner import RewardRunner
from rewards.types import RewardInput
from sandbox import SandboxError, open_sandbox

_RUNS_PROGRAMS = frozenset({"code"})


def attack_builtins(names: Sequence[str] = tuple(BUILTINS), *, workers: int = 2) -> Iterator[AttackReport]:
    """Attack built-in rewards with their shipped right answers, each as it is meant to be used.

    Args:
        names: of the built-ins.
        workers: worker processes.
    """
    for name in names:
        if name in _RUNS_PROGRAMS and (why := _no_sandbox()):
            yield AttackReport(name, (), left_out=why)
        else:
            yield _attack_fixture(name, FIXTURES[name], workers)


def attack_config(path: str | Path, rights: Sequence[RewardInput], overrides: Sequence[str] = ()) -> AttackReport:
    """Attack the rewards of a YAML file; a failure is reported, whatever its `on_error` says.

    Args:
        path: a run's configuration, or a file of rewards.
        rights: samples whose responses are right, a handful of each kind of task.
        overrides: `rewards.0.weight=0.5`, the value in YAML.

    Raises:
        RewardConfigError: the file, a reward or an option is wrong.
        ValueError: there is no right answer.
    """
    path = Path(path)
    file = read_reward_file(path, overrides)
    settings = file.reward_runner.model_copy(update={"on_error": "mask"})
    with RewardRunner(file.rewards, settings, file.judges, path.resolve().parent) as runner:
        return attack(runner, rights, name=path.name)


def _attack_fixture(name: str, fixture: Fixture, workers: int) -> AttackReport:
    settings = RewardRunnerConfig(workers=workers)
    with RewardRunner(fixture.rewards, settings, fixture.correctness, Path.cwd()) as runner:
        report = attack(runner, fixture.rights, name=name)
    # The judge that a shaping reward stands beside has a report of its own.
    labels = {config.label for config in fixture.rewards if config.use == name} | {COMBINED}
    own = tuple(reward for reward in report.rewards if reward.label in labels)
    return replace(report, rewards=own)


def _no_sandbox() -> str:
    """Why programs cannot be run here; "" where they can."""
    try:
        open_sandbox().close()
    except SandboxError as error:
        return str(error)
    return ""
