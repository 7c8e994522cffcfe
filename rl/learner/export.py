"""Networks as Hugging Face folders: the policy as it is, the critic as a reward model (a classifier with one label).

The head of such a reward model is `score.weight` [1, hidden]. Ours has a bias too, `score.bias`: a reader that knows of
none leaves it out, and its scores are off by that constant.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch
from huggingface_hub import save_torch_state_dict
from safetensors import safe_open
from torch import Tensor
from transformers import PretrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

from rl.errors import PonderError
from rl.learner.model import CriticNetwork, full_weights, gathered, saved_names

HEADS = ("score", "value_head")
"""Names of the head in reward models: Hugging Face's classifiers, critics of other trainers."""


def write_model(
    weights: Iterable[tuple[str, Tensor]], config: PretrainedConfig, dtype: torch.dtype, folder: Path
) -> None:
    """Write weights and configuration; the tokenizer is the caller's to copy.

    Args:
        weights: one after the other; each is copied to host memory.
        dtype: that the configuration states.
        folder: made when it is not there.
    """
    named = {name: weight.to("cpu", copy=True) for name, weight in weights}
    folder.mkdir(parents=True, exist_ok=True)
    save_torch_state_dict(named, folder, metadata={"format": "pt"})
    stated = config.to_dict() | {"dtype": str(dtype).removeprefix("torch.")}
    type(config).from_dict(stated).save_pretrained(folder)


def reward_model_weights(network: CriticNetwork, dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
    """A critic's weights under the names of a sequence classifier, adapters merged in; every rank goes through all."""
    backbone = network.backbone
    for name, weight in saved_names(backbone, full_weights(backbone, dtype)):
        yield f"{backbone.base_model_prefix}.{name}", weight
    for name, parameter in network.value_head.named_parameters():
        with gathered([parameter]):
            yield f"score.{name}", parameter.detach().to(dtype)


def reward_model_config(backbone: PretrainedConfig) -> PretrainedConfig:
    """The configuration of a backbone as that of a sequence classifier with one label."""
    config = copy.deepcopy(backbone)
    config.num_labels = 1
    named = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES.get(config.model_type)
    if named is not None:  # else no classifier of this architecture exists in transformers: ours reads it all the same
        config.architectures = [named]
    return config


def read_value_head(folder: Path) -> Mapping[str, Tensor]:
    """`weight` [1, hidden] and `bias` [1] of a reward model's head (0 where it has none), float32.

    Raises:
        PonderError: the folder holds no head with one output, in safetensors files.
    """
    found: dict[str, Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as tensors:
            for name in set(tensors.keys()) & {f"{head}.{part}" for head in HEADS for part in ("weight", "bias")}:
                found[name.rpartition(".")[2]] = tensors.get_tensor(name).float()
    if "weight" not in found or found["weight"].shape[0] != 1:
        what = f"has {found['weight'].shape[0]} outputs" if "weight" in found else "is not there"
        raise PonderError(
            f"model.critic: {folder} is no reward model: a head `{'` or `'.join(f'{head}.weight' for head in HEADS)}` "
            f"with one output is needed in its safetensors files, and it {what}. Ways out: (1) name a reward model or "
            "the `pretrained_critic` of a run, (2) leave model.critic out: the critic then starts from the policy."
        )
    return {"bias": torch.zeros(1), **found}
