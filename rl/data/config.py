"""The `data:` section: where prompts come from. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from rewards.config import Section
from rl.data.generators import GeneratorName


class SourceConfig(Section):
    """One source of prompts: exactly one of `generator`, `puzzle` and `path`."""

    generator: GeneratorName | None = None
    """A procedural task of our own (rl/data/letter_count.py, rl/data/char_count.py)."""
    puzzle: str | None = None
    """A reasoning-gym task name."""
    path: Path | None = None
    """A JSONL or Parquet file; relative to the config file."""
    size: int | None = Field(None, ge=1)
    """Number of prompts: of a generator (required), or at most from a file."""
    seed: int = 0
    """Seed of a generator or puzzle."""
    question_column: str = "question"
    """Column with the question, or with a list of chat messages."""
    answer_column: str = "answer"
    """Column with the reference answer."""
    template: str = "{question}"
    """User turn; `{question}` is replaced. Other braces are written twice: `\\boxed{{}}`."""
    system: str | None = None
    """System turn put before the question."""
    task: str | None = None
    """Task name in metrics; default: the generator, puzzle or file name."""
    worked: Literal["equations"] | None = None
    """With `path`: what a warm-up learns from where the data has answers alone. `equations`: the one equation of a word
    problem's numbers that gives its answer (rl/data/equations.py); rows without one are not learnt from there."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the generator or puzzle."""

    @field_validator("template")
    @classmethod
    def _asks(cls, template: str) -> str:
        try:
            filled = template.format(question="\0")
        except (LookupError, ValueError, AttributeError):
            raise ValueError(
                "braces that are not `{question}` are written twice, as in `{question} Put it in \\boxed{{}}.`"
            ) from None
        if "\0" not in filled:
            raise ValueError("has no `{question}`: every prompt would be the same")
        return template

    @model_validator(mode="after")
    def _one_source(self) -> SourceConfig:
        given = [k for k in ("generator", "puzzle", "path") if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of generator, puzzle, path (given: {', '.join(given) or 'none'})")
        if self.path is None and self.size is None:
            raise ValueError(f"`size` says how many prompts `{given[0]}` makes: add it")
        if self.worked is not None and self.path is None:
            raise ValueError(f"`worked` is for the rows of a file, not for a {given[0]}")
        unused = ("seed", "options") if self.path is not None else ("question_column", "answer_column")
        for name in unused:
            if getattr(self, name) != type(self).model_fields[name].get_default(call_default_factory=True):
                raise ValueError(f"`{name}` has no effect with `{given[0]}`: leave it out")
        return self


class DataConfig(Section):
    """Training and held-out prompts; the two are disjoint or the run does not start."""

    train: list[SourceConfig] = Field(min_length=1)
    """Sources of training prompts, mixed by shuffling."""
    eval: list[SourceConfig] = Field(default_factory=list)
    """Held-out prompts."""
    shuffle: bool = True
    """Shuffle the training prompts anew every epoch (seeded)."""
