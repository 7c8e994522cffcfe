"""Runs inside vLLM's workers: takes new weights into a loaded model.

vLLM adds the methods of `WeightSwap` to its worker class (`worker_extension_cls`), and the rollout worker calls them
by `collective_rpc`. The weights go through vLLM's own reload path: on CPU (and for quantised models) what the engine
computes with is a repacked copy of the checkpoint's tensors, so writing into parameters is not enough.

A tied output head needs more. It shares its parameter with the embedding, the checkpoint has no tensor of its own for
it, so the reload path does not touch it, and its repacked copy would silently keep the old weights.
`refresh_tied_heads` packs it again.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from torch import Tensor, nn
from vllm.config import set_current_vllm_config
from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead, VocabParallelEmbedding
from vllm.model_executor.model_loader.reload import finalize_layerwise_reload, initialize_layerwise_reload

if TYPE_CHECKING:
    from vllm.config import VllmConfig

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class SwapReport:
    """What one swap did in one engine worker (sent back as a plain dict)."""

    not_loaded: tuple[str, ...]
    """Engine parameters that no tensor of the new weights went into: they keep their old values."""
    tied_heads: tuple[str, ...]
    """Output heads that share the embedding's parameter and were packed again."""


class WeightSwap:
    """Mixed into vLLM's worker class; `self` is that worker."""

    model_runner: Any
    model_config: Any
    vllm_config: VllmConfig

    def ponder_load_weights(self, folder: str) -> dict[str, tuple[str, ...]]:
        """Load the safetensors below `folder` (Hugging Face names) into the running model."""
        model: nn.Module = self.model_runner.get_model()
        expected = {name for name, _ in model.named_parameters()}
        with set_current_vllm_config(self.vllm_config), torch.no_grad():
            initialize_layerwise_reload(model)
            load: Any = model.load_weights
            loaded = load(tensors(Path(folder)))
            finalize_layerwise_reload(model, self.model_config)  # type: ignore[no-untyped-call]
        report = SwapReport(tuple(sorted(expected - set(loaded or expected))), tuple(refresh_tied_heads(model)))
        return vars(report)

    def ponder_refresh_tied_heads(self) -> dict[str, tuple[str, ...]]:
        """After a transfer by vLLM's own engines, which end in the same reload path."""
        return vars(SwapReport((), tuple(refresh_tied_heads(self.model_runner.get_model()))))


def tensors(folder: Path) -> Iterator[tuple[str, Tensor]]:
    """Names and memory-mapped tensors of all safetensors files in a folder."""
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as mapped:
            for name in mapped.keys():  # noqa: SIM118
                yield name, mapped.get_tensor(name)


def refresh_tied_heads(model: nn.Module) -> list[str]:
    """Pack output heads that share the embedding's parameter again; returns their names."""
    embeddings = {
        id(module.weight)
        for module in model.modules()
        if isinstance(module, VocabParallelEmbedding) and not isinstance(module, ParallelLMHead)
    }
    heads = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, ParallelLMHead) and id(module.weight) in embeddings
    ]
    for _, head in heads:
        head.quant_method.process_weights_after_loading(head)
    return [name for name, _ in heads]


def end_with_parent() -> None:
    """Ask the kernel to end this process when its parent dies: a killed actor must not leave an engine behind."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    parent = multiprocessing.parent_process()
    if parent is not None and os.getppid() != parent.pid:  # it died before we asked
        os.kill(os.getpid(), signal.SIGKILL)


# On import, that is when vLLM's worker is created, in whichever process that is.
end_with_parent()
