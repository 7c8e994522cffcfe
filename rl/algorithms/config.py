"""The `algorithm:` section. One class per preset; the class defaults *are* the published recipe.

VAPO: arXiv 2504.05118. DAPO: arXiv 2503.14476. Imports no torch.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rewards.config import Section


class DynamicSampling(Section):
    """DAPO's dynamic sampling: groups that are all right or all wrong are replaced."""

    enabled: bool = True
    """Keep only groups with 0 < number correct < group_size."""
    max_rounds: int = Field(10, ge=1)
    """Generation rounds for one batch; when they are used up, training goes on with what there is."""


class ValuePretraining(Section):
    """VAPO's value pretraining: the critic is fitted to Monte-Carlo returns of the frozen policy."""

    min_steps: int = Field(5, ge=0)
    """Steps before the stop rule is looked at."""
    max_steps: int = Field(50, ge=0)
    """Steps after which the policy starts in any case (0: no value pretraining)."""
    explained_variance: float = Field(0.5, le=1)
    """Stop when the critic's explained variance on fresh samples reaches this."""


class AlgorithmBase(Section):
    """What every preset has; a preset is a subclass with other defaults."""

    preset: str
    """The recipe whose settings are the defaults here."""
    advantage: Literal["gae", "group"]
    """`gae`: a critic and generalised advantage estimation; `group`: (R - mean) / std over a prompt's samples."""
    aggregation: Literal["token_mean", "sample_mean"] = "token_mean"
    """How token losses become one number; counts are over the whole optimizer step."""
    clip_low: float = Field(0.2, gt=0, lt=1)
    """Lower clip of the ratio: 1 - clip_low."""
    clip_high: float = Field(0.28, gt=0)
    """Upper clip of the ratio: 1 + clip_high (clip-higher)."""
    dual_clip: float | None = Field(None, gt=1)
    """For negative advantages the loss is at most this times |A|; null: off."""
    gamma: float = Field(1.0, gt=0, le=1)
    """Discount."""
    lambda_critic: float = Field(1.0, ge=0, le=1)
    """GAE lambda of the critic's targets (decoupled GAE); 1.0 is the Monte-Carlo return."""
    lambda_policy: float | Literal["length_adaptive"] = "length_adaptive"
    """GAE lambda of the policy's advantage; `length_adaptive`: 1 - 1 / (alpha * response length)."""
    alpha: float = Field(0.05, gt=0)
    """Length-adaptive GAE's alpha; recipes for responses under 100 tokens set it near 1."""
    whiten_advantages: bool = True
    """Shift and scale GAE advantages to mean 0, std 1 over the batch's tokens."""
    advantage_eps: float = Field(1e-6, gt=0)
    """Added to the standard deviation of a group."""
    positive_nll_weight: float = Field(0.0, ge=0)
    """Weight of the positive-example language-model loss."""
    value_clip: float | None = Field(None, gt=0)
    """Clip of the value's change in the value loss; null: off."""
    value_pretraining: ValuePretraining = ValuePretraining()
    """Used with `advantage: gae`."""
    dynamic_sampling: DynamicSampling = DynamicSampling()

    @property
    def uses_critic(self) -> bool:
        """Whether a critic is trained."""
        return self.advantage == "gae"


class Vapo(AlgorithmBase):
    """VAPO: critic, value pretraining, decoupled length-adaptive GAE, clip-higher, positive-example NLL."""

    preset: Literal["vapo"] = "vapo"
    advantage: Literal["gae", "group"] = "gae"
    positive_nll_weight: float = Field(0.1, ge=0)
    dynamic_sampling: DynamicSampling = DynamicSampling(enabled=False)


class Dapo(AlgorithmBase):
    """DAPO: no critic, group-normalised advantage, clip-higher, token-level loss, dynamic sampling."""

    preset: Literal["dapo"] = "dapo"
    advantage: Literal["gae", "group"] = "group"
    dual_clip: float | None = Field(10.0, gt=1)


AlgorithmConfig = Annotated[Vapo | Dapo, Field(discriminator="preset")]
