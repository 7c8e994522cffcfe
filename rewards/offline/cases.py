"""Rows whose texts are kept for reading: the first of each kind, so that memory stays bounded however long the data.

Texts are cut and made printable when they are kept: a response may be huge or hostile.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from rewards.offline.row import ScoredRow
from rewards.types import Combined, RewardInput

_CHARACTERS = 20_000
"""Longest text that is kept whole."""
# Control characters, switches of writing direction, surrogates: none may reach a terminal, a page or a UTF-8 file.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")


class Kind(StrEnum):
    """Why a row is worth reading; a row may be of several kinds."""

    FALSE_POSITIVE = "false-positive"
    """The rewards say right, the label says wrong: in RL the policy will find and exploit it."""
    FALSE_NEGATIVE = "false-negative"
    ONLY_HERE = "only-here"
    """Right by these rewards, wrong by those of the other file."""
    ONLY_THERE = "only-there"
    """Wrong by these rewards, right by those of the other file."""
    UNDECIDED = "undecided"
    """The judge of correctness failed or skipped."""
    TRUE_POSITIVE = "true-positive"
    TRUE_NEGATIVE = "true-negative"
    RIGHT = "right"
    """Right by the rewards; there is no label."""
    WRONG = "wrong"
    """Wrong by the rewards; there is no label."""


_KEPT: Mapping[Kind, int] = dict.fromkeys(list(Kind)[:5], 200) | dict.fromkeys(list(Kind)[5:], 50)


@dataclass(frozen=True, slots=True)
class Case:
    """One row to read. All texts are printable and at most about 20,000 characters long."""

    number: int
    kinds: tuple[Kind, ...]
    question: str
    thinking: str | None
    answer: str
    """What follows the thinking."""
    ground_truth: str
    label: bool | None
    combined: Combined
    against: Combined | None


class Cases:
    """Keeps the first rows of each kind, and counts all."""

    def __init__(self) -> None:
        self.counts: Counter[Kind] = Counter()
        """All rows of a kind, kept or not."""
        self.kept: list[Case] = []
        self._room = dict(_KEPT)

    def add(self, row: ScoredRow) -> None:
        """Take up one row."""
        kinds = kinds_of(row)
        self.counts.update(kinds)
        if any(self._room[kind] > 0 for kind in kinds):
            for kind in kinds:
                self._room[kind] -= 1
            self.kept.append(_case(row, kinds))


def kinds_of(row: ScoredRow) -> tuple[Kind, ...]:
    """Why a row is worth reading."""
    verdict, there = row.combined.correct, row.against.correct if row.against else None
    kinds = []
    if verdict is None:
        kinds.append(Kind.UNDECIDED)
    elif row.label is None:
        kinds.append(Kind.RIGHT if verdict else Kind.WRONG)
    elif verdict:
        kinds.append(Kind.TRUE_POSITIVE if row.label else Kind.FALSE_POSITIVE)
    else:
        kinds.append(Kind.FALSE_NEGATIVE if row.label else Kind.TRUE_NEGATIVE)
    if verdict is not None and there is not None and verdict != there:
        kinds.append(Kind.ONLY_HERE if verdict else Kind.ONLY_THERE)
    return tuple(kinds)


def kept_text(text: str) -> str:
    """A text as it is kept: printable, and without its middle where it is long."""
    left_out = len(text) - _CHARACTERS
    if left_out > 0:  # the end stays: that is where the answer is
        half = _CHARACTERS // 2
        text = f"{text[:half]}\n[... {left_out:,} characters left out ...]\n{text[-half:]}"
    return printable(text)


def printable(text: str) -> str:
    r"""A text that a terminal and a page can show: what is not printable becomes `\x1b` or `\ud800`."""
    text = text.replace("\r\n", "\n")
    return _UNPRINTABLE.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def _case(row: ScoredRow, kinds: tuple[Kind, ...]) -> Case:
    sample = row.sample
    return Case(
        row.number,
        kinds,
        kept_text(_question(sample)),
        None if sample.thinking is None else kept_text(sample.thinking),
        kept_text(sample.answer),
        kept_text(sample.ground_truth),
        row.label,
        _with_kept_messages(row.combined),
        _with_kept_messages(row.against) if row.against else None,
    )


def _question(sample: RewardInput) -> str:
    """The prompt; its turns are named where there are several."""
    if len(sample.messages) == 1:
        return str(sample.messages[0].get("content", ""))
    return "\n\n".join(f"{turn.get('role', '')}: {turn.get('content', '')}" for turn in sample.messages)


def _with_kept_messages(combined: Combined) -> Combined:
    scores = {name: replace(score, message=kept_text(score.message)) for name, score in combined.scores.items()}
    return replace(combined, scores=scores)
