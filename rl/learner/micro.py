"""A micro-batch as tensors: how samples lie in rows.

- `padded`: a row for each sample.
- `packed`: all samples in one row, one after the other.
- `shared`: samples of one prompt in a row behind a single copy of it. The prompts of a group are computed once, not
  once for each sample, and so are their gradients; both are the same up to rounding (with dropout in adapters, samples
  of a prompt share its noise).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rl.batch import Batch, FloatRow, TrainSample

Layout = Literal["padded", "packed", "shared"]
MicroBatch = tuple[int, ...]
"""Indices of samples; empty: nothing to do but to take part."""


@dataclass(frozen=True, slots=True)
class MicroTensors:
    """One micro-batch on the device. B samples, T response tokens of the longest, N = response tokens of all.

    The network sees R rows of L columns, padded on the right, which needs no attention mask because causal attention
    never looks right. Padded: R = B. Packed: R = 1, L = all tokens; positions that start again at 0 tell the attention
    kernel where a sample begins (transformers' `find_packed_sequence_indices`). Shared: a row is a prompt without its
    last token, then for each sample that last token and the response without its own last one, which predict the
    response; positions of each sample go on from the prompt, and a mask keeps the samples apart.
    """

    input_ids: Tensor
    """[R, L]"""
    position_ids: Tensor | None
    """[R, L]; None: every row counts from 0."""
    attention: Tensor | None
    """[R, 1, L, L] float32, added to scores: 0 where a column sees another (last), else -inf; None: it sees all to its
    left, packed: of its own sample. Made once: of a bool mask sdpa makes such a one in every layer, and keeps it."""
    at: tuple[Tensor, Tensor]
    """([N], [N]): row and column of the position that predicts each response token."""
    targets: Tensor
    """[N] response token ids."""
    response: Tensor
    """[B, T] bool: where the N response tokens stand in the grid."""
    mask: Tensor
    """[B, T] bool: tokens in the loss."""

    @property
    def predictors(self) -> tuple[Tensor, Tensor | None, Tensor | None, tuple[Tensor, Tensor]]:
        """What networks need to compute the states that predict the response tokens."""
        return self.input_ids, self.position_ids, self.attention, self.at

    def grid(self, flat: Tensor) -> Tensor:
        """[N] -> [B, T], 0 on padding; differentiable."""
        return torch.zeros(self.response.shape, dtype=flat.dtype, device=flat.device).masked_scatter(
            self.response, flat
        )


def by_prompt(prompts: Sequence[bytes] | Mapping[int, bytes], samples: Iterable[int]) -> list[tuple[int, ...]]:
    """Samples put together by their prompt, in the order in which the prompts first come."""
    rows: dict[bytes, tuple[int, ...]] = {}
    for i in samples:
        rows[prompts[i]] = (*rows.get(prompts[i], ()), i)
    return list(rows.values())


def tensors(batch: Batch, micro: MicroBatch, device: torch.device, *, layout: Layout = "padded") -> MicroTensors:
    """A micro-batch as tensors; the empty one is a single sample of two tokens outside every loss."""

    def put(array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(device, non_blocking=True)

    if not micro:
        one = torch.zeros(1, dtype=torch.long, device=device)
        yes = torch.ones(1, 1, dtype=torch.bool, device=device)
        return MicroTensors(torch.zeros(1, 2, dtype=torch.long, device=device), None, None, (one, one), one, yes, ~yes)
    samples = [batch.samples[i] for i in micro]
    sizes = [len(sample.response_ids) for sample in samples]
    mask = np.zeros((len(samples), max([1, *sizes])), dtype=np.bool_)
    response = np.zeros_like(mask)
    for row, (sample, size) in enumerate(zip(samples, sizes, strict=True)):
        mask[row, :size] = sample.loss_mask
        response[row, :size] = True
    laid = _shared(batch, micro) if layout == "shared" else _one_by_one(samples, packed=layout == "packed")
    return MicroTensors(
        input_ids=put(laid.input_ids),
        position_ids=None if laid.position_ids is None else put(laid.position_ids),
        attention=None if laid.owners is None else _own_samples(put(laid.owners)),
        at=(put(np.repeat(laid.rows, sizes)), put(np.concatenate(laid.columns))),
        targets=put(np.concatenate([sample.response_ids for sample in samples]).astype(np.int64)),
        response=put(response),
        mask=put(mask),
    )


@dataclass(frozen=True, slots=True)
class _Laid:
    """Samples in rows."""

    input_ids: NDArray[np.int64]
    """[R, L]"""
    position_ids: NDArray[np.int64] | None
    rows: list[int]
    """Of each sample."""
    columns: list[NDArray[np.int64]]
    """Of each sample: those that predict its response tokens."""
    owners: NDArray[np.int64] | None = None
    """[R, L]: number of the sample in its row, from 1, that a token is of; 0: all of the row (and padding)."""


def _one_by_one(samples: Sequence[TrainSample], *, packed: bool) -> _Laid:
    ids = [np.concatenate([sample.prompt_ids, sample.response_ids]) for sample in samples]
    lengths = [len(own) for own in ids]
    if packed:
        rows, starts = [0] * len(samples), np.cumsum([0, *lengths[:-1]]).tolist()
        input_ids = np.zeros((1, sum(lengths)), dtype=np.int64)
    else:
        rows, starts = list(range(len(samples))), [0] * len(samples)
        input_ids = np.zeros((len(samples), max(lengths)), dtype=np.int64)
    columns = []
    for row, start, own, sample in zip(rows, starts, ids, samples, strict=True):
        input_ids[row, start : start + len(own)] = own
        first = start + len(sample.prompt_ids) - 1
        columns.append(np.arange(first, first + len(sample.response_ids)))
    positions = np.concatenate([np.arange(length) for length in lengths])[None] if packed else None
    return _Laid(input_ids, positions, rows, columns)


def _shared(batch: Batch, micro: MicroBatch) -> _Laid:
    together = by_prompt({i: batch.samples[i].prompt_ids.tobytes() for i in micro}, micro)
    ends = [sum(len(batch.samples[i].response_ids) for i in row) for row in together]
    prompts = [batch.samples[row[0]].prompt_ids for row in together]
    width = max(len(prompt) - 1 + end for prompt, end in zip(prompts, ends, strict=True))
    input_ids, position_ids, owners = (np.zeros((len(together), width), dtype=np.int64) for _ in range(3))
    places: dict[int, tuple[int, NDArray[np.int64]]] = {}
    for r, (row, prompt) in enumerate(zip(together, prompts, strict=True)):
        shared = len(prompt) - 1
        input_ids[r, :shared] = prompt[:-1]
        position_ids[r, :shared] = np.arange(shared)
        start = shared
        for number, i in enumerate(row, start=1):
            response = batch.samples[i].response_ids
            own = slice(start, start + len(response))
            input_ids[r, own] = [prompt[-1], *response[:-1]]
            position_ids[r, own] = np.arange(shared, shared + len(response))
            owners[r, own] = number
            places[i] = r, np.arange(own.start, own.stop)
            start = own.stop
    rows, columns = [places[i][0] for i in micro], [places[i][1] for i in micro]
    if len(together) == len(micro):
        return _Laid(input_ids, None, rows, columns)
    return _Laid(input_ids, position_ids, rows, columns, owners)


def _own_samples(owners: Tensor) -> Tensor:
    """[R, L] -> [R, 1, L, L]: a token sees those to its left that are of its sample or of all."""
    seen, seer = owners[:, None, :], owners[:, :, None]
    unseen = ~((seen == 0) | (seen == seer)).tril()[:, None]
    return torch.zeros(unseen.shape, device=owners.device).masked_fill_(unseen, float("-inf"))


def rows_grid(rows: Sequence[FloatRow], micro: MicroBatch, like: MicroTensors) -> Tensor:
    """[B, T] float32 of per-sample rows, 0 on padding."""
    if not micro:
        return torch.zeros(like.response.shape, device=like.response.device)
    flat = np.concatenate([np.asarray(rows[i], dtype=np.float32) for i in micro])
    return like.grid(torch.from_numpy(flat).to(like.response.device))
