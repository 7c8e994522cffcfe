"""The networks that are trained: policy (a causal language model) and critic (its backbone with a value head)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from peft import LoraConfig as PeftLoraConfig
from peft import inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForCausalLM, PreTrainedModel
from transformers.core_model_loading import revert_weight_conversion

from rl.errors import PonderError
from rl.learner.config import LoraConfig
from rl.learner.logprobs import LogprobHead
from rl.learner.split import Split, Whole

UNSUPPORTED_LOGITS = ("final_logit_softcapping", "logits_scaling", "logit_scale")
"""Config keys of models that change their logits after the head, which `LogprobHead` replaces."""


class PolicyNetwork(nn.Module):
    """A Hugging Face causal language model that returns log-probabilities of given tokens."""

    def __init__(self, model: PreTrainedModel, chunk_tokens: int, split: Split | None = None) -> None:
        """Wrap a model and replace its head by a `LogprobHead` on the same weight.

        Args:
            model: of a class for causal language modelling.
            chunk_tokens: see `LogprobHead`.
            split: of micro-batches over ranks; default: none.

        Raises:
            PonderError: the model changes its logits after the head.
        """
        super().__init__()
        for key in UNSUPPORTED_LOGITS:
            if getattr(model.config, key, None) not in (None, 1, 1.0):
                raise PonderError(
                    f"{model.config.name_or_path}: the learner does not support models with {key} "
                    f"({getattr(model.config, key)}): its logprobs would not be the model's own. Choose another model."
                )
        head = LogprobHead(model.get_output_embeddings(), chunk_tokens)  # type: ignore[no-untyped-call]
        model.set_output_embeddings(head)  # type: ignore[no-untyped-call]
        self.model, self._head = model, [head]  # in a list: not a submodule of two parents
        self._split = split or Whole()

    def forward(
        self,
        input_ids: Tensor,
        position_ids: Tensor | None,
        attention: Tensor | None,
        at: tuple[Tensor, Tensor],
        targets: Tensor,
        temperature: float,
        with_entropy: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Log-probabilities (and entropies) of `targets` [N] predicted at the positions `at` of `input_ids` [R, L].

        For `position_ids` and `attention` see `MicroTensors`.
        """
        part = self._split.part(input_ids, position_ids, attention, at)
        hidden = part.states(self.model.base_model)
        logprobs, entropy = self._head[0](hidden, targets[part.own], temperature, with_entropy)
        return self._split.joined(logprobs, part), None if entropy is None else self._split.joined(entropy, part)


class CriticNetwork(nn.Module):
    """The backbone of a language model with one linear value head, 0 at first."""

    def __init__(self, backbone: PreTrainedModel, split: Split | None = None) -> None:
        """Put a value head on a backbone; it starts at V = 0 everywhere, the mean of a centred reward."""
        super().__init__()
        self.backbone, self._split = backbone, split or Whole()
        self.value_head = nn.Linear(backbone.config.get_text_config().hidden_size, 1, dtype=backbone.dtype)
        nn.init.zeros_(self.value_head.weight)
        nn.init.zeros_(self.value_head.bias)

    def forward(
        self, input_ids: Tensor, position_ids: Tensor | None, attention: Tensor | None, at: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Values [N] float32 of the states at the positions `at` of `input_ids` [R, L]."""
        part = self._split.part(input_ids, position_ids, attention, at)
        return self._split.joined(self.value_head(part.states(self.backbone)).squeeze(-1).float(), part)


def load_policy(
    path: str,
    *,
    attention: str,
    dtype: torch.dtype,
    chunk_tokens: int,
    lora: LoraConfig | None,
    checkpointing: bool,
    split: Split | None = None,
) -> PolicyNetwork:
    """The policy from a Hugging Face folder or name.

    Args:
        path: what `from_pretrained` takes.
        attention: attention kernel, not `auto`.
        dtype: of the parameters.
        chunk_tokens: see `LogprobHead`.
        lora: train adapters instead of all weights.
        checkpointing: recompute activations in the backward pass.
        split: of micro-batches over ranks; default: none.
    """
    model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, attn_implementation=attention)
    network = PolicyNetwork(model, chunk_tokens, split)
    _prepare(model, lora, checkpointing)
    return network


def load_critic(
    path: str,
    *,
    attention: str,
    dtype: torch.dtype,
    lora: LoraConfig | None,
    checkpointing: bool,
    split: Split | None = None,
    head: Mapping[str, Tensor] | None = None,
) -> CriticNetwork:
    """The critic, from the policy's weights or from a reward model's.

    Args:
        path, attention, dtype, lora, checkpointing, split: as in `load_policy`.
        head: `weight` [1, hidden] and `bias` [1] of the reward model in `path`; None: a head of 0.
    """
    backbone = AutoModel.from_pretrained(path, dtype=dtype, attn_implementation=attention)
    _prepare(backbone, lora, checkpointing)
    network = CriticNetwork(backbone, split)
    if head is not None:
        network.value_head.load_state_dict(head)
    return network


def _prepare(model: PreTrainedModel, lora: LoraConfig | None, checkpointing: bool) -> None:
    """No dropout (the ratio would be noise), adapters, activation checkpointing."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        elif isinstance(getattr(module, "attention_dropout", None), float):
            setattr(module, "attention_dropout", 0.0)  # noqa: B010  # a plain number, which nn.Module's types forbid
    if lora is not None:
        adapters = PeftLoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,  # type: ignore[arg-type]  # peft divides it by the rank
            lora_dropout=lora.dropout,
            target_modules=lora.target_modules,
        )
        inject_adapter_in_model(adapters, model)
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})


