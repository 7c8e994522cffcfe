"""Does the response keep to the thinking protocol?"""

from __future__ import annotations

import re

from rewards.types import RewardInput
from verifiers.math.extract import extract_answer
from verifiers.thinking import OTHER_TAGS, THINK_TAGS

_DRESS = re.compile(r"\\(?:text\w*|math\w*|quad|qquad|left|right|displaystyle)(?![A-Za-z])|\\[,;:! ]|[{}$\s.,;:!?_…~-]")
"""What says nothing when it stands alone in a box: `\\text{}`, `...`, `?`."""


def format_reward(
    sample: RewardInput,
    *,
    right: float = 1.0,
    wrong: float = 0.0,
    start_tag: str = THINK_TAGS[0],
    end_tag: str = THINK_TAGS[1],
    boxed: bool = True,
    min_thinking_characters: int = 1,
) -> float:
    r"""Pays for one thinking part that opens the response and is closed, with a boxed answer after it.

    Both tags stand there once, in any case of letters; the thinking says something; no other model's thinking tag
    follows it; the last box is closed and holds one answer. Whether that is right is no matter here.

    Range: `wrong` or `right`.
    Source: DeepSeek-R1's format reward (arXiv 2501.12948), with Seed-OSS's tags.

    Args:
        sample: what is judged.
        right: value when the protocol is kept.
        wrong: value otherwise.
        start_tag: opens the thinking.
        end_tag: closes it.
        boxed: ask for a `\boxed{...}` with something in it after the thinking; else for any answer.
        min_thinking_characters: letters and digits that the thinking has at least; 0 allows empty thinking.

    Raises:
        ValueError: the tags are empty or the same.
    """
    start, end = start_tag.lower(), end_tag.lower()
    if not start or not end or start == end:
        raise ValueError(f"start_tag={start_tag!r} and end_tag={end_tag!r} must be two different texts")
    text = sample.response.strip()
    lower = text.lower()
    if lower.count(start) != 1 or lower.count(end) != 1 or not text.startswith(start_tag):
        return wrong
    thinking, closed, answer = text.removeprefix(start_tag).partition(end_tag)
    tags = {tag.lower() for pair in (THINK_TAGS, *OTHER_TAGS) for tag in pair}
    if not closed or any(tag in answer.lower() for tag in tags):
        return wrong
    if sum(map(str.isalnum, thinking)) < min_thinking_characters:
        return wrong
    return right if _answers(answer, boxed=boxed) else wrong


def _answers(text: str, *, boxed: bool) -> bool:
    if not boxed:
        return bool(_DRESS.sub("", text))
    found = extract_answer(text, after_thinking=False)
    return (
        found.rule == "boxed" and not found.hedged and found.answer is not None and bool(_DRESS.sub("", found.answer))
    )
