"""What an attack on rewards found.

- `Finding`: one attack that a reward paid, paid in part, or failed on.
- `Unpaid`: a right answer that a reward does not pay.
- `RewardReport`: all of one reward; `AttackReport`: of all rewards of a configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rewards.attacks.case import Attack
from rewards.types import RewardInput

COMBINED = "all together"
"""The name that the weighted sum goes by."""


class Verdict(StrEnum):
    """What a reward did with an attack."""

    PAID = "paid"
    """It said right, or paid as much as for the right answer."""
    PARTLY = "partly paid"
    """It paid more than a tenth of what a right answer gets beyond a wrong one."""
    FAILED = "failed"
    """A timeout, crash or error: under `on_error: mask` a way out of a bad score."""


class Role(StrEnum):
    """What a reward is for, as far as its scores tell."""

    JUDGE = "judge"
    """It tells right answers from wrong ones."""
    SHAPING = "shaping"
    """It pays for form or length; a wrong answer may get as much as a right one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An attack that a reward did not withstand."""

    verdict: Verdict
    attack: Attack
    value: float | None
    """None where the reward failed."""
    right: float | None
    """What the right answer got that the attack was made from."""
    wrong: float | None
    """What a plainly wrong answer got in its place."""
    message: str = ""
    """Of a failure: how it ended, and the last line of its traceback."""


@dataclass(frozen=True, slots=True)
class Unpaid:
    """A right answer that is not paid."""

    sample: RewardInput
    value: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class RewardReport:
    """How one reward stood up."""

    label: str
    role: Role
    rights: int
    """Right answers that it was attacked with; 0 where it applies to none of them."""
    attacks: int
    right_values: tuple[float, float] | None
    """Lowest and highest value of right answers; None where there is none."""
    wrong_values: tuple[float, float] | None
    """The same of plainly wrong ones."""
    unpaid: tuple[Unpaid, ...]
    findings: tuple[Finding, ...]
    needs_gate: bool
    """It pays wrong answers as much as right ones, and no `requires:` stops it."""

    @property
    def clean(self) -> bool:
        """Right answers are paid and no attack got through."""
        return not (self.unpaid or self.findings)

    def count(self, verdict: Verdict) -> int:
        """How many attacks ended so."""
        return sum(finding.verdict is verdict for finding in self.findings)


@dataclass(frozen=True, slots=True)
class AttackReport:
    """How the rewards of a configuration stood up."""

    name: str
    rewards: tuple[RewardReport, ...]
    seconds: float = 0.0
    left_out: str = ""
    """Why nothing was attacked; "" where it was."""

    @property
    def clean(self) -> bool:
        """Nothing was paid that should not have been, and all right answers were."""
        return all(reward.clean for reward in self.rewards)
