"""The `rewards:` section of a run, and the base class of every config section.

Imports no torch: `ponder check` and `ponder score` load this in milliseconds.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """One section of the YAML: unknown keys are errors, values never change after loading.

    A field's docstring is its help text (`ponder check --explain` prints it).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class RewardConfig(Section):
    """One reward function and what its value is worth in the sum."""

    use: str = Field(min_length=1)
    """A built-in name (`ponder rewards` lists them) or `path/to/file.py:function`."""
    name: str | None = Field(None, pattern="^[^/]+$")
    """Name in metrics; default: the built-in's or the function's name."""
    style: Literal["ponder", "trl", "trl_text", "verl"] = "ponder"
    """How the function is called: `ponder` (one RewardInput, or a list of them where its first parameter is annotated
    as a list), `trl` (`prompts, completions, **columns` as chat turns), `trl_text` (the same as plain texts), `verl`
    (`data_source, solution_str, ground_truth, extra_info`)."""
    weight: float = Field(1.0, ge=-1e6, le=1e6)
    """Factor in the weighted sum; may be negative, 0 measures without paying."""
    when: str | None = None
    """Which samples it applies to, e.g. `task == "gsm8k"` or `task in ["aime", "amc"] and thinking_budget > 0`;
    the others skip it. null: all."""
    requires: str | list[str] = Field(default_factory=list)
    """Names of rewards that must have said right, or it counts 0 without being called; of several, the first that
    applies to the sample decides."""
    range: tuple[float, float] | None = None
    """Lowest and highest value that the function returns; any other is an error (with `clip`: cut to this)."""
    clip: bool = False
    """Cut values outside `range` to its ends, and count them."""
    normalise: tuple[float, float] | None = None
    """Map `range` linearly onto this, say [0, 1] or [-1, 1]."""
    timeout_s: float = Field(5.0, gt=0, le=86400)
    """Hard deadline of one call (of a group function: on a whole group) in seconds; the process is killed at it."""
    retries: int = Field(2, ge=0)
    """How often an async function is called again after a failed connection, within `timeout_s`; pauses grow."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the function; checked against its own parameters."""

    @property
    def label(self) -> str:
        """The name this reward goes by in metrics, in `correctness:` and in `requires:`."""
        return self.name or self.use.rsplit(":", 1)[-1]

    @property
    def gates(self) -> tuple[str, ...]:
        """The names in `requires:`."""
        return (self.requires,) if isinstance(self.requires, str) else tuple(self.requires)

    @model_validator(mode="after")
    def _declared(self) -> RewardConfig:
        for name in ("range", "normalise"):
            ends = getattr(self, name)
            if ends is not None and not (isfinite(ends[0]) and isfinite(ends[1]) and ends[0] < ends[1]):
                raise ValueError(f"`{name}` must be two finite numbers, the lower one first; got {list(ends)}")
        if self.range is None and (self.clip or self.normalise is not None):
            raise ValueError(
                f"`{'clip' if self.clip else 'normalise'}` needs to know what the function returns: add "
                "`range: [lowest, highest]`"
            )
        return self


class RewardRunnerConfig(Section):
    """How reward functions are run."""

    workers: int = Field(1, ge=1)
    """Worker processes on the driver's machine."""
    concurrency: int = Field(32, ge=1)
    """Calls of async rewards that may be under way at a time; they share one process with one event loop."""
    memory_mb: int = Field(4096, ge=256)
    """Limit of each worker's address space in MiB; raise it for rewards that load a model."""
    on_error: str = Field("mask", pattern="^(mask|zero|fail)$")
    """What training does with a timeout, crash or error: `mask` drops the sample from the loss,
    `zero` counts 0, `fail` stops the run."""
