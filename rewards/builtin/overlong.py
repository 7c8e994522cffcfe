"""DAPO's soft overlong punishment."""

from __future__ import annotations

from rewards.types import RewardInput


def overlong(sample: RewardInput, *, max_response_tokens: int, cache_tokens: int) -> float:
    """Takes up to 1 off responses that come near the longest length (DAPO, arXiv 2503.14476, eq. 13).

    0 up to `max_response_tokens - cache_tokens` response tokens, from there linearly down to -1 at
    `max_response_tokens`, -1 beyond. Range [-1, 0]. The paper: 20480 and 4096.

    Args:
        sample: what is judged.
        max_response_tokens: length from which the full punishment applies; what the sampling allows.
        cache_tokens: length of the slope.

    Raises:
        ValueError: `cache_tokens` is out of range, or the data has no token counts.
    """
    if not 0 < cache_tokens <= max_response_tokens:
        raise ValueError(f"cache_tokens={cache_tokens} must lie in 1..max_response_tokens={max_response_tokens}")
    free = max_response_tokens - cache_tokens
    return -min(max(sample.known_response_tokens() - free, 0) / cache_tokens, 1.0)
