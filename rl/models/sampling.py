"""Samples responses with a plain transformers model: no engine to start, fast enough for a few hundred short ones.

It is how the warm-up measures its pass rate. Everything else generates with the rollout workers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

TOKENS_AT_ONCE = 32_768
"""Places of the key-value cache of one batch."""
_DROP = 0.1
"""Share of a batch's rows that has to end before they are dropped, which copies the cache of the others."""


@torch.no_grad()
def sample_responses(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]], *, max_new_tokens: int, eos: int, seed: int
) -> list[list[int]]:
    """One response to each prompt, drawn at temperature 1 from the whole distribution.

    Args:
        prompts: token ids.
        max_new_tokens: longest response; longer ones are cut.
        eos: id of the end of the turn; it is the last id of a response that ended by itself.
        seed: of the sampling.

    Returns:
        Response ids, in the order of the prompts.
    """
    model.eval()  # type: ignore[no-untyped-call]
    generator = torch.Generator(model.device).manual_seed(seed)
    by_length = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    longest = max(len(prompt) for prompt in prompts)
    size = max(1, TOKENS_AT_ONCE // (longest + max_new_tokens))
    responses: list[list[int]] = [[] for _ in prompts]
    for start in range(0, len(prompts), size):
        places = by_length[start : start + size]
        rows = _sample_batch(model, [prompts[i] for i in places], max_new_tokens, eos, generator)
        for place, row in zip(places, rows, strict=True):
            responses[place] = row[: row.index(eos) + 1] if eos in row else row
    return responses


def _sample_batch(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]], max_new_tokens: int, eos: int, generator: torch.Generator
) -> list[list[int]]:
    """[B, max_new_tokens] ids; a row goes on with `eos` after its end."""
    width = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), width), eos)
    mask = torch.zeros((len(prompts), width + max_new_tokens), dtype=torch.long)
    for row, prompt in enumerate(prompts):  # padding on the left: all rows go on at the same place
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    ids, mask = ids.to(model.device), mask.to(model.device)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    drawn = torch.full((len(prompts), max_new_tokens), eos, device=model.device)
    going = torch.arange(len(prompts), device=model.device)  # rows that are still computed
    ended = torch.zeros(len(prompts), dtype=torch.bool, device=model.device)  # of these
    cache = None
    for step in range(max_new_tokens):
        seen = width + step
        out = model(
            input_ids=ids,
            attention_mask=mask[going, :seen],
            position_ids=positions[going, seen - ids.shape[1] : seen],
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache = out.past_key_values
        probabilities = out.logits[:, -1].float().softmax(-1)
        # As `torch.multinomial` draws, but for all rows: what a row gets does not depend on which others have ended.
        noise = torch.empty(len(prompts), probabilities.shape[1], device=model.device).exponential_(generator=generator)
        token = (probabilities / noise[going]).argmax(-1).masked_fill(ended, eos)
        drawn[going, step] = token
        ended |= token == eos
        if bool(ended.all()):
            break
        if ended.sum() > _DROP * len(going):
            kept = (~ended).nonzero()[:, 0]
            cache.batch_select_indices(kept)
            going, token, ended = going[kept], token[kept], ended[kept]
        ids = token[:, None]
    return drawn.tolist()
