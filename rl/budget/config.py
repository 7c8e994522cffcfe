"""The `budget:` section: how many tokens a response may think. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from rewards.config import Section
from verifiers.thinking.format import FORMATS, ThinkingFormat

UNLIMITED = -1
"""What stands for `unlimited` in a configuration, and in Seed-OSS's chat template."""
_WORD = "unlimited"


def level_of(number: int) -> int | None:
    """A level of the configuration as `Prompt.thinking_budget` has it."""
    return None if number < 0 else number


def level_name(level: int | None) -> str:
    """A level in metrics and tables."""
    return _WORD if level is None or level < 0 else str(level)


def read_level(given: object) -> int:
    """`512`, `0` or `unlimited` -> a level.

    Raises:
        ValueError: it is none of these.
    """
    text = str(given).strip()
    if text in (_WORD, str(UNLIMITED)):
        return UNLIMITED
    if isinstance(given, bool) or not text.isdecimal():
        raise ValueError(f"a level is a number of tokens, 0 or more, or `{_WORD}`; got {given!r}")
    return int(text)


def _read_shares(given: object) -> dict[int, float]:
    if not isinstance(given, Mapping) or not given:
        raise ValueError(f"expected levels and their shares, as in `{{0: 0.1, 512: 0.4, {_WORD}: 0.5}}`; got {given!r}")
    shares: dict[int, float] = {}
    for key, share in given.items():
        level = read_level(key)
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not (isfinite(share) and share > 0):
            raise ValueError(f"the share of {level_name(level)} must be a number above 0; got {share!r}")
        if level in shares:
            raise ValueError(f"{level_name(level)} stands there twice")
        shares[level] = float(share)
    return shares


def _read_levels(given: object) -> list[int] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not given:
        raise ValueError(f"expected a list of levels, as in `[0, 512, {_WORD}]`; got {given!r}")
    return [read_level(one) for one in given]


def _read_format(given: object) -> object:
    if not isinstance(given, str):
        return given
    if given not in FORMATS:
        raise ValueError(f"{given!r} is none of {', '.join(FORMATS)}; or give the fields of your own format")
    return FORMATS[given]


Shares = Annotated[dict[int, float], BeforeValidator(_read_shares)]
"""Level -> share; shares are relative to their sum."""


class BudgetRange(Section):
    """Budgets spread evenly over the logarithm of a range."""

    low: int = Field(512, ge=1)
    """Smallest budget."""
    high: int = Field(16384, ge=1)
    """Largest budget."""
    multiple_of: int = Field(512, ge=1)
    """Budgets are rounded to multiples of this; 1 leaves them as they are drawn."""
    direct: float = Field(0.0, ge=0, lt=1)
    """Share of budget 0."""
    unlimited: float = Field(0.0, ge=0, lt=1)
    """Share without a budget."""

    @model_validator(mode="after")
    def _ends(self) -> BudgetRange:
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) must not be above high ({self.high})")
        if self.low % self.multiple_of or self.high % self.multiple_of:
            raise ValueError(f"low ({self.low}) and high ({self.high}) must be multiples of {self.multiple_of}")
        if self.direct + self.unlimited >= 1:
            raise ValueError("direct and unlimited together must leave a share for the range")
        return self

    def ladder(self) -> list[int]:
        """Levels that stand for the range: its ends, and each double of the lower one between them."""
        steps = [self.low]
        while steps[-1] * 2 < self.high:
            steps.append(steps[-1] * 2)
        steps += [self.high] * (self.high > steps[-1])
        return [0] * (self.direct > 0) + steps + [UNLIMITED] * (self.unlimited > 0)


class BudgetStage(Section):
    """One stage of a curriculum."""

    after_prompts: int = Field(ge=1)
    """It begins when this many prompts were drawn; each counts, those of value pretraining and of replaced groups
    too."""
    levels: Shares | None = None
    """Budgets and their shares."""
    range: BudgetRange | None = None
    """Budgets from a range, in place of `levels`."""

    @model_validator(mode="after")
    def _one(self) -> BudgetStage:
        _require_one(self.levels, self.range)
        return self


class BudgetByColumn(Section):
    """Budgets that follow a column of the data, say a task's difficulty."""

    column: str
    """Its name."""
    levels: dict[str, Shares] = Field(min_length=1)
    """Value of the column (as text) -> budgets and their shares. Rows with another value get the run's `levels`."""


