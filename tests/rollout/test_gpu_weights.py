"""What can be pinned without GPUs: which engines meet under which ranks, and what is refused."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import ray

from rollout.errors import RolloutError
from rollout.gpu_weights import EngineWeights, _Workers


class Method:
    """A stand-in for a method of a Ray actor: remembers what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def remote(self, *arguments: Any) -> None:
        self.calls.append(arguments)


class Actor:
    def __init__(self) -> None:
        self.init_weight_transfer = Method()
        self.end_update = Method()


def test_every_engine_has_ranks_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "get", lambda references: references)
    actors = [Actor(), Actor(), Actor()]
    workers = _Workers(actors, tensor_parallel=4)
    workers.init_weight_transfer_engine({"rank_offset": 1, "world_size": 13})
    assert workers.engine_workers == 12
    assert [actor.init_weight_transfer.calls[0][0]["rank_offset"] for actor in actors] == [1, 5, 9]
    workers.everywhere("end_update", 7)
    assert all(actor.end_update.calls == [(7,)] for actor in actors)


def test_a_publisher_is_plain_data() -> None:
    made = EngineWeights("nccl", ["a", "b"], tensor_parallel=2)
    assert pickle.loads(pickle.dumps(made))._key == made._key
    made.discard_before(3)
    made.close()


def test_cuda_ipc_serves_one_gpu_only() -> None:
    with pytest.raises(RolloutError, match=r"cuda_ipc needs one rollout worker.*nccl"):
        EngineWeights("cuda_ipc", ["a", "b"], tensor_parallel=1)
