"""Real tokenizers bound to thinking protocols, and thinking to write with them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache

import pytest

from rewards.tokenizer import load_tokenizer
from rl.models.resolve import resolve_model
from verifiers.thinking.format import FORMATS, ThinkingFormat
from verifiers.thinking.tokens import ByteTokenizer, ThinkingTokens, bind

SEED = FORMATS["seed"]
SMALL = ThinkingFormat(intervals={0: 0, 64: 32, 256: 64}, max_overshoot=4)
"""Levels for short responses; above 256 an interval is 1024."""

BOUND = [
    ("bytes", "seed"),
    ("tiny", "seed"),
    ("tiny", "think"),  # whose tags it does not have: each is spelt in several ids
    pytest.param(("smollm2-135m", "seed"), marks=pytest.mark.slow),  # converted on first use, which takes a minute
]
"""Tokenizer and protocol."""

_WORDS = "so we count the letters in a word and then add them up which gives 3 or 17 but not quite".split()


def tokenizer_place(name: str) -> str:
    """What the reward's option `tokenizer` says."""
    return name if name == "bytes" else str(resolve_model(name).tokenizer_path)


@cache
def tokens_of(name: str, protocol: str = "seed") -> ThinkingTokens:
    words = {"small": SMALL, **FORMATS}[protocol]
    return bind(words, ByteTokenizer(words.tags) if name == "bytes" else load_tokenizer(tokenizer_place(name)))


def thinking(tokens: ThinkingTokens, count: int, seed: int = 0, *, stops: Sequence[str] = (".", "!", "?")) -> list[int]:
    """`count` tokens of sentences of different lengths; without `stops` one sentence that never ends."""
    rng = random.Random(seed)
    text = ""
    while len(text) < 8 * count:
        sentence = " ".join(rng.choices(_WORDS, k=rng.randint(3, 30)))
        text += sentence.capitalize() + rng.choice(stops) + " " if stops else sentence + " "
    ids = tokens.encode(text)
    assert len(ids) >= count
    return ids[:count]


def spelt(text: str, tokens: ThinkingTokens) -> list[int]:
    """A text in single characters: tags in it are no tags."""
    return [one for character in text for one in tokens.encode(character)]