class BudgetWords(Section):
    """How a system turn tells the budget; the default is Seed-OSS's words."""

    limited: str = (
        "You are an intelligent assistant with reflective ability. In the process of thinking and reasoning, you need "
        "to strictly follow the thinking budget, which is {budget}. That is, you need to complete your thinking within "
        "{budget} tokens and start answering the user's questions. You will reflect on your thinking process every "
        "{interval} tokens, stating how many tokens have been used and how many are left."
    )
    """Above budget 0; `{budget}` and `{interval}` stand for the numbers."""
    direct: str = (
        "You are an intelligent assistant that can answer questions in one step without the need for reasoning and "
        "thinking, that is, your thinking budget is 0. Next, please skip the thinking process and directly start "
        "answering the user's questions."
    )
    """At budget 0."""

    @model_validator(mode="after")
    def _tells(self) -> BudgetWords:
        if "{budget}" not in self.limited:
            raise ValueError(f"`limited` must say {{budget}}; got {self.limited!r}")
        return self


class BudgetConfig(Section):
    """How many tokens a response may think, told to the model in its prompt. All samples of a group share one."""

    levels: Shares | None = None
    """Budgets and their shares, as in `{0: 0.1, 512: 0.4, 1024: 0.4, unlimited: 0.1}`."""
    range: BudgetRange | None = None
    """Budgets from a range, in place of `levels`."""
    by: BudgetByColumn | None = None
    """Other shares for some values of a column."""
    curriculum: list[BudgetStage] = Field(default_factory=list)
    """Stages that replace `levels` (or `range`) one after the other, say by tighter budgets."""
    per: Literal["visit", "prompt"] = "visit"
    """`visit`: a prompt gets a budget anew in every epoch; `prompt`: it keeps one for the whole run."""
    evaluate: Annotated[list[int] | None, BeforeValidator(_read_levels)] = None
    """Levels that every held-out prompt is measured at; default: all that the run trains at (of a range: its ends and
    each double of the lower one between)."""
    format: Annotated[ThinkingFormat, BeforeValidator(_read_format)] = FORMATS["seed"]
    """The protocol: `seed`, `think`, or tags, sentences and intervals of your own."""
    enforce: Literal["off", "cap", "cap_and_reflect"] = "off"
    """What is done while a response is written, in training and in evaluation. `cap`: its thinking is ended once it has
    passed its budget, the end of a sentence and the last line; `cap_and_reflect`: true reflections are put in where
    they are due, and the last line where the budget ends (a teacher for models that do not know the protocol). What is
    put in leaves the loss."""
    add_tags: bool = False
    """Where the tokenizer spells a tag of `format` in several tokens: start from a copy of the model that has a token
    for it. The copy knows the tag's pieces only: a `warmup` has to teach it."""
    turn: Literal["template", "system"] = "template"
    """How the budget is told. `template`: by the variable `thinking_budget` of the chat template (Seed-OSS, tiny);
    `system`: by the words of `said` in a system turn, for templates that know no budget."""
    said: BudgetWords = Field(default_factory=BudgetWords)
    """What the system turn says (`turn: system`)."""

    @model_validator(mode="after")
    def _consistent(self) -> BudgetConfig:
        _require_one(self.levels, self.range)
        starts = [stage.after_prompts for stage in self.curriculum]
        if any(earlier >= later for earlier, later in pairwise(starts)):
            raise ValueError(f"curriculum: `after_prompts` must rise from stage to stage; got {starts}")
        if self.by is not None and self.curriculum:
            raise ValueError("give `by` or `curriculum`, not both: which of the two a prompt follows would be unclear")
        return self

    def sources(self) -> Iterator[Mapping[int, float] | BudgetRange]:
        """Everything that budgets are drawn from."""
        stages: list[BudgetConfig | BudgetStage] = [self, *self.curriculum]
        for one in stages:
            if one.levels is not None:
                yield one.levels
            if one.range is not None:
                yield one.range
        if self.by is not None:
            yield from self.by.levels.values()

    def trained_levels(self) -> list[int]:
        """All levels that are trained at, rising, `UNLIMITED` last; a range by the levels that stand for it."""
        found: set[int] = set()
        for source in self.sources():
            found |= set(source.ladder() if isinstance(source, BudgetRange) else source)
        return rising(found)

    def evaluated_levels(self) -> list[int]:
        """All levels that held-out prompts are measured at, rising, `UNLIMITED` last."""
        return self.trained_levels() if self.evaluate is None else rising(self.evaluate)

    @property
    def largest(self) -> int:
        """Of all budgets; 0 where none limits any thinking."""
        return max([0, *self.trained_levels(), *self.evaluated_levels()])


def rising(levels: Any) -> list[int]:
    """Levels without repetition, `UNLIMITED` last."""
    return sorted(set(levels), key=lambda level: (level < 0, level))


def _require_one(levels: object, spread: object) -> None:
    if (levels is None) == (spread is None):
        raise ValueError(f"give one of `levels` and `range` ({'neither' if levels is None else 'both'} is there)")
