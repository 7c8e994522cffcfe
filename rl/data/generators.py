"""The procedural tasks of our own, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rewards.config import Section
from rl.data.char_count import CharCountOptions, char_count_examples
from rl.data.example import Example
from rl.data.letter_count import LetterCountOptions, letter_count_examples

GeneratorName = Literal["letter_count", "char_count"]


@dataclass(frozen=True, slots=True)
class Generator:
    """A task: its options, and endless examples (ids left empty) for a seed and checked options."""

    options: type[Section]
    examples: Callable[[int, Any], Iterator[Example]]


GENERATORS: Mapping[GeneratorName, Generator] = {
    "letter_count": Generator(LetterCountOptions, letter_count_examples),
    "char_count": Generator(CharCountOptions, char_count_examples),
}
