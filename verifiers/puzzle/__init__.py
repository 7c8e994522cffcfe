"""Is the answer to a reasoning-gym puzzle right?

- `verify_puzzle(task, gold, response, metadata) -> PuzzleVerdict`: judges the final answer of a response.
- `warm`: imports reasoning-gym (some two seconds) before a deadline runs.

Modules: `extract` finds the final answer, `tasks` says by which rule each task is judged, `judges` and `simulate` are
rules of our own, `verdict` applies them.
"""

from verifiers.math.verdict import Outcome
from verifiers.puzzle.extract import final_answer
from verifiers.puzzle.verdict import PuzzleVerdict, verify_puzzle, warm

__all__ = ["Outcome", "PuzzleVerdict", "final_answer", "verify_puzzle", "warm"]
