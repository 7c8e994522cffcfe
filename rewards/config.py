"""The `rewards:` section of a run, and the base class of every config section.

Imports no torch: `ponder check` and `ponder score` load this in milliseconds.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """One section of the YAML: unknown keys are errors, values never change after loading.

    A field's docstring is its help text (`ponder check --explain` prints it).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class RewardConfig(Section):
    """One reward function and what its value is worth in the sum."""

    use: str = Field(min_length=1)
    """A built-in name (`math`, `overlong`, `format`) or `path/to/file.py:function`."""
    name: str | None = None
    """Name in metrics; default: the built-in's or the function's name."""
    weight: float = 1.0
    """Factor in the weighted sum; may be negative, 0 measures without paying."""
    timeout_s: float = Field(5.0, gt=0)
    """Hard deadline of one call in seconds; the process is killed at it."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the function; checked against its own parameters."""

    @property
    def label(self) -> str:
        """The name this reward goes by in metrics and in `correctness:`."""
        return self.name or self.use.rsplit(":", 1)[-1]


class RewardRunnerConfig(Section):
    """How reward functions are run."""

    workers: int = Field(1, ge=1)
    """Worker processes on the driver's machine."""
    memory_mb: int = Field(4096, ge=256)
    """Limit of each worker's address space in MiB; raise it for rewards that load a model."""
    on_error: str = Field("mask", pattern="^(mask|zero|fail)$")
    """What training does with a timeout, crash or error: `mask` drops the sample from the loss,
    `zero` counts 0, `fail` stops the run."""
