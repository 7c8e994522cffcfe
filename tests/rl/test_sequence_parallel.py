"""Ulysses sequence parallelism, on processes of its own. Pinned here:

1. Two ranks that share every row have, each, the log-probabilities, entropies and values of one rank that computes them
   whole; their gradients of the weights add up to its gradients. Padded and packed rows, sliding windows, activation
   checkpointing, key-value heads that are shared out and that are copied, rows that the ranks do not divide.
2. On real DeepSpeed with ZeRO 0 and 3, estimates, losses, gradient norms and weights after two updates are those of one
   rank: VAPO with critic and reference, GSPO, adapters, and two data-parallel groups of two ranks.
3. Nothing is counted twice: all metrics are those of one rank.
4. Heads that the ranks cannot share are an error that names the numbers that can.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, multiprocessing, nn

from rl.algorithms.base import ReferenceKl
from rl.algorithms.config import AlgorithmConfig, Gspo, Vapo
from rl.learner.config import LoraConfig
from rl.learner.group import LearnerError
from rl.learner.kernels import heads_problem
from rl.learner.micro import tensors
from rl.learner.model import load_critic, load_policy
from rl.learner.sequence_parallel import Ulysses
from rl.learner.split import Split, Whole
from tests.rl.learner_parts import (
    Learnt,
    assert_same_learning,
    learn_twice,
    make_batch,
    make_mixed_model,
    make_model,
    make_sliding_model,
)

BATCH = make_batch()
MICROS = [(0, 1, 2, 3, 4), (5, 6), (7,), (), (8, 9, 10)]
CASES = [(packed, checkpointing) for packed in (False, True) for checkpointing in (False, True)]
Results = dict[str, tuple[list[Tensor], list[Tensor]]]
"""Case -> results of all response tokens, gradients of the weights."""


def results(path: str, split: Split) -> Results:
    """What one rank computes."""
    found: Results = {}
    for packed, checkpointing in CASES:
        loading: dict[str, Any] = {
            "attention": "sdpa",
            "dtype": torch.float32,
            "lora": None,
            "checkpointing": checkpointing,
            "split": split,
        }
        policy, critic = load_policy(path, chunk_tokens=30, **loading), load_critic(path, **loading)
        nn.init.normal_(critic.value_head.weight, generator=torch.Generator().manual_seed(3))
        joined = []
        for micro in MICROS:
            inputs = tensors(BATCH, micro, torch.device("cpu"), layout="packed" if packed else "padded")
            logprobs, entropy = policy.train()(*inputs.predictors, inputs.targets, 0.9, True)
            values = critic.train()(*inputs.predictors)
            weights = torch.linspace(1, 2, len(values))
            assert entropy is not None
            (weights * (logprobs + 0.3 * entropy)).sum().backward()
            (weights * values).sum().backward()
            joined += [logprobs.detach(), entropy.detach(), values.detach()]
        gradients = [p.grad for network in (policy, critic) for p in network.parameters() if p.grad is not None]
        found[f"packed {packed}, checkpointing {checkpointing}"] = (joined, gradients)
    return found


def one_of_two(rank: int, path: str, folder: str) -> None:
    """A process that shares every row with another."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    import deepspeed  # type: ignore[import-untyped]

    deepspeed.ops.__compatible_ops__ = {}  # else it compiles, as in `LearnerWorker`
    deepspeed.init_distributed(dist_init_required=False)
    torch.save(results(path, Ulysses(2, path, "sdpa")), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


MODELS = {
    "kv heads copied": make_model,
    "kv heads shared out": lambda folder: make_model(folder, num_attention_heads=4, num_key_value_heads=2),
    "sliding windows": make_sliding_model,
    "windows in some layers": make_mixed_model,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_two_ranks_give_what_one_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("DS_ACCELERATOR", "cpu")
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    path = MODELS[name](tmp_path / "model")
    multiprocessing.spawn(one_of_two, (path, str(tmp_path)), nprocs=2)  # type: ignore[no-untyped-call]
    ranks: list[Results] = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for case, (joined, gradients) in results(path, Whole()).items():
        for rank in ranks:
            torch.testing.assert_close(rank[case][0], joined, rtol=1e-4, atol=1e-5)
        for whole, *parts in zip(gradients, *(rank[case][1] for rank in ranks), strict=True):
            assert (sum(parts) - whole).abs().max() < 1e-5 * whole.abs().max(), case
            assert all((part - whole).abs().max() > 1e-3 * whole.abs().max() for part in parts), case


def test_heads_must_be_shared_evenly() -> None:
    assert heads_problem(32, 8, 8) is None
    assert heads_problem(32, 8, 16) is None
    assert heads_problem(14, 2, 2) is None
    problem = heads_problem(28, 4, 8)
    assert problem is not None
    assert "28 attention heads and 4 key-value heads" in problem
    assert "one of 1, 2, 4, 28" in problem


# --- real Ray and DeepSpeed -------------------------------------------------------------------------------------


VAPO, GSPO = Vapo(kl=ReferenceKl(weight=0.1), entropy_weight=0.01), Gspo(clip_low=0.01, clip_high=0.01)
ADAPTERS = {"lora": LoraConfig(rank=4)}
SHAPES: list[tuple[str, AlgorithmConfig, dict[str, Any], list[dict[str, Any]]]] = [
    ("vapo", VAPO, {}, [{"zero_stage": 0}, {"zero_stage": 3, "packing": "on"}, {"zero_stage": 2, "ranks": 4}]),
    ("gspo", GSPO, {}, [{"zero_stage": 0, "packing": "on"}, {"zero_stage": 3}]),
    ("adapters", VAPO, ADAPTERS, [{"zero_stage": 3}]),
]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "algorithm", "config", "shapes"), SHAPES, ids=[shape[0] for shape in SHAPES])
def test_updates_are_those_of_one_rank(
    cluster: None,
    model: str,
    tmp_path: Path,
    name: str,
    algorithm: AlgorithmConfig,
    config: dict[str, Any],
    shapes: list[dict[str, Any]],
) -> None:
    def learnt(folder: str, **shape: Any) -> Learnt:
        return asyncio.run(learn_twice(model, tmp_path / folder, BATCH, algorithm, **config, **shape))

    wanted = learnt("one")
    for place, shape in enumerate(shapes):
        assert_same_learning(learnt(str(place), **{"ranks": 2, **shape}, sequence_parallel=2), wanted)


@pytest.mark.slow
def test_a_model_with_too_few_heads_is_refused(cluster: None, model: str, tmp_path: Path) -> None:
    with pytest.raises(LearnerError, match=r"(?s)cannot be shared by as many ranks.*one of 1, 2"):
        asyncio.run(learn_twice(model, tmp_path, BATCH, GSPO, ranks=3, sequence_parallel=3))
