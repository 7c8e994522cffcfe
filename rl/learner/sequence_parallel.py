"""Ulysses sequence parallelism (arXiv 2309.14509): the ranks of a group share each row, a stretch of columns each.

Everything but attention looks at one column at a time. Around the attention kernel DeepSpeed's `UlyssesSPAttentionHF`
trades columns for heads: inside, a rank sees all columns of some heads. Its own registration with transformers drops
attention masks; ours makes them for whole rows, so that packed rows and sliding windows are what they are on one rank.

Results of response tokens are put together over the group: every rank has all of them and computes the same loss. Its
gradient with respect to a rank's own results is already that of the whole loss; of the weights, each rank has the part
that came by its columns, and these are summed over all ranks, as gradients are without sequence parallelism.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed import ProcessGroup
from transformers import AutoConfig, PreTrainedConfig
from transformers.masking_utils import create_masks_for_generate
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from rl.errors import PonderError
from rl.learner.kernels import heads_problem
from rl.learner.split import Part


class Ulysses:
    """This rank's place in its sequence-parallel group: a `Split`."""

    def __init__(self, size: int, path: str, kernel: str) -> None:
        """Form the groups, of `size` neighbouring ranks each (all ranks must call this), and surround the kernel.

        The kernel is replaced in this process, for every model in it: once a process, for models of one shape.

        Args:
            size: ranks in a group; a divisor of all.
            path: Hugging Face folder or name of the models.
            kernel: the attention kernel with which they are loaded; not `eager`, which cannot be replaced.

        Raises:
            PonderError: the model's heads cannot be shared by as many ranks.
        """
        config = AutoConfig.from_pretrained(path).get_text_config()
        config._attn_implementation = kernel
        heads, kv_heads = config.num_attention_heads, getattr(config, "num_key_value_heads", None)
        if problem := heads_problem(heads, kv_heads or heads, size):
            raise PonderError(f"learner.sequence_parallel {problem}")
        rank = distributed.get_rank()
        starts = range(0, distributed.get_world_size(), size)
        groups = [distributed.new_group(list(range(start, start + size))) for start in starts]
        self._size, self._place, self._group = size, rank % size, groups[rank // size]
        self._config = config
        _surround(kernel, config, self._group)

    def part(
        self, input_ids: Tensor, position_ids: Tensor | None, attention: Tensor | None, at: tuple[Tensor, Tensor]
    ) -> Part:
        """This rank's columns; rows are padded to a multiple of the ranks. Prompts are not shared here."""
        assert attention is None
        rows, width = input_ids.shape
        share = -(-width // self._size)
        extra = share * self._size - width
        if position_ids is None:
            positions = torch.arange(width + extra, device=input_ids.device).expand(rows, -1)
        else:  # what is padded to a packed row is one more sample
            positions = torch.cat([position_ids, torch.arange(extra, device=input_ids.device)[None]], dim=1)
        first = self._place * share
        columns = slice(first, first + share)
        row, column = at
        own = ((column >= first) & (column < first + share)).nonzero().squeeze(1)
        return Part(
            input_ids=nn.functional.pad(input_ids, (0, extra))[:, columns].contiguous(),
            position_ids=positions[:, columns].contiguous(),
            at=(row[own], column[own] - first),
            own=own,
            count=len(column),
            masks=self._masks(positions),
        )

    def joined(self, results: Tensor, part: Part) -> Tensor:
        """[n] of this rank -> [N], the same on all ranks of the group; differentiable."""
        assert isinstance(part.own, Tensor)
        whole = torch.zeros(part.count, dtype=results.dtype, device=results.device)
        joined: Tensor = _Joined.apply(whole.index_put((part.own,), results), self._group)  # type: ignore[no-untyped-call]
        return joined

    def _masks(self, positions: Tensor) -> Any:
        """The masks that the model would make for whole rows: one, or one for each kind of layer.

        None where the kernel's own causal masking will do; the model, which sees some columns, finds the same.
        """
        like = torch.empty(*positions.shape, 0, device=positions.device)  # of which the shape alone is looked at
        return create_masks_for_generate(
            self._config, like, attention_mask=None, past_key_values=None, position_ids=positions
        )


class _Joined(torch.autograd.Function):
    """The sum over the group of vectors of which each rank fills in its own places."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, group: ProcessGroup) -> Tensor:
        whole = own.clone()
        distributed.all_reduce(whole, group=group)
        return whole

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        # All ranks compute the same loss of the same results: each has the gradient of its own places already.
        return gradients[0], None


def _surround(kernel: str, config: PreTrainedConfig, group: ProcessGroup) -> None:
    """Put Ulysses around an attention kernel of transformers."""
    # Here, because it reads the environment.
    from deepspeed.runtime.sequence_parallel import ulysses_sp  # type: ignore[import-untyped]

    inner = ALL_ATTENTION_FUNCTIONS[kernel]
    heads = config.num_attention_heads

    @cache
    def around(rows: int) -> Any:
        return ulysses_sp.UlyssesSPAttentionHF(
            attn=inner,
            batch_size=rows,
            attn_head_count=heads,
            attn_head_size=getattr(config, "head_dim", None) or config.hidden_size // heads,
            kv_head_count=getattr(config, "num_key_value_heads", None) or heads,
            num_hidden_layers=config.num_hidden_layers,
            process_group=group,
            seq_length_is_variable=True,
        )

    def attention(
        module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **options: Any
    ) -> Any:
        return around(query.shape[0])(module, query, key, value, attention_mask, **options)

    ALL_ATTENTION_FUNCTIONS[kernel] = attention
