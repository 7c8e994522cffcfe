r"""Attacks rewards with a shipped corpus of reward hacks, and says what was paid that should not have been.

for report in attack_builtins():
    print(*describe_attack(report), sep="\n")
"""

from __future__ import annotations

from rewards.attacks.case import Attack
from rewards.attacks.corpus import KINDS, attacks_on
from rewards.attacks.render import describe_attack, verdict_sentence
from rewards.attacks.report import AttackReport, Finding, RewardReport, Role, Unpaid, Verdict
from rewards.attacks.run import attack
from rewards.attacks.start import attack_builtins, attack_config

__all__ = [
    "KINDS",
    "Attack",
    "AttackReport",
    "Finding",
    "RewardReport",
    "Role",
    "Unpaid",
    "Verdict",
    "attack",
    "attack_builtins",
    "attack_config",
    "attacks_on",
    "describe_attack",
    "verdict_sentence",
]
