"""`letter_count`: our own procedural task, small enough for a model of a million parameters.

How often does a letter occur in a word? The word is spelled out, because a tokenizer would otherwise hide its
letters; the worked response spells it again with a running count and boxes the last count:

    How many times does the letter r appear in: s t r a w b e r r y ?
    <seed:think> s 0 t 0 r 1 a 1 w 1 b 1 e 1 r 2 r 3 y 3</seed:think> \\boxed{3}

A flawed response has one miscount: the count goes on from it, so the boxed answer is wrong. A model that imitates a
share of these is right about as often as the rest when sampled: something for RL to mend.
With `passes` above 1 the thinking counts the word again and again, each time to a full stop: it can be of any length.
Words are random letters; all letters but the counted one differ within a word.
"""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import Field, model_validator

from rewards.config import Section
from rl.data.example import Example
from verifiers.thinking import THINK_TAGS

QUESTION = "How many times does the letter {letter} appear in: {word} ?"


class LetterCountOptions(Section):
    """Options of the generator `letter_count`."""

    word_length_min: int = Field(5, ge=1)
    """Fewest letters of a word."""
    word_length_max: int = Field(10, le=24)
    """Most letters of a word; a response has twice as many tokens (times `passes`), plus 6."""
    alphabet: int = Field(16, ge=2, le=26)
    """Letters in use, from `a` on: the fewer, the sooner a model knows them all."""
    passes: int = Field(1, ge=1)
    """How often the thinking counts the word; above 1 each count ends with a full stop."""
    letter_share: float = Field(0.3, gt=0, lt=1)
    """Chance of each place to hold the counted letter."""

    @model_validator(mode="after")
    def _lengths(self) -> LetterCountOptions:
        if self.word_length_min > self.word_length_max:
            raise ValueError("word_length_min must not be above word_length_max")
        if self.word_length_max >= self.alphabet:
            raise ValueError("word_length_max must be below alphabet: all letters but the counted one differ in a word")
        return self


@dataclass(frozen=True, slots=True)
class LetterCount:
    """One question: count `letter` in `word`."""

    letter: str
    word: str
    passes: int = 1

    @property
    def question(self) -> str:
        """The user turn."""
        return QUESTION.format(letter=self.letter, word=" ".join(self.word))

    @property
    def answer(self) -> str:
        """The right count."""
        return str(self.word.count(self.letter))

    def work(self, miscount_at: int | None = None) -> str:
        """The worked response; at index `miscount_at` of the word the count is wrong by one from there on."""
        count, steps = 0, []
        for index, letter in enumerate(self.word):
            counts = (letter == self.letter) != (index == miscount_at)
            count += counts
            steps.append(f" {letter} {count}")
        counting = "".join(steps) if self.passes == 1 else f"{''.join(steps)}." * self.passes
        start, end = THINK_TAGS
        return f"{start}{counting}{end} \\boxed{{{count}}}"


def letter_counts(seed: int, options: LetterCountOptions) -> Iterator[LetterCount]:
    """Endless questions, the same for the same seed and options; a question may come twice."""
    rng = random.Random(f"letter_count/{seed}")
    alphabet = string.ascii_lowercase[: options.alphabet]
    while True:
        letter = rng.choice(alphabet)
        others = [c for c in alphabet if c != letter]
        length = rng.randint(options.word_length_min, options.word_length_max)
        places = [rng.random() < options.letter_share for _ in range(length)]
        rest = iter(rng.sample(others, length))
        yield LetterCount(letter, "".join(letter if here else next(rest) for here in places), options.passes)


def letter_count_examples(seed: int, options: LetterCountOptions) -> Iterator[Example]:
    """Endless examples (ids left empty), each with its worked response and a flawed one."""
    rng = random.Random(f"letter_count/flaws/{seed}")
    for problem in letter_counts(seed, options):
        turn = {"role": "user", "content": problem.question}
        flawed = problem.work(miscount_at=rng.randrange(len(problem.word)))
        yield Example("", (turn,), problem.answer, response=problem.work(), flawed=flawed)
