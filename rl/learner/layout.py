"""How micro-batches may be laid out for a model: packed, behind shared prompts, over sequence-parallel ranks."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedModel

from rl.errors import PonderError
from rl.learner.config import LearnerConfig
from rl.learner.kernels import Device, packing_pays, sharing_pays, sharing_problem
from rl.learner.micro import Layout

ATTENTION_LAYERS = frozenset({"full_attention", "sliding_attention", "chunked_attention"})
"""Kinds of layers (transformers' `layer_types`) in which a mask decides what a token sees."""


OTHER_LAYERS = (
    "other layers than attention that connect tokens: its samples can be neither packed, nor share a prompt, nor be "
    "shared by ranks"
)
WINDOWS = "layers that see a window of their tokens only: its samples cannot share a prompt"


def only_attends(model: PreTrainedModel) -> bool:
    """Whether tokens of a model meet in transformers' attention kernels alone, where masks keep samples apart.

    State-space, convolution and linear-attention layers carry a state from token to token that no mask stops; models
    with an attention of their own do not ask for a kernel.
    """
    layers = set(getattr(model.config.get_text_config(), "layer_types", None) or ())
    return model._supports_attention_backend and not model._is_stateful and layers <= ATTENTION_LAYERS


def sees_everything(model: PreTrainedModel) -> bool:
    """Whether every layer's tokens see all before them: the one mask of shared prompts knows no windows."""
    config = model.config.get_text_config()
    layers = set(getattr(config, "layer_types", None) or ())
    return layers <= {"full_attention"} and getattr(config, "sliding_window", None) is None


def choose_layout(models: Sequence[PreTrainedModel], config: LearnerConfig, kernel: str, device: Device) -> Layout:
    """How micro-batches are laid out, for the policy and the critic alike.

    Raises:
        PonderError: packing, shared prompts or sequence parallelism was asked for, and cannot be.
    """
    if config.share_prompts == "on" and (problem := sharing_problem(kernel)):
        raise PonderError(f"learner.share_prompts {problem}")
    for model in models:
        name = f"{model.config.name_or_path} ({type(model).__name__})"
        for asked, possible, why, way_out in (
            (config.packing == "on", only_attends(model), OTHER_LAYERS, "learner.packing: auto"),
            (config.sequence_parallel > 1, only_attends(model), OTHER_LAYERS, "learner.sequence_parallel: 1"),
            (config.share_prompts == "on", only_attends(model), OTHER_LAYERS, "learner.share_prompts: auto"),
            (config.share_prompts == "on", sees_everything(model), WINDOWS, "learner.share_prompts: auto"),
        ):
            if asked and not possible:
                raise PonderError(f"{name} has {why}. Way out: {way_out}.")
    if not all(map(only_attends, models)):
        return "padded"
    if config.packing == "on" or (config.packing == "auto" and packing_pays(kernel, device)):
        return "packed"
    wanted = config.share_prompts == "on" or (config.share_prompts == "auto" and sharing_pays(kernel, device))
    return "shared" if wanted and config.sequence_parallel == 1 and all(map(sees_everything, models)) else "padded"
