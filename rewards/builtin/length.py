"""Rewards of length: near a target, under it, shorter than the other samples of a group."""

from __future__ import annotations

import math

from rewards.types import RewardInput

_KINDS = ("l1_exact", "l1_max", "cosine")


def length(
    sample: RewardInput,
    *,
    kind: str,
    target: int = 0,
    alpha: float = 0.0003,
    delta: float = 0.5,
    max_response_tokens: int = 0,
    value_at_zero: float = 1.0,
    value_at_max: float = 0.5,
) -> float | None:
    """Pays for the length of the response alone: near a target, under it, or the shorter the better.

    Nothing here knows whether the answer is right. Where the papers multiply by that, gate this reward
    (`requires: math`) and give `math` the weight 0, or a right answer is paid twice. n is the response's length in
    tokens, thinking and answer together, N the target.

    - `l1_exact`: -alpha |N - n|, range (-inf, 0]. Added to the reward of right answers, not gated.
    - `l1_max`: clip(alpha (N - n) + delta, 0, 1), range [0, 1]. In place of the reward of right answers: gated.
    - `cosine`: from `value_at_zero` at no tokens along half a cosine to `value_at_max` at `max_response_tokens` and
      beyond, range between the two. The curve of right answers: gated. For the paper's curve of wrong ones, which rises
      with length, there is no gate.

    Source: L1 (arXiv 2503.04697) for the first two, with its alpha for `l1_exact` and its delta (that it uses the same
    alpha for `l1_max` we are not sure of). Demystifying Long CoT (arXiv 2502.03373) for the third, whose values are
    those of open-r1's `cosine_scaled_reward`; the paper takes off 10 at the longest length, here `overlong` does that.

    Args:
        sample: what is judged. Without a target (an unlimited thinking budget) the first two skip it.
        kind: `l1_exact`, `l1_max` or `cosine`.
        target: of the first two, in tokens; 0 takes the sample's thinking budget.
        alpha: of the first two, value of one token.
        delta: of `l1_max`, value of a response that is exactly as long as the target.
        max_response_tokens: of `cosine`, what the sampling allows.
        value_at_zero: of `cosine`.
        value_at_max: of `cosine`.

    Raises:
        ValueError: there is no such kind, an option is out of range, or the data has no token counts.
    """
    if kind not in _KINDS:
        raise ValueError(
            f"kind={kind!r} is none of {', '.join(_KINDS)} (the penalty of Kimi k1.5 is the reward `length_kimi`)"
        )
    tokens = sample.known_response_tokens()
    if kind == "cosine":
        if max_response_tokens <= 0:
            raise ValueError(
                f"max_response_tokens={max_response_tokens} must be what the sampling allows, more than 0, for "
                "kind: cosine"
            )
        part = min(tokens / max_response_tokens, 1.0)
        return value_at_max + 0.5 * (value_at_zero - value_at_max) * (1 + math.cos(part * math.pi))
    if target < 0:
        raise ValueError(f"target={target} must be a number of tokens, or 0 for the sample's thinking budget")
    wanted = target or sample.thinking_budget
    if wanted is None:
        return None
    if kind == "l1_exact":
        return -alpha * abs(wanted - tokens)
    return min(max(alpha * (wanted - tokens) + delta, 0.0), 1.0)


def length_kimi(samples: list[RewardInput], *, penalty_only: bool = False) -> list[float]:
    """Pays short responses and takes from long ones, measured against the others of the group (Kimi k1.5).

    lambda = 0.5 - (n - min) / (max - min), with n the response's length in tokens and min and max those of the samples
    that it is called on; 0 for all where these are equally long. The paper pays lambda to right responses and
    min(0, lambda) to wrong ones. A function of lengths cannot tell them apart; two ways to say it:

    - `requires: math`: right responses are measured against right ones, wrong ones get 0. Nobody is paid for being
      wrong and short; the paper takes up to 0.5 from long wrong ones and measures against all.
    - `penalty_only: true` without a gate: min(0, lambda) for all, so the right ones are not paid for being short.

    Ungated and without `penalty_only` a short wrong response gains up to 0.5: the model learns to stop thinking.
    Kimi starts without this reward and adds it later with a weight of its own.

    Range: [-0.5, 0.5]; with `penalty_only` [-0.5, 0].
    Source: Kimi k1.5 (arXiv 2501.12599), section on the length penalty.

    Args:
        samples: the samples of one prompt.
        penalty_only: cut what is above 0.

    Raises:
        ValueError: the data has no token counts.
    """
    lengths = [sample.known_response_tokens() for sample in samples]
    shortest, longest = min(lengths), max(lengths)
    if shortest == longest:
        return [0.0] * len(lengths)
    values = [0.5 - (tokens - shortest) / (longest - shortest) for tokens in lengths]
    return [min(0.0, value) for value in values] if penalty_only else values
