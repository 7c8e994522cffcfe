"""`RunConfig`: the sections of one run, composed. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from rewards.config import RewardConfig, RewardRunnerConfig, Section
from rl.algorithms.config import AlgorithmConfig
from rl.budget.config import BudgetConfig
from rl.data.config import DataConfig
from rl.learner.config import LearnerConfig
from rl.models.config import ModelConfig
from rl.warmup_config import WarmupConfig
from rollout.config import RolloutConfig, SamplingConfig, StreamingConfig


class EvaluationConfig(Section):
    """Measuring held-out prompts before, during and after a run."""

    every_steps: int = Field(0, ge=0)
    """Evaluate after every this many steps (0: only before and after)."""
    samples_per_prompt: int = Field(1, ge=1)
    """Responses per held-out prompt; above 1, pass@k is measured too."""
    sampling: SamplingConfig = SamplingConfig()


class CheckpointConfig(Section):
    """What is saved when."""

    every_steps: int = Field(20, ge=1)
    """Save after every this many steps, of value pretraining too (and at its end, at the end, and on Ctrl-C)."""
    keep_last: int = Field(2, ge=1)
    """Older checkpoints are removed after a newer one is complete."""


class TrackingConfig(Section):
    """Where metrics go besides `metrics.jsonl`."""

    tensorboard: bool = True
    """Write TensorBoard event files into the run folder."""
    also: list[Literal["wandb", "mlflow", "trackio"]] = Field(default_factory=list)
    """Further trackers; each must be installed."""
    stall_seconds: float = Field(120.0, gt=0)
    """Warn when a rollout worker, the rewards of a group or a call of the learner makes no progress for this long."""
    project: str = "ponder"
    """Project name in wandb, mlflow and trackio."""


class RunConfig(Section):
    """One run, from YAML."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Run folder: `<runs_folder>/<name>`."""
    runs_folder: Path = Path("runs")
    """Where run folders lie; a relative one is looked up in the current folder."""
    seed: int = 0
    """Seed of everything drawn: prompt order, sampling, splits, adapters."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """`auto`: gpu where torch finds one."""
    steps: int = Field(ge=1)
    """Batches generated, scored and learnt from."""
    prompts_per_step: int = Field(ge=1)
    """Prompts (groups) of one step."""
    group_size: int = Field(ge=1)
    """Responses per prompt."""
    optimizer_steps_per_batch: int = Field(1, ge=1)
    """Into how many optimizer steps the samples of a step are split."""
    model: ModelConfig = ModelConfig()
    data: DataConfig
    algorithm: AlgorithmConfig
    """`preset:` names a published recipe; whatever else stands here differs from it."""
    rewards: list[RewardConfig] = Field(min_length=1)
    """Reward functions; their weighted sum is what is learnt from."""
    correctness: str | list[str] = "math"
    """Name of the reward that says whether an answer is right (of several, the first that applies to a
    sample): dynamic sampling, positive-example loss and accuracy use it, never the shaped sum."""
    budget: BudgetConfig | None = None
    """Thinking budgets; null: responses think as long as they like."""
    reward_runner: RewardRunnerConfig = RewardRunnerConfig()
    rollout: RolloutConfig = RolloutConfig()
    streaming: StreamingConfig = StreamingConfig()
    learner: LearnerConfig = LearnerConfig()
    warmup: WarmupConfig | None = None
    """Supervised warm start before RL; null: start from the model as it is."""
    evaluation: EvaluationConfig = EvaluationConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    tracking: TrackingConfig = TrackingConfig()

    @property
    def samples_per_step(self) -> int:
        """prompts_per_step x group_size"""
        return self.prompts_per_step * self.group_size
