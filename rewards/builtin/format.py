"""Does the response keep to the thinking protocol?"""

from __future__ import annotations

from rewards.types import RewardInput
from verifiers.math.extract import find_boxes
from verifiers.thinking import THINK_TAGS


def format_reward(
    sample: RewardInput,
    *,
    right: float = 1.0,
    wrong: float = 0.0,
    start_tag: str = THINK_TAGS[0],
    end_tag: str = THINK_TAGS[1],
    boxed: bool = True,
) -> float:
    r"""Pays for one thinking part that opens the response and is closed, with a boxed answer after it.

    Args:
        sample: what is judged.
        right: value when the protocol is kept.
        wrong: value otherwise.
        start_tag: opens the thinking.
        end_tag: closes it.
        boxed: ask for a `\boxed{...}` with something in it after the thinking.
    """
    text = sample.response.strip()
    if text.count(start_tag) != 1 or text.count(end_tag) != 1 or not text.startswith(start_tag):
        return wrong
    answer = text.partition(end_tag)[2]
    said = any(content for _, _, content in find_boxes(answer)) if boxed else bool(answer.strip())
    return right if said else wrong
