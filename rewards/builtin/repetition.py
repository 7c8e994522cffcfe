"""Does the response go round in circles?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rewards.types import RewardInput

_WITHOUT_SPACES = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Scripts that put no space between words: Thai, Lao, Burmese, Khmer, Japanese and Chinese."""
_TOKEN = re.compile(rf"[{_WITHOUT_SPACES}]|[^\s{_WITHOUT_SPACES}]{{1,32}}+(?![^\s{_WITHOUT_SPACES}])|\S{{1,4}}")
"""A character of those scripts, a word, or four characters of what is too long to be a word ("aaaa...")."""

_PRIME, _BASE = 2**61 - 1, 1_000_003


def repetition(sample: RewardInput, *, ngram: int = 3, max_penalty: float = -1.0) -> float:
    """Takes off the share of the response that repeats: runs of words that were there before.

    max_penalty * (1 - distinct n-grams / n-grams), over the words of the whole response in lower case, thinking
    included. Where no spaces stand between words (Chinese, Thai) each character counts as a word; of unbroken text of
    more than 32 characters each four do, which catches loops of characters. Fewer words than `ngram` get 0. Honest
    reasoning repeats itself a little: give this a small weight. Raise `ngram` for Chinese, whose words have between one
    and two characters.

    Range: [max_penalty, 0].
    Source: open-r1's `get_repetition_penalty_reward` after Demystifying Long CoT (arXiv 2502.03373, appendix C.2);
    `ngram` and `max_penalty` are the defaults of open-r1's configuration. The paper itself puts a penalty on each token
    of a repeated n-gram, for which a reward of the whole response has no room.

    Args:
        sample: what is judged.
        ngram: words of a run.
        max_penalty: value of a response that says one thing for ever.

    Raises:
        ValueError: an option is out of range.
    """
    if ngram < 1:
        raise ValueError(f"ngram={ngram} must be 1 or more")
    if max_penalty > 0:
        raise ValueError(f"max_penalty={max_penalty} must be 0 or less: it is added to the reward")
    words = _TOKEN.findall(sample.response.lower())
    count = len(words) - ngram + 1
    repeated = count - _distinct(words, ngram)
    return max_penalty * repeated / count if repeated > 0 else 0.0


def _distinct(words: Sequence[str], ngram: int) -> int:
    """How many different n-grams there are, in time that does not depend on their length: a rolling hash tells them."""
    numbers: dict[str, int] = {}
    leaving = pow(_BASE, ngram, _PRIME)
    numbered = [numbers.setdefault(word, len(numbers) + 1) for word in words]
    seen = set()
    value = 0
    for place, number in enumerate(numbered):
        value = value * _BASE + number
        if place >= ngram:
            value -= numbered[place - ngram] * leaving
        value %= _PRIME
        if place >= ngram - 1:
            seen.add(value)
    return len(seen)
