"""The `algorithm:` section. One class per preset; the class defaults *are* the published recipe.

What a preset does not name is as in `AlgorithmBase`: PPO-clip 0.2 / 0.28, token mean, no KL, no entropy bonus. Learning
rates and sizes are not part of a preset. Imports no torch.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rl.algorithms.base import (
    AlgorithmBase,
    ClipHigh,
    ClipLow,
    DualClip,
    DynamicSampling,
    ReferenceKl,
    Weight,
)
from rl.algorithms.kinds import Advantage, Aggregation, PolicyLossKind

NO_DYNAMIC_SAMPLING = DynamicSampling(enabled=False)


class Vapo(AlgorithmBase):
    """VAPO (arXiv 2504.05118): critic, value pretraining, decoupled length-adaptive GAE, positive-example NLL."""

    preset: Literal["vapo"] = "vapo"
    advantage: Advantage = "gae"
    positive_nll_weight: Weight = 0.1
    dynamic_sampling: DynamicSampling = NO_DYNAMIC_SAMPLING


class Dapo(AlgorithmBase):
    """DAPO (arXiv 2503.14476): clip-higher, token-level loss, dynamic sampling; dual clip as in its authors' script."""

    preset: Literal["dapo"] = "dapo"
    advantage: Advantage = "grpo"
    dual_clip: DualClip = 10.0


class Grpo(AlgorithmBase):
    """GRPO (DeepSeekMath, arXiv 2402.03300): symmetric clip, mean of sample means, KL to the reference in the loss."""

    preset: Literal["grpo"] = "grpo"
    advantage: Advantage = "grpo"
    aggregation: Aggregation = "sample_mean"
    clip_high: ClipHigh = 0.2
    kl: ReferenceKl | None = ReferenceKl(weight=0.04, kind="k3", where="loss")
    dynamic_sampling: DynamicSampling = NO_DYNAMIC_SAMPLING


class DrGrpo(AlgorithmBase):
    """Dr. GRPO (arXiv 2503.20783): GRPO without the divisions that favour long wrong answers, and without KL."""

    preset: Literal["dr_grpo"] = "dr_grpo"
    advantage: Advantage = "dr_grpo"
    aggregation: Aggregation = "fixed_length"
    clip_high: ClipHigh = 0.2
    dynamic_sampling: DynamicSampling = NO_DYNAMIC_SAMPLING


class Rloo(AlgorithmBase):
    """RLOO (arXiv 2402.14740): leave-one-out baseline, KL in the reward, sums over tokens as in REINFORCE.

    The paper takes one optimizer step a batch, where no clip is ever reached and the gradient is REINFORCE's; its
    sum over tokens is `fixed_length` up to a constant. The weight is the paper's for summaries (TL;DR).
    """

    preset: Literal["rloo"] = "rloo"
    advantage: Advantage = "rloo"
    aggregation: Aggregation = "fixed_length"
    clip_high: ClipHigh = 0.2
    kl: ReferenceKl | None = ReferenceKl(weight=0.03, kind="k1", where="reward")
    dynamic_sampling: DynamicSampling = NO_DYNAMIC_SAMPLING


class ReinforcePp(AlgorithmBase):
    """REINFORCE++ (arXiv 2501.03262): PPO-clip on the whitened return to go, KL in the reward of every token.

    The weight is the paper's for mathematics. Its variant with a baseline is `advantage: reinforce_pp_baseline` with
    `kl: {kind: k2, where: loss}`.
    """

    preset: Literal["reinforce_pp"] = "reinforce_pp"
    advantage: Advantage = "reinforce_pp"
    clip_high: ClipHigh = 0.2
    kl: ReferenceKl | None = ReferenceKl(weight=0.001, kind="k1", where="reward")
    dynamic_sampling: DynamicSampling = NO_DYNAMIC_SAMPLING


class Gspo(AlgorithmBase):
    """GSPO (arXiv 2507.18071): GRPO with the ratio of the whole sequence, clipped very close to 1, without KL."""

    preset: Literal["gspo"] = "gspo"
    advantage: Advantage = "grpo"
    policy_loss: PolicyLossKind = "gspo"
    aggregation: Aggregation = "sample_mean"
    clip_low: ClipLow = 3e-4
    clip_high: ClipHigh = 4e-4
    dynamic_sampling: DynamicSampling = NO_DYNAMIC_SAMPLING


class Cispo(AlgorithmBase):
    """CISPO (MiniMax-M1, arXiv 2506.13585): DAPO with bounded importance weights in place of the clip.

    The paper has no lower bound and does not print the upper one: 5 is ScaleRL's (arXiv 2510.13786).
    """

    preset: Literal["cispo"] = "cispo"
    advantage: Advantage = "grpo"
    policy_loss: PolicyLossKind = "cispo"
    clip_low: ClipLow = 1.0
    clip_high: ClipHigh = 4.0


AlgorithmConfig = Annotated[
    Vapo | Dapo | Grpo | DrGrpo | Rloo | ReinforcePp | Gspo | Cispo, Field(discriminator="preset")
]
