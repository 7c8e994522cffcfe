"""The `warmup:` section: supervised fine-tuning before RL. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from rewards.config import Section


class WarmupConfig(Section):
    """Fine-tune on worked examples until the *sampled* pass rate lies in a window.

    RL learns nothing from a model that is never right, and has nothing to teach one that always is.
    """

    examples: Path | None = None
    """JSONL of {"prompt" or "messages", "response"}; default: what the sources of `data.train` work out themselves."""
    noise: float = Field(0.25, ge=0, lt=1)
    """Share of generated examples whose work contains a mistake."""
    budget_noise: float = Field(0.25, ge=0, lt=1)
    """With a `budget` section: share of the examples whose thinking breaks its budget's protocol."""
    min_steps: int = Field(0, ge=0)
    """Optimizer steps before the first check: for a model that is right in another form than the examples', or so far
    from right that its first check (long, aimless responses) only takes time."""
    max_steps: int = Field(600, ge=1)
    """Optimizer steps at most; missing the window by then is an error."""
    examples_per_step: int = Field(32, ge=1)
    """Worked examples of one optimizer step."""
    learning_rate: float = Field(1e-3, gt=0)
    """AdamW's rate."""
    pass_rate_low: float = Field(0.2, ge=0, le=1)
    """Lower end of the window."""
    pass_rate_high: float = Field(0.6, ge=0, le=1)
    """Stop as soon as the sampled pass rate lies in [low, high]; above high is an error that says how to mend it."""
    check_every_steps: int = Field(50, ge=1)
    """Measure the pass rate after every this many optimizer steps."""
    check_prompts: int = Field(200, ge=1)
    """Training prompts sampled once each for the pass rate."""

    @model_validator(mode="after")
    def _window(self) -> WarmupConfig:
        if self.pass_rate_low >= self.pass_rate_high:
            raise ValueError("pass_rate_low must be below pass_rate_high")
        if self.min_steps > self.max_steps:
            raise ValueError("min_steps must not be above max_steps")
        return self
