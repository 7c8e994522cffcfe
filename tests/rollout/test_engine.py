"""What is pinned here:

1. Arguments that the logprobs and weight swaps depend on.
2. `engine_args` passes through, and neither overrides what another key owns nor hides a misspelling.
3. The transport of weights follows the device.
"""

from __future__ import annotations

from typing import Any

import pytest

from rollout.config import RolloutConfig
from rollout.engine import build_engine_args, engine_arguments, transport
from rollout.errors import RolloutError
from rollout.machine import Device


def arguments(device: Device, **fields: Any) -> dict[str, Any]:
    return engine_arguments(RolloutConfig(**fields), model_path="m", context_tokens=512, device=device)


def test_cpu_engine() -> None:
    made = arguments("cpu", max_concurrent_samples=32, cpu_kv_cache_gib=0.5)
    assert made["enforce_eager"] is True
    assert made["kv_cache_memory_bytes"] == 2**29
    assert made["max_num_seqs"] == 32
    assert made["max_model_len"] == 512
    assert made["logprobs_mode"] == "processed_logprobs"
    assert made["enable_prefix_caching"] is True
    assert "weight_transfer_config" not in made


def test_prompts_are_never_computed_in_pieces_on_cpu() -> None:
    made = arguments("cpu", max_concurrent_samples=8000)
    assert made["enable_chunked_prefill"] is False
    assert made["max_num_batched_tokens"] >= 512 + 8000, "a whole context must fit beside all samples being decoded"


def test_gpu_engine() -> None:
    made = arguments("gpu", tensor_parallel=4, gpu_memory_utilization=0.7)
    assert made["enforce_eager"] is False
    assert made["gpu_memory_utilization"] == 0.7
    assert made["tensor_parallel_size"] == 4
    assert made["weight_transfer_config"] == {"backend": "nccl"}
    assert "enable_chunked_prefill" not in made


def test_any_engine_argument_passes_through() -> None:
    made = arguments("cpu", engine_args={"block_size": 64, "enable_prefix_caching": False})
    assert made["block_size"] == 64
    assert made["enable_prefix_caching"] is False


def test_an_argument_with_an_owner_is_refused() -> None:
    with pytest.raises(RolloutError, match=r"engine_args\.max_num_seqs.*rollout\.max_concurrent_samples"):
        arguments("cpu", engine_args={"max_num_seqs": 3})


def test_a_misspelt_argument_is_named_with_its_neighbour() -> None:
    with pytest.raises(RolloutError, match=r"engine_args\.blok_size.*did you mean block_size"):
        build_engine_args(arguments("cpu", engine_args={"blok_size": 64}))


def test_transport() -> None:
    assert transport(RolloutConfig(), "cpu") == "shared_memory"
    assert transport(RolloutConfig(), "gpu") == "nccl"
    assert transport(RolloutConfig(weight_transfer="shared_memory"), "gpu") == "shared_memory"
    with pytest.raises(RolloutError, match="between GPUs"):
        transport(RolloutConfig(weight_transfer="nccl"), "cpu")
