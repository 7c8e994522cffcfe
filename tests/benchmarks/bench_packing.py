"""Learner tokens/s with three ways to make micro-batches of samples whose lengths spread tenfold.

    python -m tests.benchmarks.bench_packing [--budget N] [--median N] [--longest N] [--samples N] [--rounds N]

- `fixed count`: samples as they arrive, as many in each micro-batch as fit when all are of the longest length, padded
  to the longest of theirs: what a plain trainer does.
- `token budget`: ours, samples of similar lengths, padded.
- `packed`: ours with `packing: on`, one row without padding.

Real learners (Ray, DeepSpeed, one rank, DAPO's update of the policy alone) on the same random samples, taking turns;
the best round of each counts. Lengths are lognormal, 5% below median / 3.2 and 5% above median x 3.2, cut at the
longest. `attention` is the query-key pairs computed over those that the samples need, both as full squares: on CPU
(sdpa) a packed row computes attention between its samples too, which a GPU's flash_attention_2 does not.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from transformers import AutoConfig, LlamaConfig, LlamaForCausalLM

from rl.algorithms.config import Dapo
from rl.algorithms.targets import compute_targets
from rl.batch import Batch
from rl.learner.batching import OptimizerStep, Schedule, count
from rl.learner.config import LearnerConfig
from rl.learner.group import LearnerGroup
from rl.models.tiny import CONFIG
from tests.benchmarks.bench_learner import random_batch
from tests.local_ray import local_ray

ALGORITHM = Dapo()
PROMPT = 20
SPREAD = np.log(10) / (2 * 1.645)
"""Sigma of the lognormal: a factor of ten between its 5th and its 95th percentile."""


def make_batch(samples: int, median: int, longest: int, vocabulary: int) -> Batch:
    """Random samples; lengths are of prompt and response together."""
    lengths = np.random.default_rng(0).lognormal(np.log(median), SPREAD, samples)
    sizes = np.clip(lengths, PROMPT + 1, longest).astype(int) - PROMPT
    return random_batch(sizes.tolist(), PROMPT, vocabulary)


class FixedCount(LearnerGroup):
    """Micro-batches of a number of samples in the order of their arrival."""

    longest: int

    def _schedule(self, batch: Batch, steps: int) -> Schedule:
        size = max(1, self._job.config.tokens_per_micro_batch // self.longest)
        lengths = [len(s.prompt_ids) + len(s.response_ids) for s in batch.samples]
        planned, padded = [], 0
        for part in np.array_split(np.arange(len(batch)), steps):
            micros = tuple(tuple(part[i : i + size].tolist()) for i in range(0, len(part), size))
            padded += sum(len(micro) * max(lengths[i] for i in micro) for micro in micros)
            planned.append(OptimizerStep((micros,), count(batch, part.tolist())))
        return Schedule(tuple(planned), 1 - sum(lengths) / padded, 0.0)


def attention_pairs(plan: Schedule, lengths: list[int], packed: bool) -> float:
    """Query-key pairs computed, over those needed."""
    own = [[lengths[i] for i in micro] for step in plan.steps for micro in step.ranks[0] if micro]
    computed = sum(sum(row) ** 2 if packed else len(row) * max(row) ** 2 for row in own)
    return computed / sum(length**2 for length in lengths)


async def measure(options: argparse.Namespace, model: str, folder: Path) -> None:
    """The table."""
    batch = make_batch(options.samples, options.median, options.longest, AutoConfig.from_pretrained(model).vocab_size)
    lengths = [len(s.prompt_ids) + len(s.response_ids) for s in batch.samples]
    print(f"{len(batch)} samples, {min(lengths)} to {max(lengths)} tokens, mean {np.mean(lengths):.0f}; "
          f"budget {options.budget} tokens; {options.threads} threads")  # fmt: skip
    config = LearnerConfig(
        tokens_per_micro_batch=options.budget, cpu_threads=options.threads, packing="off", share_prompts="off"
    )
    packing = config.model_copy(update={"packing": "on"})
    groups: dict[str, LearnerGroup] = {}
    for name, kind, settings in (
        ("fixed count", FixedCount, config),
        ("token budget", LearnerGroup, config),
        ("packed", LearnerGroup, packing),
    ):
        groups[name] = kind.start(
            settings,
            ALGORITHM,
            model_path=model,
            attention="sdpa",
            device="cpu",
            optimizer_steps_per_batch=options.steps,
            seed=0,
            log_folder=folder / name,
            temperature=1.0,
            max_response_tokens=options.longest,
        )
    FixedCount.longest = options.longest
    estimates = await groups["packed"].estimate(batch)
    targets = compute_targets(batch, estimates, ALGORITHM)
    seconds = dict.fromkeys(groups, float("inf"))
    for _ in range(options.rounds):
        for name, group in groups.items():
            began = time.perf_counter()
            await group.update(batch, estimates, targets)
            seconds[name] = min(seconds[name], time.perf_counter() - began)
    print("micro-batches         number  padding  attention  tokens/s  ratio")
    for name, group in groups.items():
        plan = group._schedule(batch, options.steps)
        number = sum(len(step.ranks[0]) for step in plan.steps)
        pairs = attention_pairs(plan, lengths, packed=name == "packed")
        print(
            f"{name:<20} {number:>7} {plan.padding:>8.1%} {pairs:>10.2f} {sum(lengths) / seconds[name]:>9,.0f} "
            f"{seconds['fixed count'] / seconds[name]:>6.2f}",
            flush=True,
        )
        await group.shutdown()


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--budget", type=int, default=2048, help="tokens_per_micro_batch")
    parser.add_argument("--median", type=int, default=120, help="of the lengths, in tokens")
    parser.add_argument("--longest", type=int, default=512, help="of the lengths, in tokens")
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--steps", type=int, default=2, help="optimizer steps")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--model", help="Hugging Face name or folder; default: the shape of `tiny`, random weights")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ponder-bench-") as name:
        folder = Path(name)
        model = options.model or str(folder / "model")
        if options.model is None:
            LlamaForCausalLM(LlamaConfig(**CONFIG)).save_pretrained(model)
        with local_ray():
            await measure(options, model, folder)


if __name__ == "__main__":
    asyncio.run(main())
