"""Names of the variants, one list each for YAML and functions. Imports no torch."""

from __future__ import annotations

from typing import Literal

GroupKind = Literal["grpo", "dr_grpo", "rloo"]
"""Comparisons of a sample with the others of its prompt (`advantages.group_advantage`)."""
Advantage = Literal["gae", "grpo", "dr_grpo", "rloo", "reinforce_pp", "reinforce_pp_baseline"]
Aggregation = Literal["token_mean", "group_token_mean", "sample_mean", "fixed_length"]
"""See `aggregation.divisors`."""
PolicyLossKind = Literal["ppo_clip", "gspo", "cispo"]
"""See `policy_losses.policy_loss`."""
ImportanceKind = Literal["off", "full", "tis", "icepop"]
"""See `ratios.importance_weights`."""
OldLogprobs = Literal["learner", "rollout"]
"""See `AlgorithmBase.old_logprobs`."""
KlKind = Literal["k1", "k2", "k3"]
"""See `losses.kl`."""
