"""Weights from GPU to GPU by vLLM's own transfer engines (NCCL broadcast, CUDA IPC).

Written against vLLM 0.32 and not run yet: it needs GPUs. `EngineWeights.write` runs in learner rank 0: it pauses
all rollout workers, sends the tensors in portions, and lets the workers go on under the new version.

- `nccl`: rank 0 and every engine worker form one NCCL group; engine i has the ranks from 1 + i * tensor_parallel.
- `cuda_ipc`: the engine reads the learner's memory on the GPU that both share, so learner and worker must be on the
  same GPU: one learner rank, one worker, tensor_parallel 1.
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from rollout.errors import RolloutError
from rollout.weights import SHARD_BYTES, WeightManifest

if TYPE_CHECKING:
    from vllm.distributed.weight_transfer import TrainerWeightTransferEngine


_SENDERS: dict[str, Any] = {}
"""This process's end of each publisher's group: publishers are pickled anew for every write, the group must last."""


class EngineWeights:
    """Publishes weights straight into the engines. Plain data, so that it can be pickled."""

    def __init__(self, transport: str, workers: Sequence[Any], *, tensor_parallel: int) -> None:
        """For the Ray actors of all rollout workers.

        Raises:
            RolloutError: `cuda_ipc` with more than one engine worker.
        """
        if transport == "cuda_ipc" and len(workers) * tensor_parallel > 1:
            raise RolloutError(
                "rollout.weight_transfer=cuda_ipc needs one rollout worker with tensor_parallel 1 on the learner's "
                "GPU. Set it to nccl."
            )
        self._transport = transport
        self._client = _Workers(list(workers), tensor_parallel)
        self._key = uuid.uuid4().hex

    def write(self, version: int, state: Iterable[tuple[str, Tensor]]) -> WeightManifest:
        """Send all tensors; when this returns, all workers sample from them."""
        import torch

        if self._key not in _SENDERS:
            _SENDERS[self._key] = self._connect()
        sender = _SENDERS[self._key]
        names: list[str] = []
        size = 0
        self._client.everywhere("begin_update")
        for portion in _portions(state, torch.device("cuda", torch.cuda.current_device())):
            sender.source = _source(portion)
            sender.send_weights()
            names += [name for name, _ in portion]
            size += sum(tensor.nbytes for _, tensor in portion)
        self._client.everywhere("end_update", version)
        return WeightManifest(version, self._transport, None, tuple(names), size)

    def discard_before(self, version: int) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Leave the group, where this process is in it; a learner leaves it by ending."""
        if self._key in _SENDERS:
            _SENDERS.pop(self._key).shutdown()

    def _connect(self) -> TrainerWeightTransferEngine[Any]:
        import ray.util
        import torch.distributed
        from vllm.distributed.weight_transfer import WeightTransferTrainerFactory
        from vllm.distributed.weight_transfer.ipc_engine import IPCTrainerInitInfo
        from vllm.distributed.weight_transfer.nccl_engine import NCCLTrainerInitInfo

        info: Any
        if self._transport == "cuda_ipc":
            if torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1:
                raise RolloutError("rollout.weight_transfer=cuda_ipc needs learner.ranks=1. Set it to nccl.")
            info = IPCTrainerInitInfo(rank=0)
        else:
            with socket.socket() as free:
                free.bind(("", 0))
                port = free.getsockname()[1]
            info = NCCLTrainerInitInfo(
                master_address=ray.util.get_node_ip_address(),  # type: ignore[no-untyped-call]
                master_port=port,
                world_size=1 + self._client.engine_workers,
                rank=0,
            )
        return WeightTransferTrainerFactory.trainer_init(info, client=self._client, source=_source([]))


class _Workers:
    """vLLM's `VLLMWeightSyncClient` for several independent engines.

    vLLM's own Ray client gives all engines the same ranks. Start and finish frame the whole update in `EngineWeights.
    write`, not each portion, so they do nothing here.
    """

    def __init__(self, actors: list[Any], tensor_parallel: int) -> None:
        self._actors = actors
        self._tensor_parallel = tensor_parallel
        self.engine_workers = len(actors) * tensor_parallel

    def everywhere(self, method: str, *arguments: Any) -> None:
        """Call a method of all workers and wait."""
        import ray

        ray.get([getattr(actor, method).remote(*arguments) for actor in self._actors])

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        import ray

        calls = []
        for index, actor in enumerate(self._actors):
            mine = dict(init_info)
            if "rank_offset" in mine:
                mine["rank_offset"] += index * self._tensor_parallel
            calls.append(actor.init_weight_transfer.remote(mine))
        ray.get(calls)

    def start_weight_update(self) -> None:
        return

    def update_weights(self, update_info: Any) -> None:
        self.everywhere("update_weights", update_info)

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        return


def _source(portion: list[tuple[str, Tensor]]) -> Any:
    """A vLLM `WeightSource` over tensors at hand."""
    from vllm.distributed.weight_transfer import ParamMeta, WeightSource

    class Portion(WeightSource):
        def metadata(self) -> list[ParamMeta]:
            return [ParamMeta(name, tensor.dtype, tuple(tensor.shape)) for name, tensor in portion]

        def __iter__(self) -> Iterator[tuple[str, Tensor]]:
            return iter(portion)

    return Portion()


def _portions(state: Iterable[tuple[str, Tensor]], device: Any) -> Iterator[list[tuple[str, Tensor]]]:
    """Tensors on the GPU in portions of about `SHARD_BYTES`."""
    portion: list[tuple[str, Tensor]] = []
    for name, tensor in state:
        portion.append((name, tensor.detach().to(device).contiguous()))
        if sum(tensor.nbytes for _, tensor in portion) >= SHARD_BYTES:
            yield portion
            portion = []
    if portion:
        yield portion
