"""A learner checkpoint in a group of another shape, on real DeepSpeed. Pinned here:

1. Another number of ranks, another ZeRO stage (0 to 3, both ways) and another type go on from the same master weights
   and Adam moments, bit for bit, of policy and critic, and learn what a group learns that never changed its shape (up
   to rounding).
2. The same holds for adapters, for tied weights, for parameters that stage 3 keeps whole and those that it does not,
   for an offloaded optimizer, and for a policy that was never updated.
3. The conversion is announced and made once; what a killed one left is done again.
4. Optimizer settings are those of the present start, not those in the checkpoint.
5. A group that trains other weights is refused with ways out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from rl.algorithms.targets import compute_targets
from rl.errors import PonderError
from rl.learner.config import LoraConfig, OffloadConfig, OptimizerConfig
from rl.learner.group import CONVERTED, LearnerGroup
from rl.learner.reshape import Parameter, read_parameters
from rl.learner.saved import Saved, read_saved, write_saved
from tests.rl.learner_parts import make_model
from tests.rl.test_learner import ALGORITHM, BATCH, CONFIG, Learnt, learn, start

NETWORKS = ("policy", "critic")


@dataclass(frozen=True)
class Hop:
    """A group of one shape."""

    ranks: int
    zero_stage: int
    config: Mapping[str, Any] = field(default_factory=dict)


def assert_same_state(got: Path, wanted: Path) -> None:
    for network in NETWORKS:
        after: dict[str, Parameter] = {parameter.name: parameter for parameter in read_parameters(got / network)}
        before = {parameter.name: parameter for parameter in read_parameters(wanted / network)}
        assert before.keys() == after.keys()
        for name, parameter in before.items():
            for part in ("fp32", "exp_avg", "exp_avg_sq", "step"):
                assert torch.equal(getattr(after[name], part), getattr(parameter, part)), (network, name, part)


async def load(group: LearnerGroup, source: Path, hop: Hop) -> None:
    """Go on from `source`; if that takes a conversion, it is announced, and made even if one was killed before."""
    saved = read_saved(source)
    same = (saved.ranks, saved.zero_stage) == (hop.ranks, hop.zero_stage)
    half = source / f"{CONVERTED}-part" / "policy"
    half.mkdir(parents=True)
    notes: list[str] = []
    await group.load(source, note=notes.append)
    assert [note for note in notes if "converting it, once" in note][1:] == []
    assert same is not any("converting it, once" in note for note in notes)
    assert (saved.ranks != hop.ranks) is any("drawn anew" in note for note in notes)
    assert half.exists() is same
    if hop.zero_stage == 0:  # DeepSpeed's sharded engines load once
        again: list[str] = []
        await group.load(source, note=again.append)
        assert not any("converting" in note for note in again)


async def walk(
    model: str, folder: Path, hops: list[Hop], *, pretrain_first: bool = False, **config: Any
) -> list[Learnt]:
    """From shape to shape, one update in each (the first one of the critic alone, if asked to)."""
    learnt: list[Learnt] = []
    source: Path | None = None
    for place, hop in enumerate(hops):
        here = folder / f"{place}-{hop.ranks}x{hop.zero_stage}"
        group = start(model, here, ranks=hop.ranks, zero_stage=hop.zero_stage, **{**config, **hop.config})
        for name in ("loaded", "learnt"):
            (here / name).mkdir()
        if source is not None:
            await load(group, source, hop)
            await group.save(here / "loaded")
            assert_same_state(here / "loaded", source)
        if pretrain_first and source is None:
            estimates = await group.estimate(BATCH)
            await group.update(BATCH, estimates, compute_targets(BATCH, estimates, ALGORITHM), train_policy=False)
        else:
            learnt.append(await learn(group))
        source = here / "learnt"
        await group.save(source)
        await group.shutdown()
    return learnt


async def stay(model: str, folder: Path, updates: int) -> list[Learnt]:
    group = start(model, folder)
    learnt = [await learn(group) for _ in range(updates)]
    await group.shutdown()
    return learnt


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ranks_and_stages_change_and_nothing_else_does(cluster: None, tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    hops = [Hop(1, 0), Hop(2, 1), Hop(1, 1), Hop(2, 2), Hop(1, 2), Hop(2, 3), Hop(1, 3), Hop(2, 0)]
    stayed = asyncio.run(stay(model, tmp_path, len(hops)))
    base = load_file(Path(model) / "model.safetensors")
    for got, wanted in zip(asyncio.run(walk(model, tmp_path, hops)), stayed, strict=True):
        assert got.estimates.values is not None and wanted.estimates.values is not None
        for rows, expected in (
            (got.estimates.logprobs, wanted.estimates.logprobs),
            (got.estimates.values, wanted.estimates.values),
        ):
            for row, expected_row in zip(rows, expected, strict=True):
                torch.testing.assert_close(torch.tensor(row), torch.tensor(expected_row), rtol=1e-3, atol=1e-4)
        for name, before in base.items():
            moved, expected_move = got.weights[name] - before, wanted.weights[name] - before
            assert (moved - expected_move).abs().mean() < 1e-3 * expected_move.abs().mean(), name


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_mixed_precision_goes_on_from_the_same_master_weights(cluster: None, tmp_path: Path) -> None:
    model = make_model(tmp_path / "model", vocabulary=7000)  # embeddings above stage 3's 1e5 elements, the rest below
    hops = [Hop(2, 1), Hop(2, 1), Hop(1, 2), Hop(2, 3), Hop(1, 1), Hop(1, 0)]
    asyncio.run(walk(model, tmp_path, hops, dtype="bfloat16"))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_adapters_on_tied_weights_go_on(cluster: None, tmp_path: Path) -> None:
    model = make_model(tmp_path / "model", tied=True)
    hops = [Hop(2, 0), Hop(1, 3), Hop(2, 2), Hop(1, 0)]
    learnt = asyncio.run(walk(model, tmp_path, hops, lora=LoraConfig(rank=4, target_modules=["q_proj", "up_proj"])))
    trained = {parameter.name for parameter in read_parameters(tmp_path / "3-1x0" / "learnt" / "policy")}
    assert trained and all(".lora_" in name for name in trained)
    base = load_file(Path(model) / "model.safetensors")
    moved = {name for name, weight in learnt[-1].weights.items() if not torch.equal(weight, base[name])}
    assert moved and all("q_proj" in name or "up_proj" in name for name in moved)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_an_offloaded_optimizer_and_a_policy_that_was_never_updated_go_on(cluster: None, tmp_path: Path) -> None:
    other = OptimizerConfig(learning_rate=1e-3, weight_decay=0.3, betas=(0.8, 0.9), gradient_clip=0.25)
    hops = [
        Hop(2, 2, {"offload": OffloadConfig(optimizer=True)}),
        Hop(1, 3),
        Hop(2, 2),
        Hop(2, 2, {"policy": other}),
    ]
    model = make_model(tmp_path / "model", tied=True)
    asyncio.run(walk(model, tmp_path, hops, pretrain_first=True))
    first = list(read_parameters(tmp_path / "0-2x2" / "learnt" / "policy"))
    assert all(float(parameter.step) == 0 for parameter in first)
    file = "zero_pp_rank_0_mp_rank_00_optim_states.pt"
    shard = torch.load(tmp_path / "3-2x2" / "loaded" / "policy" / "state" / file, weights_only=False)
    settings = shard["optimizer_state_dict"]["base_optimizer_state"]["param_groups"][0]
    assert (settings["weight_decay"], settings["betas"]) == (0.3, (0.8, 0.9))
    assert shard["optimizer_state_dict"]["clip_grad"] == 0.25


# --- what a checkpoint says of its group ------------------------------------------------------------------------

SAVED = Saved(
    updates=3,
    ranks=2,
    zero_stage=2,
    dtype="bfloat16",
    offloads_optimizer=False,
    critic=True,
    lora=LoraConfig(rank=4).model_dump(mode="json"),
)


def test_what_is_saved_of_a_group_is_read_back(tmp_path: Path) -> None:
    with pytest.raises(PonderError, match="no learner checkpoint in"):
        read_saved(tmp_path)
    write_saved(tmp_path, SAVED)
    assert read_saved(tmp_path) == SAVED


def test_only_shards_of_another_shape_are_converted() -> None:
    assert SAVED.loads_into(replace(SAVED, updates=0, critic=False))
    for change in ({"ranks": 1}, {"zero_stage": 1}, {"dtype": "float32"}, {"offloads_optimizer": True}):
        assert not SAVED.loads_into(replace(SAVED, **change)), change
    whole = replace(SAVED, zero_stage=0)
    assert whole.loads_into(replace(whole, ranks=1, dtype="float32"))


def test_another_network_is_refused(tmp_path: Path) -> None:
    SAVED.require_same_networks(replace(SAVED, ranks=8, critic=False), tmp_path)
    assert SAVED.lora is not None
    SAVED.require_same_networks(replace(SAVED, lora={**SAVED.lora, "dropout": 0.1}), tmp_path)
    for lora in (None, {**SAVED.lora, "rank": 8}, {**SAVED.lora, "target_modules": ["q_proj"]}):
        with pytest.raises(PonderError, match=r"learner\.lora = .*\(1\) undo.*\(2\) `ponder export`"):
            SAVED.require_same_networks(replace(SAVED, lora=lora), tmp_path)
    with pytest.raises(PonderError, match=r"without a critic.*\(1\).*\(2\)"):
        replace(SAVED, critic=False).require_same_networks(SAVED, tmp_path)


def test_the_settings_under_test_are_not_the_checkpoints() -> None:
    assert (CONFIG.policy.weight_decay, CONFIG.policy.gradient_clip) != (0.3, 0.25)
