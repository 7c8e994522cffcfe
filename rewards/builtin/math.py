"""Is the final answer mathematically equal to the ground truth?"""

from __future__ import annotations

import re

from rewards.types import Outcome, RewardInput, Score
from verifiers.math import Outcome as Comparison
from verifiers.math import verify_here

_UNMARKED = ("formula", "bare")
"""How an answer is found that nothing but its place says to be one."""
_LONGEST_ECHO = 20_000
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+|\n")
_LEAD = re.compile(r"[^\W\d_](?:[^\W\d_]|[ ,':*-]){0,80}[ :]|")
"""Words that introduce what is repeated: "The question is:"."""
_MARKS = " \t\r*_>#\"'“”.,?!:;"
_WORD = re.compile(r"(?<!\\)\b[^\W\d_]{2,}")


def math(sample: RewardInput, *, right: float = 1.0, wrong: float = 0.0) -> Score:
    """Pays when the final answer after the thinking equals the ground truth (VAPO: 1 and 0, DAPO: 1 and -1).

    A response without an answer is paid as wrong, with an outcome of its own; so is one that only repeats the question,
    whatever formulas stand in it. Of several answers offered side by side none counts, nor does one too large to
    evaluate.

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
    if verdict.correct and verdict.found_by in _UNMARKED and _only_repeats(sample):
        return Score(wrong, Outcome.NO_ANSWER, correct=False)
    return Score(right if verdict.correct else wrong, correct=verdict.correct)


def _only_repeats(sample: RewardInput) -> bool:
    """Whether a response consists of sentences of the prompt.

    A short answer may well occur in the question ("which is larger, 3 or 5?"): only whole sentences with a word in them
    are repeated, or all of a turn.
    """
    said = _sentences(sample.answer)
    if not said or len(sample.answer) > _LONGEST_ECHO:
        return False
    turns = [_sentences(turn.get("content", "")) for turn in sample.messages]
    if said in turns or any(len(turn) == 1 and set(said) == set(turn) for turn in turns):
        return True
    asked = {sentence for turn in turns for sentence in turn if _WORD.search(sentence)}
    formulas = {sentence for turn in turns for sentence in turn} - asked
    repeated = [_repeated(sentence, asked) for sentence in said]
    return any(repeated) and all(again or sentence in formulas for again, sentence in zip(repeated, said, strict=True))


def _repeated(sentence: str, asked: set[str]) -> bool:
    if sentence in asked:
        return True
    lead = _LEAD.match(sentence)
    # The words that introduce it may end anywhere: "you ask:" as well as "the question is to"
    return lead is not None and any(
        sentence[end:].strip(_MARKS) in asked for end in range(lead.end(), 0, -1) if sentence[end - 1] in " :"
    )


def _sentences(text: str) -> list[str]:
    """The sentences and lines of a text in one spelling, without the marks around them."""
    parts = (" ".join(part.split()).casefold().strip(_MARKS) for part in _SENTENCE_END.split(text))
    return [part for part in parts if part]
