"""Presets. Pinned here:

1. What each preset sets, in full where it differs from the base: the published recipes.
2. A section in YAML changes the keys it names; the preset's other values in that section stay.
3. Every setting of a preset can be overridden, and every preset becomes any other by its differences alone.
"""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from rewards.settings.words import sections_in
from rl.algorithms.base import AlgorithmBase
from rl.algorithms.config import AlgorithmConfig, Dapo, Grpo, ReinforcePp, Vapo

ALGORITHM: TypeAdapter[AlgorithmConfig] = TypeAdapter(AlgorithmConfig)
PRESETS: dict[str, type[AlgorithmBase]] = {
    section.model_fields["preset"].default: section  # type: ignore[misc]
    for section in sections_in(AlgorithmConfig.__origin__)
}

BASE = {
    "policy_loss": "ppo_clip",
    "old_logprobs": "learner",
    "aggregation": "token_mean",
    "clip_low": 0.2,
    "clip_high": 0.28,
    "dual_clip": None,
    "importance": {"kind": "off", "cap": 2.0, "low": 0.5, "high": 5.0},
    "kl": None,
    "entropy_weight": 0.0,
    "positive_nll_weight": 0.0,
    "advantage_eps": 1e-6,
    "gamma": 1.0,
    "lambda_critic": 1.0,
    "lambda_policy": "length_adaptive",
    "alpha": 0.05,
    "whiten_advantages": True,
    "value_clip": None,
    "value_pretraining": {"samples": None, "min_steps": 5, "max_steps": 50, "explained_variance": 0.5, "loss": None},
    "dynamic_sampling": {"enabled": False, "max_rounds": 10, "oversampling": 1.0},
}
DYNAMIC = {"enabled": True, "max_rounds": 10, "oversampling": 1.0}

RECIPES: dict[str, dict[str, Any]] = {
    "vapo": {"advantage": "gae", "positive_nll_weight": 0.1},
    "dapo": {"advantage": "grpo", "dual_clip": 10.0, "dynamic_sampling": DYNAMIC},
    "grpo": {
        "advantage": "grpo",
        "aggregation": "sample_mean",
        "clip_high": 0.2,
        "kl": {"weight": 0.04, "kind": "k3", "where": "loss"},
    },
    "dr_grpo": {"advantage": "dr_grpo", "aggregation": "fixed_length", "clip_high": 0.2},
    "rloo": {
        "advantage": "rloo",
        "aggregation": "fixed_length",
        "clip_high": 0.2,
        "kl": {"weight": 0.03, "kind": "k1", "where": "reward"},
    },
    "reinforce_pp": {
        "advantage": "reinforce_pp",
        "clip_high": 0.2,
        "kl": {"weight": 0.001, "kind": "k1", "where": "reward"},
    },
    "gspo": {
        "advantage": "grpo",
        "policy_loss": "gspo",
        "aggregation": "sample_mean",
        "clip_low": 3e-4,
        "clip_high": 4e-4,
    },
    "cispo": {
        "advantage": "grpo",
        "policy_loss": "cispo",
        "clip_low": 1.0,
        "clip_high": 4.0,
        "dynamic_sampling": DYNAMIC,
    },
}


def test_every_preset_has_a_recipe() -> None:
    assert PRESETS.keys() == RECIPES.keys()


@pytest.mark.parametrize("preset", RECIPES)
def test_defaults_are_the_recipe(preset: str) -> None:
    assert PRESETS[preset]().model_dump() == {**BASE, **RECIPES[preset], "preset": preset}
    assert "arXiv" in (PRESETS[preset].__doc__ or "")


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("other", RECIPES)
def test_a_preset_becomes_another_by_its_differences(name: str, other: str) -> None:
    wanted = {**BASE, **RECIPES[other], "preset": name}
    assert ALGORITHM.validate_python(wanted).model_dump() == wanted


def test_a_section_keeps_the_rest_of_the_recipe() -> None:
    assert Vapo.model_validate({"dynamic_sampling": {"max_rounds": 3}}).dynamic_sampling.enabled is False
    assert Dapo.model_validate({"dynamic_sampling": {"max_rounds": 3}}).dynamic_sampling.enabled is True
    penalty = ReinforcePp.model_validate({"kl": {"weight": 0.5}}).kl
    assert penalty is not None
    assert penalty.model_dump() == {"weight": 0.5, "kind": "k1", "where": "reward"}
    assert Grpo.model_validate({"kl": None}).kl is None


def test_a_section_is_still_checked() -> None:
    with pytest.raises(ValidationError, match="max_roundz"):
        Vapo.model_validate({"dynamic_sampling": {"max_roundz": 3}})
    with pytest.raises(ValidationError, match="greater than 0"):
        Grpo.model_validate({"kl": {"weight": 0}})
