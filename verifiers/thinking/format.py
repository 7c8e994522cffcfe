"""What a model writes around and about its thinking: tags, the sentences of a reflection, and how often it reflects.

The defaults are Seed-OSS's. Everything is data, so a user's own protocol is a few lines of YAML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

from pydantic import BaseModel, ConfigDict, Field, model_validator

from verifiers.thinking.text import OTHER_TAGS, THINK_TAGS, split_thinking

_SEED_INTERVALS = {0: 0, 512: 128, 1024: 256, 2048: 512, 4096: 512, 8192: 1024, 16384: 1024}
_SLOTS = ("{used}", "{remaining}")


class Opened(StrEnum):
    """What the prompt has opened where the response begins."""

    NOTHING = "nothing"
    THINKING = "thinking"
    REFLECTION = "reflection"
    """The thinking, and a reflection in it."""


class ThinkingFormat(BaseModel):
    """One thinking protocol.

    A budget of None or below 0 is unlimited, 0 asks for an answer without thinking. U in "I have used U tokens" counts
    every token from the opening thinking tag up to the reflection: earlier reflections with their tags too, the
    thinking tag itself not. The last line, which says that the budget is exhausted, is not paid for out of the budget.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    think: tuple[str, str] = THINK_TAGS
    """Opens and closes the thinking."""
    reflect: tuple[str, str] = ("<seed:cot_budget_reflect>", "</seed:cot_budget_reflect>")
    """Opens and closes a reflection inside the thinking."""
    used: str = "I have used {used} tokens, and there are {remaining} tokens remaining for use."
    """What a reflection says; `{used}` and `{remaining}` stand for the numbers."""
    exhausted: str = "I have exhausted my token budget, and now I will start answering the question."
    """What the last reflection says when the budget ends the thinking."""
    direct: str = "The current thinking budget is 0, so I will directly start answering the question."
    """What the only reflection says at budget 0."""
    intervals: dict[int, int] = Field(_SEED_INTERVALS, min_length=1)
    """Budget -> tokens between two reflections; the first budget at or above the sample's counts."""
    beyond: int = Field(1024, gt=0)
    """Tokens between two reflections for budgets above all those of `intervals`."""
    max_overshoot: int = Field(11, ge=0)
    """Tokens by which a reflection may pass its multiple of the interval, and the thinking its budget, to end a
    sentence. Seed-OSS's published samples pass by 1 to 11."""
    prompt_opens: Opened = Opened.NOTHING
    """What the prompt of a budget other than 0 has opened."""
    direct_prompt_opens: Opened = Opened.REFLECTION
    """What the prompt of budget 0 has opened."""

    @model_validator(mode="after")
    def _consistent(self) -> ThinkingFormat:
        if not all(self.tags) or len({tag.lower() for tag in self.tags}) < len(self.tags):
            raise ValueError(
                f"`think` and `reflect` must be four different tags; got {', '.join(map(repr, self.tags))}"
            )
        if any(self.used.count(slot) != 1 for slot in _SLOTS):
            raise ValueError(f"`used` must say {{used}} and {{remaining}} once each; got {self.used!r}")
        if re.search(r"\}\d*\{", self.used):
            raise ValueError(f"`used` must have words between its two numbers; got {self.used!r}")
        if not self.exhausted.strip() or not self.direct.strip() or self.exhausted == self.direct:
            raise ValueError("`exhausted` and `direct` must be two different sentences")
        for budget, interval in self.intervals.items():
            if budget < 0 or (interval != 0 if budget == 0 else not 0 < interval <= budget):
                raise ValueError(
                    f"`intervals` has {budget}: {interval}; a budget of 0 has the interval 0, any other one from 1 to "
                    "the budget itself"
                )
        if any(earlier >= later for earlier, later in pairwise(self.intervals)):
            raise ValueError(f"`intervals` must rise by budget; got {list(self.intervals)}")
        return self

    @property
    def tags(self) -> tuple[str, str, str, str]:
        """All four tags."""
        return (*self.think, *self.reflect)

    def interval(self, budget: int | None) -> int:
        """Tokens between two reflections; 0 where none is wanted (unlimited, or no thinking at all)."""
        if budget is None or budget <= 0:
            return 0
        return next((interval for level, interval in self.intervals.items() if budget <= level), self.beyond)

    @property
    def shortest_interval(self) -> int:
        """Of all intervals but that of budget 0."""
        return min((interval for interval in self.intervals.values() if interval), default=self.beyond)

    def opened(self, budget: int | None) -> Opened:
        """What the prompt has opened at this budget."""
        return self.direct_prompt_opens if budget == 0 else self.prompt_opens

    def split(self, text: str, budget: int | None) -> tuple[str | None, str]:
        """A response at a budget as its thinking and its answer (`split_thinking`)."""
        return split_thinking(text, self.think, opened=self.opened(budget) is not Opened.NOTHING)

    def reflection(self, used: int, remaining: int) -> str:
        """What a reflection says."""
        return self.used.replace("{used}", str(used)).replace("{remaining}", str(remaining))

    def read(self, text: str) -> tuple[int, int] | None:
        """Used and remaining tokens that a reflection claims; None where the text is no such sentence."""
        matched = self._claim.fullmatch(text.strip())
        return (int(matched["used"]), int(matched["remaining"])) if matched else None

    def quotes(self, text: str) -> bool:
        """Whether one of the sentences stands somewhere in a text, in any case of letters and with any blanks."""
        return self._sentences.search(text) is not None

    @cached_property
    def _claim(self) -> re.Pattern[str]:
        return re.compile(_pattern(self.used))

    @cached_property
    def _sentences(self) -> re.Pattern[str]:
        loose = [r"\s+".join(_pattern(text, number=r"\d{1,9}").split(r"\ ")) for text in (self.exhausted, self.direct)]
        claim = r"\s+".join(_pattern(self.used, number=r"\d{1,9}").split(r"\ "))
        return re.compile("|".join([claim, *loose]), re.IGNORECASE)


def _pattern(sentence: str, number: str = "") -> str:
    """A sentence as a regular expression, its numbers as groups or as `number`."""
    pattern = re.escape(sentence)
    for slot in _SLOTS:
        pattern = pattern.replace(re.escape(slot), number or rf"(?P<{slot[1:-1]}>[0-9]{{1,9}})")
    return pattern


FORMATS: Mapping[str, ThinkingFormat] = {
    "seed": ThinkingFormat(),
    "think": ThinkingFormat(
        think=OTHER_TAGS[0],
        reflect=("<budget>", "</budget>"),
        direct_prompt_opens=Opened.NOTHING,
    ),
}
"""The protocols that go by a name."""
