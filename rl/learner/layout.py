"""How micro-batches may be laid out for a model: packed, behind shared prompts, over sequence-parallel ranks."""

from __future__ import annotations

from transformers import PreTrainedModel

from rl.errors import PonderError
from rl.learner.config import LearnerConfig
from rl.learner.kernels import Device, packing_pays, sharing_pays
from rl.learner.micro import Layout

ATTENTION_LAYERS = frozenset({"full_attention", "sliding_attention", "chunked_attention"})
"""Kinds of layers (transformers' `layer_types`) in which a mask decides what a token sees."""


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


def choose_layout(model: PreTrainedModel, config: LearnerConfig, kernel: str, device: Device) -> Layout:
    """How micro-batches are laid out.

    Raises:
        PonderError: packing, shared prompts or sequence parallelism was asked for, and the model does not allow it.
    """
    name = f"{model.config.name_or_path} ({type(model).__name__})"
    if only_attends(model):
        if config.packing == "on" or (config.packing == "auto" and packing_pays(kernel, device)):
            return "packed"
        if config.share_prompts == "on" and not sees_everything(model):
            raise PonderError(
                f"{name} has layers that see a window of their tokens only: its samples cannot share a prompt. Way "
                "out: learner.share_prompts: auto."
            )
        wanted = config.share_prompts == "on" or (config.share_prompts == "auto" and sharing_pays(kernel, device))
        return "shared" if wanted and sees_everything(model) and config.sequence_parallel == 1 else "padded"
    for asked, way_out in (
        (config.packing == "on", "learner.packing: auto"),
        (config.share_prompts == "on", "learner.share_prompts: auto"),
        (config.sequence_parallel > 1, "learner.sequence_parallel: 1"),
    ):
        if asked:
            raise PonderError(
                f"{name} has other layers than attention that connect tokens: its samples can be neither packed nor "
                f"share a prompt, nor be shared by ranks. Way out: {way_out}."
            )
    return "padded"
