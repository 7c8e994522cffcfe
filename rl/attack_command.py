"""`ponder score --attack`: reward hacks tried on the built-in rewards, or on a user's from a few right answers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from rewards.attacks import AttackReport, attack_builtins, attack_config, describe_attack
from rewards.errors import DataFileError
from rewards.offline.samples import Columns, stream_samples
from rl.errors import ConfigError

EXIT_PAID = 3
"""A reward did not withstand: it paid an attack, failed on one, or did not pay a right answer."""


def attack(rewards: Path | None, data: Path | None, columns: Columns, overrides: Sequence[str]) -> int:
    """Attack and print what was found; the exit code.

    Args:
        rewards: a configuration; None: the built-in rewards with their shipped right answers.
        data: right answers for `rewards`.
        columns: of `data`.
        overrides: `rewards.0.weight=0.5`.
    """
    if rewards is None:
        if data is not None or overrides:
            raise ConfigError("name the rewards that these are for: --attack --rewards REWARDS.yaml --data RIGHT.jsonl")
        return _show(attack_builtins(workers=len(os.sched_getaffinity(0))))
    if data is None:
        raise ConfigError(
            "an attack on rewards of your own starts from a handful of right answers: add --data RIGHT.jsonl with a "
            "prompt, a response that is right, and a ground truth in each line"
        )
    rights = [row.sample for row in stream_samples(data, columns)]
    if not rights:
        raise DataFileError(f"{data} has no samples in it; nothing was attacked.")
    return _show([attack_config(rewards, rights, overrides)])


def _show(reports: Iterable[AttackReport]) -> int:
    clean = True
    for report in reports:
        print("\n".join(describe_attack(report)), flush=True)
        print()
        clean = clean and report.clean
    return 0 if clean else EXIT_PAID
