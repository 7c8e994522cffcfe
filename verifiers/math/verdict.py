"""`verify`: is a response's final answer the reference?

Extraction and the fast path run in the calling thread. What needs parsing goes to a pool of worker processes that are
killed at their deadline: no signal, no limit on where it may be called from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from numbers import Number

from verifiers.math.extract import Extracted, extract_answer
from verifiers.math.lexer import TooLarge
from verifiers.math.normalise import normalise
from verifiers.math.quick import Decision, decide_quickly

MAX_ANSWER = 200_000
"""Characters of an answer that is looked at."""

_MAX_ALTERNATIVES = 20
_OFFERS_TWO = re.compile(r"(?<![A-Za-z\\])or(?![A-Za-z])", re.IGNORECASE)

Gold = str | int | float | Number | Sequence[str | int | float | Number]

_Judge = Callable[[str, str], "tuple[Outcome, str]"]


class Outcome(StrEnum):
    """How a comparison ended."""

    RIGHT = "right"
    WRONG = "wrong"
    UNPARSEABLE_GOLD = "unparseable gold"
    """The reference is empty or malformed: mend the data."""
    NO_ANSWER = "no answer"
    HEDGED = "hedged"
    """Different answers were offered side by side."""
    TIMEOUT = "timeout"
    TOO_LARGE = "too large"
    """The answer would take numbers out of bounds to evaluate, and is not paid."""


@dataclass(frozen=True, slots=True)
class MathVerdict:
    """Whether an answer is right, and how that came about."""

    outcome: Outcome
    gold: str
    """The reference in its normalised form (of several, the one that decided)."""
    answer: str | None
    """The answer in its normalised form; None when the response states none."""
    rule: str
    """What decided: `digits`, `number`, `same text`, `words`, `choice`..., or the kind of the parsed reference."""
    found_by: str = ""
    """The rule of extraction that found the answer."""

    @property
    def correct(self) -> bool:
        """Only a right answer is."""
        return self.outcome is Outcome.RIGHT

    def __bool__(self) -> bool:
        """As `correct`, so that no wrong answer passes an `if`."""
        return self.correct


def verify(gold: Gold, response: str, *, timeout_s: float = 2.0) -> MathVerdict:
    """Whether the response's final answer equals the reference. Never raises on what a model wrote.

    May be called from any thread, process and event loop (where it blocks for up to `timeout_s`).

    Args:
        gold: the reference: a text (LaTeX or plain, with or without a box), a number, or a list of acceptable answers.
        response: a whole response, thinking included; a bare answer works too.
        timeout_s: deadline of a comparison that needs parsing, in seconds.
    """
    return _verify(gold, extract_answer(response), _judge_within(timeout_s))


def compare_answers(gold: Gold, answer: str, *, timeout_s: float = 2.0) -> MathVerdict:
    """`verify` for an answer that stands alone: nothing is extracted."""
    return _verify(gold, Extracted(answer, "given"), _judge_within(timeout_s))


def verify_here(gold: Gold, response: str) -> MathVerdict:
    """`verify` without a deadline, in this very thread: for code that runs where it is killed anyway."""
    return _verify(gold, extract_answer(response), judge_here)


def _judge_within(timeout_s: float) -> _Judge:
    """A judge whose comparisons may take so long together: several golds or alternatives share the deadline."""
    remaining = timeout_s

    def judge(gold: str, answer: str) -> tuple[Outcome, str]:
        from verifiers.math.worker import judge_in_pool  # no pool for answers that the fast path decides

        nonlocal remaining
        if remaining <= 0:
            return Outcome.TIMEOUT, "deadline"
        outcome, rule, seconds = judge_in_pool(gold, answer, remaining)
        remaining -= seconds
        return outcome, rule

    return judge


def judge_here(gold: str, answer: str) -> tuple[Outcome, str]:
    """Compare two normalised answers by parsing, in this thread: the outcome and the rule."""
    from verifiers.math.slow import UnparseableGold, judge

    try:
        decision = judge(gold, answer)
    except (TooLarge, RecursionError, MemoryError):
        return Outcome.TOO_LARGE, "size"
    except UnparseableGold:
        return Outcome.UNPARSEABLE_GOLD, "grammar"
    return _outcome(decision), decision.rule


def _verify(gold: Gold, found: Extracted, judge: _Judge) -> MathVerdict:
    golds = [str(one) for one in (gold if isinstance(gold, Sequence) and not isinstance(gold, str) else [gold])]
    verdict = MathVerdict(Outcome.UNPARSEABLE_GOLD, "", None, "no reference", found.rule)
    for one in golds:
        verdict = _verify_one(one, found, judge)
        if verdict.correct:
            break
    return verdict


def _verify_one(gold: str, found: Extracted, judge: _Judge) -> MathVerdict:
    reference = normalise(gold)
    if found.answer is None:
        return MathVerdict(Outcome.NO_ANSWER, reference, None, "extraction", found.rule)
    if not reference:
        return MathVerdict(Outcome.UNPARSEABLE_GOLD, reference, normalise(found.answer), "empty", found.rule)
    if len(found.alternatives) > _MAX_ALTERNATIVES:
        return MathVerdict(Outcome.HEDGED, reference, normalise(found.answer), "extraction", found.rule)
    if found.hedged:
        # Solutions of one problem may stand in a box each; answers that are all right are no hedge either.
        together = normalise(", ".join(found.alternatives))
        outcome, rule = _compare(reference, together, judge)
        if outcome is not Outcome.RIGHT:
            each = [_compare(reference, normalise(answer), judge) for answer in found.alternatives]
            outcome, rule = (
                (Outcome.RIGHT, each[0][1])
                if all(o is Outcome.RIGHT for o, _ in each)
                else (Outcome.HEDGED, "extraction")
            )
        return MathVerdict(outcome, reference, together, rule, found.rule)
    if len(found.answer) > MAX_ANSWER and found.answer.strip() != gold.strip():
        return MathVerdict(Outcome.TOO_LARGE, reference, found.answer[:100] + "...", "size", found.rule)
    answer = normalise(found.answer)
    outcome, rule = _compare(reference, answer, judge)
    if outcome is Outcome.WRONG and _OFFERS_TWO.search(answer) and not _OFFERS_TWO.search(reference):
        outcome, rule = Outcome.HEDGED, "alternatives"
    return MathVerdict(outcome, reference, answer, rule, found.rule)


def _compare(gold: str, answer: str, judge: _Judge) -> tuple[Outcome, str]:
    if not answer:
        return Outcome.NO_ANSWER, "empty"
    decision = decide_quickly(gold, answer)
    return judge(gold, answer) if decision is None else (_outcome(decision), decision.rule)


def _outcome(decision: Decision) -> Outcome:
    return Outcome.RIGHT if decision.equal else Outcome.WRONG
