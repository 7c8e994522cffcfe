"""What every preset of the `algorithm:` section has. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, model_validator

from rewards.config import Section
from rl.algorithms.kinds import Advantage, Aggregation, ImportanceKind, KlKind, OldLogprobs, PolicyLossKind

ClipLow = Annotated[float, Field(gt=0, le=1)]
ClipHigh = Annotated[float, Field(gt=0)]
DualClip = Annotated[float | None, Field(gt=1)]
Weight = Annotated[float, Field(ge=0)]


class DynamicSampling(Section):
    """DAPO's dynamic sampling: groups that are all right or all wrong are replaced."""

    enabled: bool = True
    """Keep only groups with 0 < number correct < group_size."""
    max_rounds: int = Field(10, ge=1)
    """Generation rounds for one batch; when they are used up, training goes on with what there is."""
    oversampling: float = Field(1.0, ge=1, le=4)
    """Groups asked for in a round, as a multiple of those that are missing. Above 1 saves rounds; informative groups
    beyond the batch wait for the next step (above 2 for several), where their tokens are of older weights."""


class ValuePretraining(Section):
    """VAPO's value pretraining: the critic is fitted to Monte-Carlo returns of the frozen policy."""

    samples: Path | None = None
    """Saved samples to learn from, each once: a run folder (its value pretraining's), a JSONL or a Parquet file of
    prompts, responses and rewards. null: fresh ones."""
    min_steps: int = Field(5, ge=0)
    """Steps before the stop rule is looked at."""
    max_steps: int = Field(50, ge=0)
    """Steps after which the policy starts in any case (0: no value pretraining)."""
    explained_variance: float = Field(0.5, le=1)
    """Stop when the critic's explained variance on samples that it has not learnt from reaches this."""
    loss: float | None = Field(None, gt=0)
    """Stop only when its loss on them, 0.5 (value - return)^2 a token, is at most this too; null: whatever it is."""


class Importance(Section):
    """Correction for tokens that were sampled by another policy than the learner's: w = pi_old / pi_rollout."""

    kind: ImportanceKind = "off"
    """Factor of a token's policy loss. `off`: 1; `full`: w (decoupled PPO, AReaL); `tis`: min(w, cap); `icepop`: w
    inside [low, high], else 0."""
    cap: float = Field(2.0, gt=0)
    """Largest weight of `tis`."""
    low: float = Field(0.5, ge=0)
    """Lower end of the band of `icepop`."""
    high: float = Field(5.0, gt=0)
    """Upper end of the band of `icepop`."""


class ReferenceKl(Section):
    """Penalty on the distance to the reference: the policy that training started from, frozen."""

    weight: float = Field(gt=0)
    """Factor of the penalty."""
    kind: KlKind = "k3"
    """Estimator of a token's KL, d = log pi - log pi_ref. `k1`: d; `k2`: d^2 / 2; `k3`: exp(-d) - 1 + d."""
    where: Literal["loss", "reward"] = "loss"
    """`loss`: a term of the policy's loss; `reward`: taken off the reward of every token before advantages."""


class AlgorithmBase(Section):
    """What every preset has; a preset is a subclass with other defaults."""

    preset: str
    """The recipe whose settings are the defaults here."""
    advantage: Advantage
    """`gae`: a critic and generalised advantage estimation. Without a critic: `grpo` (R - mean) / std over a prompt's
    samples, `dr_grpo` R - mean, `rloo` R - mean of the others; `reinforce_pp` the return to go, whitened over the
    batch's tokens, `reinforce_pp_baseline` the same after R - mean over a prompt's samples."""
    policy_loss: PolicyLossKind = "ppo_clip"
    """`ppo_clip`: clip of each token's ratio; `gspo`: of the sequence's; `cispo`: of each token's weight, so that no
    token loses its gradient."""
    aggregation: Aggregation = "token_mean"
    """How token losses become one number; counts are over the whole optimizer step. `token_mean`: every token weighs
    the same; `group_token_mean`: every group; `sample_mean`: every sample; `fixed_length`: sum / (max_response_tokens
    x samples)."""
    clip_low: ClipLow = 0.2
    """Lower clip of the ratio: 1 - clip_low; 1: none."""
    clip_high: ClipHigh = 0.28
    """Upper clip of the ratio: 1 + clip_high (clip-higher)."""
    dual_clip: DualClip = None
    """For negative advantages the loss is at most this times |A|; null: off."""
    old_logprobs: OldLogprobs = "learner"
    """Log-probabilities that ratios are taken to. `learner`: computed by the learner before the update, which takes a
    forward pass over the batch; `rollout`: the engine's own, where the two agree (`policy/logprob_gap`)."""
    importance: Importance = Importance()
    kl: ReferenceKl | None = None
    """Penalty on the distance to the reference; null: none, and no reference is kept."""
    entropy_weight: Weight = 0.0
    """Weight of the entropy bonus, which is taken off the loss."""
    positive_nll_weight: Weight = 0.0
    """Weight of the positive-example language-model loss."""
    advantage_eps: float = Field(1e-6, gt=0)
    """Added to the standard deviation of a group (`grpo`)."""
    gamma: float = Field(1.0, gt=0, le=1)
    """Discount (`gae`, `reinforce_pp`, `reinforce_pp_baseline`)."""
    lambda_critic: float = Field(1.0, ge=0, le=1)
    """GAE lambda of the critic's targets (decoupled GAE); 1.0 is the Monte-Carlo return."""
    lambda_policy: float | Literal["length_adaptive"] = "length_adaptive"
    """GAE lambda of the policy's advantage; `length_adaptive`: 1 - 1 / (alpha * response length)."""
    alpha: float = Field(0.05, gt=0)
    """Length-adaptive GAE's alpha; recipes for responses under 100 tokens set it near 1."""
    whiten_advantages: bool = True
    """Shift and scale GAE advantages to mean 0, std 1 over the batch's tokens."""
    value_clip: float | None = Field(None, gt=0)
    """Clip of the value's change in the value loss; null: off."""
    value_pretraining: ValuePretraining = ValuePretraining()
    """Used with `advantage: gae`."""
    dynamic_sampling: DynamicSampling = DynamicSampling()

    @model_validator(mode="before")
    @classmethod
    def _keep_the_rest_of_the_recipe(cls, data: Any) -> Any:
        """A section in YAML changes the keys it names; the others keep the preset's values, not their class's."""
        if not isinstance(data, dict):
            return data
        filled = dict(data)
        for name, field in cls.model_fields.items():
            if isinstance(field.default, BaseModel) and isinstance(data.get(name), dict):
                filled[name] = {**field.default.model_dump(), **data[name]}
        return filled

    @property
    def uses_critic(self) -> bool:
        """Whether a critic is trained."""
        return self.advantage == "gae"

    @property
    def uses_reference(self) -> bool:
        """Whether log-probabilities of the reference are needed."""
        return self.kl is not None

    @property
    def compares_samples(self) -> bool:
        """Whether advantages come from comparing the samples of one prompt."""
        return self.advantage in ("grpo", "dr_grpo", "rloo", "reinforce_pp_baseline")
