"""Is the final answer mathematically equal to the ground truth?"""

from __future__ import annotations

from rewards.types import Outcome, RewardInput, Score
from verifiers.math import extract, verify_extraction


def math(sample: RewardInput, *, right: float = 1.0, wrong: float = 0.0) -> Score:
    """Pays when the final answer after the thinking equals the ground truth (VAPO: 1 and 0, DAPO: 1 and -1).

    A response without an answer is paid as wrong, with an outcome of its own. Of several answers offered side by side
    none counts.

    Args:
        sample: what is judged.
        right: value of a right answer.
        wrong: value of any other.
    """
    found = extract(sample.answer)
    if found.answer is None:
        return Score(wrong, Outcome.NO_ANSWER, correct=False)
    correct = verify_extraction(sample.ground_truth, found)
    return Score(right if correct else wrong, correct=correct)


def warm() -> None:
    """Import what only hard comparisons need, so that no call's deadline pays for it."""
    from verifiers.math.symbolic import parse

    parse("x+1")
