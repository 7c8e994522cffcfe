"""Is the final answer mathematically equal to the ground truth?"""

from __future__ import annotations

from rewards.types import Outcome, RewardInput, Score
from verifiers.math import Outcome as Comparison
from verifiers.math import verify_here


def math(sample: RewardInput, *, right: float = 1.0, wrong: float = 0.0) -> Score:
    """Pays when the final answer after the thinking equals the ground truth (VAPO: 1 and 0, DAPO: 1 and -1).

    A response without an answer is paid as wrong, with an outcome of its own. Of several answers offered side by side
    none counts, nor does one too large to evaluate.

    Args:
        sample: what is judged.
        right: value of a right answer.
        wrong: value of any other.

    Raises:
        ValueError: the ground truth is empty or malformed.
    """
    verdict = verify_here(sample.ground_truth, sample.answer)
    if verdict.outcome is Comparison.UNPARSEABLE_GOLD:
        raise ValueError(f"the ground truth {sample.ground_truth!r} is no answer that can be compared; mend the data")
    if verdict.outcome is Comparison.NO_ANSWER:
        return Score(wrong, Outcome.NO_ANSWER, correct=False)
    return Score(right if verdict.correct else wrong, correct=verdict.correct)