@contextmanager
def adapters_off(model: PreTrainedModel) -> Iterator[None]:
    """Inside the block the model is the one that its adapters were put on."""
    layers = [module for module in model.modules() if isinstance(module, LoraLayer)]
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def full_weights(model: PreTrainedModel, dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
    """A model's weights under Hugging Face names, one after the other, adapters merged in.

    Tied weights appear once, under their first name. With ZeRO-3 each parameter is gathered when its turn comes and
    let go afterwards: every rank must go through all of them, and a tensor to be kept must be copied.

    Args:
        model: the language model inside a `PolicyNetwork`.
        dtype: of the floating-point weights.

    Yields:
        Name and tensor on the learner's device; it may share the model's memory.
    """
    adapted: dict[str, Any] = {name: module for name, module in model.named_modules() if isinstance(module, LoraLayer)}
    for name, parameter in _plain_weights(model):
        owner, _, leaf = name.rpartition(".base_layer.")
        layer = adapted.get(owner) if leaf == "weight" else None
        with gathered([parameter, *([] if layer is None else layer.parameters())]):
            weight = parameter.detach()
            if layer is not None:
                weight = weight + layer.get_delta_weight("default").to(weight.dtype)
            yield f"{owner}.{leaf}" if owner else name, weight.to(dtype) if weight.is_floating_point() else weight


def saved_names(model: PreTrainedModel, weights: Iterable[tuple[str, Tensor]]) -> Iterable[tuple[str, Tensor]]:
    """Weights as `save_pretrained` would write them, which is what vLLM loads.

    Some architectures (mixtures of experts) fuse the weights of a checkpoint while loading: for these all weights are
    copied to host memory and taken apart again. All others pass through as they come.
    """
    if not getattr(model, "_weight_conversions", None):
        return weights
    copied = {name: weight.to("cpu", copy=True) for name, weight in weights}
    saved: dict[str, Tensor] = revert_weight_conversion(model, copied)
    return saved.items()


def _plain_weights(model: PreTrainedModel) -> Iterator[tuple[str, Tensor]]:
    """Parameters and saved buffers, adapters left out."""
    for name, parameter in model.named_parameters():
        if ".lora_" not in name:
            yield name, parameter
    saved: Mapping[str, Any] = model.state_dict(keep_vars=True)
    yield from ((name, buffer) for name, buffer in model.named_buffers() if name in saved)


def gathered(parts: list[Tensor]) -> AbstractContextManager[object]:
    """All of a sharded parameter inside the block (ZeRO-3); nothing to do otherwise."""
    sharded = [part for part in parts if hasattr(part, "ds_id")]
    if not sharded:
        return nullcontext()
    from deepspeed.runtime.zero.partition_parameters import GatheredParameters  # type: ignore[import-untyped]

    gathered: AbstractContextManager[object] = GatheredParameters(sharded)
    return gathered
