"""`verify_puzzle`: is a response's final answer right?"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verifiers.math.verdict import Outcome
from verifiers.puzzle.extract import final_answer
from verifiers.puzzle.tasks import ANY_CASE, EXACT, JUDGES, SHAPES, UNFIT_GOLD, WITHOUT_GOLD, dataset_options

_FULL = 1 - 1e-9
"""From here a scorer says right: some add up fractions."""


@dataclass(frozen=True, slots=True)
class PuzzleVerdict:
    """Whether an answer is right, and how that came about."""

    outcome: Outcome
    """`right`, `wrong` or `no answer`."""
    answer: str | None
    """What was judged."""
    rule: str
    """`exact`, `own rule` (of Ponder), `scorer` (the task's own), `shape` (refused before its scorer saw it) or
    `extraction`."""
    score: float
    """What the task's own scorer gives, 0 to 1; 1 or 0 under any other rule."""

    @property
    def correct(self) -> bool:
        """Only a right answer is."""
        return self.outcome is Outcome.RIGHT

    def __bool__(self) -> bool:
        """As `correct`, so that no wrong answer passes an `if`."""
        return self.correct


def verify_puzzle(task: str, gold: str, response: str, metadata: Mapping[str, Any]) -> PuzzleVerdict:
    """Whether a response solves a puzzle. Never raises on what a model wrote.

    Has no deadline: a scorer may take long on a hostile answer, so call it where it can be killed.

    Args:
        task: the puzzle's name in reasoning-gym (`metadata["source_dataset"]`).
        gold: its answer; not looked at for the five tasks that state none.
        response: a whole response, thinking included; a bare answer works too.
        metadata: what reasoning-gym says about the puzzle; as read from JSON works too. Never changed.

    Raises:
        ValueError: there is no such task, or the metadata are not those of this task.
    """
    dataset_class = _class(task)
    answer = final_answer(response)
    if answer is None or (answer == "" and gold != ""):
        return PuzzleVerdict(Outcome.NO_ANSWER, answer, "extraction", 0.0)
    if not gold.endswith("."):
        answer = answer.removesuffix(".")
    try:
        if task in EXACT or _has_default_scorer(dataset_class):
            return _verdict(_same_text(gold, answer, any_case=task in ANY_CASE), answer, "exact")
        if task in JUDGES:
            right = JUDGES[task](gold, answer, metadata)
            if not right and task not in WITHOUT_GOLD | UNFIT_GOLD and not JUDGES[task](gold, gold, metadata):
                raise _unfit(task, gold)
            return _verdict(right, answer, "own rule")
        if task in SHAPES and not SHAPES[task].fullmatch(answer):
            return PuzzleVerdict(Outcome.WRONG, answer, "shape", 0.0)
        score = _score(task, gold, answer, metadata)
    except KeyError as error:
        raise ValueError(
            f"the column `metadata` has no {error}, which the puzzle `{task}` is judged by: keep it as reasoning-gym "
            "made it"
        ) from error
    return PuzzleVerdict(Outcome.RIGHT if score >= _FULL else Outcome.WRONG, answer, "scorer", score)


def warm() -> None:
    """Import reasoning-gym, so that no call's deadline pays for it."""
    import reasoning_gym  # type: ignore[import-untyped]  # noqa: F401


def _verdict(right: bool, answer: str, rule: str) -> PuzzleVerdict:
    return PuzzleVerdict(Outcome.RIGHT if right else Outcome.WRONG, answer, rule, float(right))


def _same_text(gold: str, answer: str, *, any_case: bool) -> bool:
    """The same lines of the same words; a full stop at the end says nothing."""
    texts = [[line.split() for line in text.strip().removesuffix(".").splitlines()] for text in (gold, answer)]
    if any_case:
        texts = [[[word.casefold() for word in line] for line in lines] for lines in texts]
    return texts[0] == texts[1]


def _score(task: str, gold: str, answer: str, metadata: Mapping[str, Any]) -> float:
    """What the task's own scorer gives.

    Raises:
        ValueError: the scorer cannot even judge the reference. KeyError: the metadata lack something.
    """
    scorer = _dataset(task, dataset_options(task, metadata))

    def score(text: str) -> float:
        # some scorers write into the metadata
        entry = {"answer": None if task in WITHOUT_GOLD else gold, "metadata": copy.deepcopy(dict(metadata))}
        return float(scorer.score_answer(text, entry))

    try:
        given = score(answer)
    except Exception:  # whatever it raises on a malformed answer: wrong, unless the reference fares no better
        given = 0.0
    if given < _FULL and task not in WITHOUT_GOLD and not _judges_reference(score, gold):
        raise _unfit(task, gold)
    return min(max(given, 0.0), 1.0)


def _judges_reference(score: Any, gold: str) -> bool:
    try:
        return bool(score(gold) >= _FULL)
    except Exception:  # the caller says what that means
        return False


def _unfit(task: str, gold: str) -> ValueError:
    return ValueError(
        f"the reference {gold!r:.80} does not solve the puzzle `{task}` of the column `metadata`: keep both as "
        "reasoning-gym made them"
    )


def _class(task: str) -> type:
    from reasoning_gym.factory import DATASETS  # type: ignore[import-untyped]

    if task not in DATASETS:
        raise ValueError(f"reasoning-gym has no task `{task}`; `source_dataset` in the column `metadata` must name one")
    found: type = DATASETS[task][0]
    return found


def _has_default_scorer(dataset_class: Any) -> bool:
    from reasoning_gym.dataset import ProceduralDataset  # type: ignore[import-untyped]

    return bool(dataset_class.score_answer is ProceduralDataset.score_answer)


@functools.cache
def _dataset(task: str, options: tuple[tuple[str, Any], ...]) -> Any:
    """The object that scores, one for each process. It makes no puzzle, but some load word lists (up to 0.4 s)."""
    import reasoning_gym

    return reasoning_gym.create_dataset(task, size=1, seed=0, **dict(options))
