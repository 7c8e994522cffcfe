"""vLLM engine arguments from a `RolloutConfig`.

Everything that differs between CPU and GPU engines is in `engine_arguments`; `engine_args:` of the configuration is
laid over it unchanged.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib.util
from typing import TYPE_CHECKING, Any

from rollout.config import RolloutConfig
from rollout.errors import RolloutError
from rollout.machine import Device, engine_dtype

if TYPE_CHECKING:
    from vllm.engine.arg_utils import AsyncEngineArgs

OWNED = {
    "model": "model.name",
    "max_model_len": "model.context_tokens",
    "max_num_seqs": "rollout.max_concurrent_samples",
    "tensor_parallel_size": "rollout.tensor_parallel",
    "dtype": "rollout.dtype",
    "enforce_eager": "rollout.enforce_eager",
    "gpu_memory_utilization": "rollout.gpu_memory_utilization",
    "kv_cache_memory_bytes": "rollout.cpu_kv_cache_gib",
    "weight_transfer_config": "rollout.weight_transfer",
    "worker_extension_cls": "nothing: weight swaps need Ponder's own",
    "logprobs_mode": "nothing: the learner needs the logprobs of the sampling distribution",
}
"""Engine arguments that belong to another key, and which."""

GIB = 2**30

CPU_PREFILL_TOKENS = 4096
"""Prompt tokens computed in one engine step on CPU: more only delays the samples being decoded."""


def transport(config: RolloutConfig, device: Device) -> str:
    """How new weights reach the engines: `shared_memory`, `nccl` or `cuda_ipc`.

    Raises:
        RolloutError: a GPU transport without GPUs.
    """
    if config.weight_transfer == "auto":
        return "shared_memory" if device == "cpu" else "nccl"
    if device == "cpu" and config.weight_transfer != "shared_memory":
        raise RolloutError(
            f"rollout.weight_transfer={config.weight_transfer} moves weights between GPUs, and this run is on CPU. "
            "Set it to auto or shared_memory."
        )
    return config.weight_transfer


def engine_arguments(
    config: RolloutConfig, *, model_path: str, context_tokens: int, device: Device, seed: int = 0
) -> dict[str, Any]:
    """Keyword arguments of vLLM's `AsyncEngineArgs`.

    Raises:
        RolloutError: `engine_args` names an argument that belongs to another key.
    """
    for name in config.engine_args:
        if name in OWNED:
            raise RolloutError(f"rollout.engine_args.{name} is set by {OWNED[name]}; remove it from engine_args.")
    arguments: dict[str, Any] = {
        "model": model_path,
        "max_model_len": context_tokens,
        "max_num_seqs": config.max_concurrent_samples,
        "tensor_parallel_size": config.tensor_parallel,
        "dtype": engine_dtype(config, device),
        "enforce_eager": config.enforce_eager if config.enforce_eager is not None else device == "cpu",
        "enable_prefix_caching": True,
        # Logprobs after temperature and truncation: of the distribution that the token was drawn from.
        "logprobs_mode": "processed_logprobs",
        "worker_extension_cls": "rollout.extension.WeightSwap",
        "seed": seed,
        # Prompts arrive as ids and leave as ids; no sampling defaults of the model's own.
        "skip_tokenizer_init": True,
        "generation_config": "vllm",
        "disable_log_stats": True,
        "enable_log_requests": False,
    }
    if device == "gpu":
        arguments["gpu_memory_utilization"] = config.gpu_memory_utilization
        backend = {"nccl": "nccl", "cuda_ipc": "ipc"}.get(transport(config, device))
        if backend:
            arguments["weight_transfer_config"] = {"backend": backend}
    else:
        # A size given outright also spares the engine a trial run at start-up.
        arguments["kv_cache_memory_bytes"] = int(config.cpu_kv_cache_gib * GIB)
        # Cached prefixes come in whole blocks. Blocks of 32 (vLLM's default on CPU: 128) let short prompts share too:
        # 30% less work for groups of 8 with prompts of 100 tokens, and no slower decoding.
        arguments["block_size"] = 32
        # A prompt computed in pieces crashes this engine on CPU when the request has a seed ("CPU Generator does not
        # use offset"), so every prompt fits into one step.
        arguments["enable_chunked_prefill"] = False
        arguments["max_num_batched_tokens"] = max(CPU_PREFILL_TOKENS, context_tokens + config.max_concurrent_samples)
        if config.tensor_parallel == 1:
            arguments["distributed_executor_backend"] = "uni"
    return arguments | config.engine_args


def check_engine_installed() -> None:
    """Fail before any process starts when there is no vLLM.

    Raises:
        RolloutError: vLLM is not installed.
    """
    if importlib.util.find_spec("vllm") is None:
        raise RolloutError("vLLM is not installed: install requirements/cpu.txt or requirements/gpu.txt.")


def build_engine_args(arguments: dict[str, Any]) -> AsyncEngineArgs:
    """vLLM's own argument object. Imports vLLM (seconds).

    Raises:
        RolloutError: vLLM has no argument of such a name.
    """
    from vllm.engine.arg_utils import AsyncEngineArgs

    known = [field.name for field in dataclasses.fields(AsyncEngineArgs)]
    for name in arguments:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise RolloutError(f"rollout.engine_args.{name}: vLLM has no such engine argument{hint}")
    return AsyncEngineArgs(**arguments)
