"""A micro-batch as tensors: one padded row a sample, or (packed) all samples in one row, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rl.batch import Batch, FloatRow, TrainSample

MicroBatch = tuple[int, ...]
"""Indices of samples; empty: nothing to do but to take part."""


@dataclass(frozen=True, slots=True)
class MicroTensors:
    """One micro-batch on the device. B samples, T response tokens of the longest, N = response tokens of all.

    The network sees R rows of L columns. Padded: R = B, padding on the right, which needs no attention mask because
    causal attention never looks right. Packed: R = 1, L = all tokens; positions that start again at 0 tell the
    attention kernel where a sample begins (transformers' `find_packed_sequence_indices`).
    """

    input_ids: Tensor
    """[R, L]"""
    position_ids: Tensor | None
    """[1, L] of a packed row; None: every row counts from 0."""
    at: tuple[Tensor, Tensor]
    """([N], [N]): row and column of the position that predicts each response token."""
    targets: Tensor
    """[N] response token ids."""
    response: Tensor
    """[B, T] bool: where the N response tokens stand in the grid."""
    mask: Tensor
    """[B, T] bool: tokens in the loss."""

    @property
    def predictors(self) -> tuple[Tensor, Tensor | None, tuple[Tensor, Tensor]]:
        """What networks need to compute the states that predict the response tokens."""
        return self.input_ids, self.position_ids, self.at

    def grid(self, flat: Tensor) -> Tensor:
        """[N] -> [B, T], 0 on padding; differentiable."""
        return torch.zeros(self.response.shape, dtype=flat.dtype, device=flat.device).masked_scatter(
            self.response, flat
        )


def tensors(batch: Batch, micro: MicroBatch, device: torch.device, *, packed: bool = False) -> MicroTensors:
    """A micro-batch as tensors; the empty one is a single sample of two tokens outside every loss."""
    if not micro:
        one = torch.zeros(1, dtype=torch.long, device=device)
        yes = torch.ones(1, 1, dtype=torch.bool, device=device)
        return MicroTensors(torch.zeros(1, 2, dtype=torch.long, device=device), None, (one, one), one, yes, ~yes)
    samples = [batch.samples[i] for i in micro]
    sizes = [len(sample.response_ids) for sample in samples]
    lengths = [len(sample.prompt_ids) + size for sample, size in zip(samples, sizes, strict=True)]
    mask = np.zeros((len(samples), max([1, *sizes])), dtype=np.bool_)
    response = np.zeros_like(mask)
    for row, (sample, size) in enumerate(zip(samples, sizes, strict=True)):
        mask[row, :size] = sample.loss_mask
        response[row, :size] = True
    # Where each sample's first token stands.
    if packed:
        rows, starts = [0] * len(samples), np.cumsum([0, *lengths[:-1]]).tolist()
        input_ids = np.zeros((1, sum(lengths)), dtype=np.int64)
    else:
        rows, starts = list(range(len(samples))), [0] * len(samples)
        input_ids = np.zeros((len(samples), max(lengths)), dtype=np.int64)
    for row, start, length, sample in zip(rows, starts, lengths, samples, strict=True):
        input_ids[row, start : start + length] = _ids(sample)
    columns = [
        np.arange(start + length - size, start + length) - 1
        for start, length, size in zip(starts, lengths, sizes, strict=True)
    ]

    def put(array: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(array).to(device, non_blocking=True)

    return MicroTensors(
        input_ids=put(input_ids),
        position_ids=put(np.concatenate([np.arange(length) for length in lengths])[None]) if packed else None,
        at=(put(np.repeat(rows, sizes)), put(np.concatenate(columns))),
        targets=put(np.concatenate([sample.response_ids for sample in samples]).astype(np.int64)),
        response=put(response),
        mask=put(mask),
    )


def _ids(sample: TrainSample) -> NDArray[np.int32]:
    return np.concatenate([sample.prompt_ids, sample.response_ids])


def rows_grid(rows: Sequence[FloatRow], micro: MicroBatch, like: MicroTensors) -> Tensor:
    """[B, T] float32 of per-sample rows, 0 on padding."""
    if not micro:
        return torch.zeros(like.response.shape, device=like.response.device)
    flat = np.concatenate([np.asarray(rows[i], dtype=np.float32) for i in micro])
    return like.grid(torch.from_numpy(flat).to(like.response.device))
