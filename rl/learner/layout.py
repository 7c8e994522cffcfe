"""How micro-batches may be laid out for a model: packed into one row, shared by sequence-parallel ranks."""

from __future__ import annotations

from transformers import PreTrainedModel

from rl.errors import PonderError
from rl.learner.config import LearnerConfig
from rl.learner.kernels import Device, packing_pays

ATTENTION_LAYERS = frozenset({"full_attention", "sliding_attention", "chunked_attention"})
"""Kinds of layers (transformers' `layer_types`) in which a mask decides what a token sees."""


def only_attends(model: PreTrainedModel) -> bool:
    """Whether tokens of a model meet in transformers' attention kernels alone, where masks keep samples apart.

    State-space, convolution and linear-attention layers carry a state from token to token that no mask stops; models
    with an attention of their own do not ask for a kernel.
    """
    layers = set(getattr(model.config.get_text_config(), "layer_types", None) or ())
    return model._supports_attention_backend and not model._is_stateful and layers <= ATTENTION_LAYERS


def choose_packing(model: PreTrainedModel, config: LearnerConfig, kernel: str, device: Device) -> bool:
    """Whether micro-batches are packed rows.

    Raises:
        PonderError: packing or sequence parallelism was asked for, and the model's layers do not allow it.
    """
    if only_attends(model):
        return config.packing == "on" or (config.packing == "auto" and packing_pays(kernel, device))
    for asked, way_out in (
        (config.packing == "on", "learner.packing: auto"),
        (config.sequence_parallel > 1, "learner.sequence_parallel: 1"),
    ):
        if asked:
            raise PonderError(
                f"{model.config.name_or_path} ({type(model).__name__}) has other layers than attention that connect "
                f"tokens: its samples can be neither packed nor shared by ranks. Way out: {way_out}."
            )
    return False
