"""A saved DeepSpeed engine, made loadable by another number of ranks, another ZeRO stage or another type.

DeepSpeed's files hold what each rank kept: flat shards of float32 master weights and of Adam's moments. Its universal
checkpoints hold whole parameters instead, and its ZeRO engines can load these in any shape. Its own converter
(`deepspeed.checkpoint.ds_to_universal`) cannot cross the border between stages 0, 1 and 2, and 3; what is written here
can be loaded by all four. One parameter is in memory at a time: the shards are memory-mapped.

    universal/
      zero/<parameter>/{fp32,exp_avg,exp_avg_sq,step}.pt    whole tensors, `step` the number of updates
      zero/optimizer_state.pt                               what all parameters have in common
      mp_rank_00_model_states.pt                            counters; for stage 3 under the name that it looks for
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

MOMENTS = ("exp_avg", "exp_avg_sq")
COUNTERS = ("batches", "dp_world_size", "mp_world_size", "global_steps", "skipped_steps")
TAG = "state"
"""Name of the only DeepSpeed checkpoint in an engine's folder."""


@dataclass(frozen=True)
class Parameter:
    """One trained parameter and its optimizer state; all tensors float32 and of the parameter's shape."""

    name: str
    fp32: Tensor
    exp_avg: Tensor
    exp_avg_sq: Tensor
    step: Tensor
    """Scalar float32: updates so far."""


def read_parameters(folder: Path) -> Iterator[Parameter]:
    """The trained parameters of a saved engine, whole, in the order they were trained in.

    Args:
        folder: what `Engine.save` was given.

    Raises:
        FileNotFoundError: no engine was saved there.
    """
    model = _load(_model_files(folder)[0])
    shards = [_load(path)["optimizer_state_dict"] for path in _shard_files(folder)]
    if not shards:
        return _unsharded(model)
    return _stage_3(model, shards) if "fp32_flat_groups" in shards[0] else _stage_1_or_2(model, shards)


def write_universal(source: Path, out: Path) -> None:
    """Convert a saved engine to a universal checkpoint.

    Args:
        source: what `Engine.save` was given.
        out: folder to make; `Engine.load_universal` takes it.
    """
    import deepspeed  # type: ignore[import-untyped]  # takes seconds; reads the environment

    target = out / TAG
    step = torch.zeros(())
    for parameter in read_parameters(source):
        place = target / "zero" / parameter.name
        place.mkdir(parents=True)
        step = parameter.step
        for key, value in (
            ("fp32", parameter.fp32),
            ("exp_avg", parameter.exp_avg),
            ("exp_avg_sq", parameter.exp_avg_sq),
        ):
            torch.save({"param": value.clone()}, place / f"{key}.pt")  # a clone: not all of the shard it lies in
        torch.save(step.clone(), place / "step.pt")
    # Settings such as betas are not taken along: the engine that loads has its own.
    settings: list[dict[str, Any]] = [{"params": []}]
    common = {
        "ds_version": deepspeed.__version__,
        "param_groups": settings,
        "optimizer_state_dict": {"state": {0: {"step": step.clone()}}, "param_groups": settings},
    }
    torch.save(common, target / "zero" / "optimizer_state.pt")
    model = _load(_model_files(source)[0])
    counters = {name: model[name] for name in COUNTERS}
    for name in ("mp_rank_00_model_states.pt", "zero_pp_rank_0_mp_rank_00_model_states.pt"):
        torch.save(counters, target / name)


def load_unsharded(folder: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Load a universal checkpoint into a network and an optimizer that DeepSpeed does not shard (ZeRO 0).

    Returns:
        Batches learnt from.
    """
    source = folder / TAG
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        place = source / "zero" / name
        with torch.no_grad():
            parameter.copy_(_load(place / "fp32.pt")["param"])
        optimizer.state[parameter] = {
            "step": _load(place / "step.pt").to(parameter.device),
            **{key: _load(place / f"{key}.pt")["param"].to(parameter.device, copy=True) for key in MOMENTS},
        }
    return int(_load(source / "mp_rank_00_model_states.pt")["batches"])


def _unsharded(model: dict[str, Any]) -> Iterator[Parameter]:
    states = model["optimizer"]["state"]
    for index, name in enumerate(model["trained"]):
        weight = model["module"][name]
        yield Parameter(name, weight, *_moments(states.get(index), weight, 0, weight.numel(), weight.shape))


def _stage_1_or_2(model: dict[str, Any], shards: list[dict[str, Any]]) -> Iterator[Parameter]:
    """Each rank holds a slice of all parameters laid end to end, and says which pieces of which it has there."""
    for group, shapes in enumerate(model["param_shapes"]):
        for name, shape in shapes.items():
            pieces = []
            for shard in shards:
                piece = shard["param_slice_mappings"][group].get(name)
                if piece is not None:
                    flat = shard["single_partition_of_fp32_groups"][group]
                    state = shard["base_optimizer_state"]["state"].get(group)
                    pieces.append(_piece(flat, state, piece.start, piece.numel))
            yield _joined(name, shape, pieces)


def _stage_3(model: dict[str, Any], shards: list[dict[str, Any]]) -> Iterator[Parameter]:
    """Each rank holds its share of every parameter, all shares of a parameter of one size, the last one padded."""
    for group, shapes in enumerate(model["param_shapes"]):
        start = 0
        for name, shape in shapes.items():
            share = -(-shape.numel() // len(shards))
            pieces = []
            for rank, shard in enumerate(shards):
                length = max(0, min(share, shape.numel() - rank * share))
                flat, state = shard["fp32_flat_groups"][group], shard["optimizer_state_dict"]["state"].get(group)
                pieces.append(_piece(flat, state, start, length))
            yield _joined(name, shape, pieces)
            start += share


def _piece(flat: Tensor, state: dict[str, Tensor] | None, start: int, length: int) -> tuple[Tensor, ...]:
    weight = flat.narrow(0, start, length)
    return weight, *_moments(state, weight, start, length, weight.shape)


def _moments(
    state: dict[str, Tensor] | None, like: Tensor, start: int, length: int, shape: torch.Size
) -> tuple[Tensor, Tensor, Tensor]:
    """Adam's state of a stretch of a flat tensor: zeros before the first update, as Adam itself begins."""
    if not state:
        return torch.zeros_like(like), torch.zeros_like(like), torch.zeros(())
    first, second = (state[key].flatten().narrow(0, start, length).view(shape) for key in MOMENTS)
    return first, second, torch.as_tensor(state["step"], dtype=torch.float32)


def _joined(name: str, shape: torch.Size, pieces: list[tuple[Tensor, ...]]) -> Parameter:
    weight, first, second = (torch.cat([piece[i] for piece in pieces]).view(shape) for i in range(3))
    return Parameter(name, weight, first, second, step=pieces[0][3])


def _model_files(folder: Path) -> list[Path]:
    found = sorted((folder / TAG).glob("*_model_states.pt"))
    if not found:
        raise FileNotFoundError(f"no learner checkpoint in {folder}")
    return found


def _shard_files(folder: Path) -> list[Path]:
    """Optimizer shards in the order of the ranks (none for ZeRO 0)."""

    def rank(path: Path) -> int:
        return int(path.name.split("pp_rank_")[1].split("_")[0])

    return sorted((folder / TAG).glob("*zero_pp_rank_*_optim_states.pt"), key=rank)


def _load(path: Path) -> Any:
    # Our own files of this run; DeepSpeed keeps objects of its own classes in them.
    return torch.load(path, map_location="cpu", mmap=True, weights_only=False)
