"""Does the response choose the right option?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rewards.types import Outcome, RewardInput, Score
from verifiers.choice import verify_choice_here
from verifiers.math import Outcome as Comparison

_COLUMNS = ("options", "choices")
_SHAPES = (
    'a list of texts (the first is A), an object {"A": text, ...}, or {"text": [texts], "label": ["A", ...]} as on '
    "Hugging Face"
)
_LETTER = re.compile(r"\(?[A-Za-z][.)]?")


def choice(sample: RewardInput, *, right: float = 1.0, wrong: float = 0.0) -> Score:
    """Pays when the response chooses the right option of a multiple choice question.

    The answer may name the letter, write the option's text, or do both; two letters for one, or a letter with another
    option's text, are wrong. The ground truth is the right letter, letters ("A, C") or text. The options' texts are in
    the column `options` or `choices`; without one only letters are understood. A response without an answer is paid as
    wrong, with an outcome of its own.

    Range: `wrong` or `right`.
    Source: the usual accuracy on multiple choice (MMLU, GPQA); what counts as a choice is Ponder's `verifiers.choice`.

    Args:
        sample: what is judged.
        right: value of the right option.
        wrong: value of any other.

    Raises:
        ValueError: the options are malformed, or the ground truth names none of them.
    """
    options = _options(sample.columns)
    verdict = verify_choice_here(sample.ground_truth, sample.answer, options)
    if verdict.outcome is Comparison.UNPARSEABLE_GOLD:
        there = f"the options are {', '.join(options)}" if options else "there are no options, so it must be a letter"
        raise ValueError(
            f"the ground truth {sample.ground_truth!r:.80} names no option; {there}. Put the right letter or the text "
            "of the right option into the answer column, or the options' texts into a column `options`"
        )
    if verdict.outcome is Comparison.NO_ANSWER:
        return Score(wrong, Outcome.NO_ANSWER, correct=False)
    return Score(right if verdict.correct else wrong, correct=verdict.correct)


def _options(columns: Mapping[str, Any]) -> dict[str, str]:
    """The options' texts by letter; empty when no column has them.

    Raises:
        ValueError: a column is there, but does not hold options.
    """
    for column in _COLUMNS:
        found = columns.get(column)
        if found is None:
            continue
        pairs = _pairs(found)
        letters = [letter.strip("(). ").upper() for letter, _ in pairs]
        if not pairs or len(set(letters)) < len(pairs) or not all(_LETTER.fullmatch(letter) for letter, _ in pairs):
            raise ValueError(f"the column `{column}` holds no options ({found!r:.80}): write {_SHAPES}")
        return dict(zip(letters, (text for _, text in pairs), strict=True))
    return {}


def _pairs(found: object) -> list[tuple[str, str]]:
    """Letters and texts as they stand in a column; empty when they cannot be told."""
    labels: object = None
    texts: object = found
    if isinstance(found, Mapping):
        keys = set(found)
        named = keys == {"text", "label"}
        labels, texts = (found["label"], found["text"]) if named else (list(found), list(found.values()))
    if not _is_list(texts) or (labels is not None and not _is_list(labels)):
        return []
    assert isinstance(texts, Sequence)
    if labels is None:
        labels = [chr(ord("A") + place) for place in range(len(texts))]
    assert isinstance(labels, Sequence)
    if len(labels) != len(texts) or not all(isinstance(text, str | int | float) for text in texts):
        return []
    return [(str(label), str(text)) for label, text in zip(labels, texts, strict=True)]


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
