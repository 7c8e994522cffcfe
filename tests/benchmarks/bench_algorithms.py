"""Advantages of long responses: the vectorised recurrence beside the loop over tokens that it replaces.

    python -m tests.benchmarks.bench_algorithms [--tokens N] [--samples N] [--threads N]

Length-adaptive GAE in float32 on CPU, a tenth of the tokens outside the mask. The looped yardstick is what one finds in
most trainers: one step per token position, vectorised over samples. Best of a few rounds; both give the same numbers.
Not covered: GPUs, where a loop costs a kernel launch for each of its operations at each token.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from rl.algorithms.advantages import gae, length_adaptive_lambda


def looped_gae(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: Tensor) -> Tensor:
    """One token position after the other, from the last to the first."""
    advantage = torch.zeros(values.shape[0])
    next_value = torch.zeros(values.shape[0])
    result = torch.zeros_like(values)
    for t in reversed(range(values.shape[1])):
        own = mask[:, t]
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantage = torch.where(own, delta + gamma * lam * advantage, advantage)
        next_value = torch.where(own, values[:, t], next_value)
        result[:, t] = torch.where(own, advantage, 0.0)
    return result


def best_seconds(work: Callable[[], Tensor], rounds: int) -> float:
    """Of a few runs, the fastest."""
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--tokens", type=int, default=16_384)
    parser.add_argument("--samples", type=int, nargs="+", default=[1, 16, 128])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{options.tokens:,} tokens, {options.threads} thread(s)")
    print("samples   looped ms   vectorised ms   times faster   largest difference")
    for samples in options.samples:
        draw = torch.Generator().manual_seed(0)
        rewards, values = torch.randn(2, samples, options.tokens, generator=draw) * 0.1
        mask = torch.rand(samples, options.tokens, generator=draw) < 0.9
        lam = length_adaptive_lambda(mask.sum(1), alpha=0.05)
        loop, ours = looped_gae(rewards, values, mask, 1.0, lam), gae(rewards, values, mask, 1.0, lam)
        slow = best_seconds(partial(looped_gae, rewards, values, mask, 1.0, lam), options.rounds)
        fast = best_seconds(partial(gae, rewards, values, mask, 1.0, lam), options.rounds)
        print(
            f"{samples:>7} {slow * 1e3:>11.1f} {fast * 1e3:>15.1f} {slow / fast:>14.1f} "
            f"{float((loop - ours).abs().max()):>20.1e}"
        )


if __name__ == "__main__":
    main()
