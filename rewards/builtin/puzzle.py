"""Does the response solve a reasoning-gym puzzle?"""

from __future__ import annotations

from collections.abc import Mapping

from rewards.types import Outcome, RewardInput, Score
from verifiers.puzzle import Outcome as Comparison
from verifiers.puzzle import verify_puzzle


def puzzle(sample: RewardInput, *, right: float = 1.0, wrong: float = 0.0, partial: bool = False) -> Score:
    r"""Pays when the final answer solves the reasoning-gym puzzle.

    The final answer is the last `\boxed{...}`, `<answer>...</answer>` or what follows "answer is", else the whole
    answer part. Tasks with one answer want just that; tasks with many are checked by their own scorer, where it cannot
    be fooled, or by a rule of Ponder's. A response without an answer is paid as wrong, with an outcome of its own.

    Range: `wrong` to `right`, nothing between without `partial`.
    Source: reasoning-gym (github.com/open-thought/reasoning-gym), `score_answer`; its full score is right.

    Args:
        sample: what is judged; its column `metadata` is the puzzle's, as the source `puzzle:` makes it.
        right: value of a right answer.
        wrong: value of any other.
        partial: pay wrong answers the part that the task's own scorer gives (many give 0.01 to 0.05 for an attempt);
            tasks judged by other rules pay no part.

    Raises:
        ValueError: the column `metadata` is missing or not the puzzle's.
    """
    metadata = sample.columns.get("metadata")
    if not isinstance(metadata, Mapping) or not isinstance(metadata.get("source_dataset"), str):
        raise ValueError(
            "the column `metadata` must be a puzzle's metadata, an object with `source_dataset`: take the data from a "
            "source with `puzzle:`, or keep the metadata of reasoning-gym in your file"
        )
    verdict = verify_puzzle(metadata["source_dataset"], sample.ground_truth, sample.answer, metadata)
    if verdict.outcome is Comparison.NO_ANSWER:
        return Score(wrong, Outcome.NO_ANSWER, correct=False)
    paid = float(verdict.correct) if verdict.correct or not partial else verdict.score
    return Score(wrong + (right - wrong) * paid, correct=verdict.correct, detail={"score": verdict.score})
