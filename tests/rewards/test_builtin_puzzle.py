"""The reward `puzzle`. Pinned behaviour:

1. pays the final answer after the thinking, with NO_ANSWER where there is none, and part credit only on request;
2. metadata that are no puzzle's are an error that says where they should come from;
3. scores in a worker process within the usual deadline and memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rewards import Outcome, RewardInput
from rewards.builtin.puzzle import puzzle
from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.runner import RewardRunner
from verifiers.thinking import split_thinking

SUDOKU = {
    "source_dataset": "mini_sudoku",
    "solution": [[1, 2, 3, 4], [3, 4, 1, 2], [2, 1, 4, 3], [4, 3, 2, 1]],
}
GRID = "1 2 3 4\n3 4 1 2\n2 1 4 3\n4 3 2 1"


def sample(response: str, ground_truth: str, metadata: dict[str, Any]) -> RewardInput:
    thinking, answer = split_thinking(response)
    return RewardInput((), response, thinking, answer, ground_truth, columns={"metadata": metadata})


def test_puzzle_pays_the_answer_after_the_thinking() -> None:
    right = puzzle(sample(f"<seed:think>Hm.</seed:think>{GRID}", GRID, SUDOKU), right=2.0, wrong=-1.0)
    assert (right.value, right.correct, right.outcome) == (2.0, True, Outcome.SCORED)
    other = GRID.replace("1 2 3 4", "2 1 3 4")
    wrong = puzzle(sample(f"<seed:think>{GRID}</seed:think>{other}", GRID, SUDOKU), right=2.0, wrong=-1.0)
    assert (wrong.value, wrong.correct, wrong.outcome) == (-1.0, False, Outcome.SCORED)
    none = puzzle(sample(f"<seed:think>{GRID}", GRID, SUDOKU), wrong=-1.0)
    assert (none.value, none.correct, none.outcome) == (-1.0, False, Outcome.NO_ANSWER)


def test_part_credit_is_paid_on_request_only() -> None:
    nearly = sample(GRID.replace("1 2 3 4", "2 1 3 4"), GRID, SUDOKU)
    assert puzzle(nearly).value == 0.0
    part = puzzle(nearly, right=2.0, wrong=-1.0, partial=True)
    assert part.value == pytest.approx(-1 + 3 * 0.9 * 14 / 16) and part.correct is False
    assert part.detail["score"] == pytest.approx(0.9 * 14 / 16)
    contains = sample("maybe 12", "12", {"source_dataset": "gcd"})  # reasoning-gym's default scorer pays 2/8 for it
    assert puzzle(contains, partial=True).value == 0.0


@pytest.mark.parametrize("metadata", [None, "mini_sudoku", {}, {"source_dataset": 3}])
def test_metadata_that_are_no_puzzles_are_an_error(metadata: Any) -> None:
    with pytest.raises(ValueError, match=r"column `metadata`.*`puzzle:`"):
        puzzle(sample("1", "1", metadata))


def test_puzzle_scores_in_a_worker(tmp_path: Path) -> None:
    ladder = {"source_dataset": "word_ladder", "start_word": "PURR", "end_word": "BURY", "word_length": 4}
    config = RewardConfig(use="puzzle")
    with RewardRunner([config], RewardRunnerConfig(), "puzzle", tmp_path) as runner:
        scored = runner.score(
            [
                sample(GRID, GRID, SUDOKU),
                sample("PURR,BURR,BURY", "PURR,BURR,BURY", ladder),
                sample("PURR,BURY", "PURR,BURR,BURY", ladder),
                sample("[[__import__('os')._exit(1)]]", "1 2", {"source_dataset": "spiral_matrix"}),
            ]
        )
    assert [one.reward for one in scored] == [1.0, 1.0, 0.0, 0.0], [one.scores for one in scored]
    assert [one.correct for one in scored] == [True, True, False, False]
