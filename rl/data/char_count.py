"""`char_count`: counting a letter in a hyphenated word, for pretrained models.

The task of a published small-model curve (verl-recipe `char_count`: the same question, words of 5 to 20 random letters,
the answer boxed), with worked responses of our own: the running count stands where the word has its hyphens, so that a
letter is two tokens in both, and the model copies what stands a fixed distance back:

    How many r are there in word s-t-r-a-w?
    s0t0r1a1w1 \\boxed{1}

With `thinking` the counting stands between thinking tags: the task of a run with budgets.

A flawed response has one miscount: the count goes on from it, so the boxed answer is wrong. How often the letter occurs
is drawn first, evenly from 1 to the whole word, as it is there; the other letters are independent.
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

QUESTION = "How many {letter} are there in word {word}?"


class CharCountOptions(Section):
    """Options of the generator `char_count`."""

    word_length_min: int = Field(5, ge=1)
    """Fewest letters of a word."""
    word_length_max: int = Field(20, ge=1)
    """Most letters of a word."""
    thinking: bool = False
    """The counting stands between the tags of `budget.format: seed`."""

    @model_validator(mode="after")
    def _lengths(self) -> CharCountOptions:
        if self.word_length_min > self.word_length_max:
            raise ValueError("word_length_min must not be above word_length_max")
        return self


@dataclass(frozen=True, slots=True)
class CharCount:
    """One question: count `letter` in `word`."""

    letter: str
    word: str
    thinking: bool = False

    @property
    def question(self) -> str:
        """The user turn."""
        return QUESTION.format(letter=self.letter, word="-".join(self.word))

    @property
    def answer(self) -> str:
        """The right count."""
        return str(self.word.count(self.letter))

    def work(self, miscount_at: int | None = None) -> str:
        """The worked response; at index `miscount_at` of the word the count is wrong by one from there on."""
        count, counting = 0, ""
        for index, letter in enumerate(self.word):
            count += (letter == self.letter) != (index == miscount_at)
            counting += f"{letter}{count}"
        if self.thinking:
            start, end = THINK_TAGS
            counting = f"{start}{counting}{end}"
        return f"{counting} \\boxed{{{count}}}"


def char_counts(seed: int, options: CharCountOptions) -> Iterator[CharCount]:
    """Endless questions, the same for the same seed and options; a question may come twice."""
    rng = random.Random(f"char_count/{seed}")
    while True:
        letter = rng.choice(string.ascii_lowercase)
        others = string.ascii_lowercase.replace(letter, "")
        length = rng.randint(options.word_length_min, options.word_length_max)
        times = rng.randint(1, length)
        letters = [letter] * times + [rng.choice(others) for _ in range(length - times)]
        rng.shuffle(letters)
        yield CharCount(letter, "".join(letters), options.thinking)


def char_count_examples(seed: int, options: CharCountOptions) -> Iterator[Example]:
    """Endless examples (ids left empty), each with its worked response and a flawed one."""
    rng = random.Random(f"char_count/flaws/{seed}")
    for problem in char_counts(seed, options):
        turn = {"role": "user", "content": problem.question}
        flawed = problem.work(miscount_at=rng.randrange(len(problem.word)))
        yield Example("", (turn,), problem.answer, response=problem.work(), flawed=flawed)
