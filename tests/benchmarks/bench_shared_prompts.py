"""Learner seconds of an update with each prompt computed once, and once for each of its samples.

    python -m tests.benchmarks.bench_shared_prompts [--model smollm2-135m] [--shapes 50x35 50x150 ...] [--rounds N]

Real learners (Ray, DeepSpeed, one rank, DAPO's update of the policy alone, two optimizer steps, without estimates) on
the same random samples, 8 prompts with 8 samples each, taking turns; the best round of each counts. A shape is prompt
tokens x mean response tokens, which spread by half to both sides. `spared` is the share of the samples' tokens that is
not computed; 0 where the learner found rows for each sample to be less work.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from transformers import AutoConfig

from rl.algorithms.config import Dapo
from rl.algorithms.targets import compute_targets
from rl.batch import Batch, Estimates
from rl.learner.config import LearnerConfig
from rl.learner.group import LearnerGroup
from rl.models.resolve import resolve_model
from tests.benchmarks.bench_learner import random_batch
from tests.local_ray import local_ray

ALGORITHM = Dapo(old_logprobs="rollout")
GROUP, GROUPS = 8, 8


def make_batch(prompt: int, response: int, vocabulary: int) -> Batch:
    """All samples of a group answer its first one's prompt."""
    sizes = np.random.default_rng(1).integers(response // 2, response * 3 // 2 + 1, GROUP * GROUPS)
    samples = random_batch(sizes.tolist(), prompt, vocabulary).samples
    return Batch([replace(one, prompt_ids=samples[i // GROUP * GROUP].prompt_ids) for i, one in enumerate(samples)])


async def measure(options: argparse.Namespace, model: str, folder: Path) -> None:
    """The table."""
    vocabulary = AutoConfig.from_pretrained(model).vocab_size
    groups = {
        choice: LearnerGroup.start(
            LearnerConfig(
                tokens_per_micro_batch=options.budget,
                logprob_chunk_tokens=512,
                cpu_threads=options.threads,
                share_prompts=choice,
            ),
            ALGORITHM,
            model_path=model,
            attention="sdpa",
            device="cpu",
            optimizer_steps_per_batch=2,
            seed=0,
            log_folder=folder / choice,
            temperature=1.0,
            max_response_tokens=4096,
        )
        for choice in ("off", "auto")
    }
    print("prompt x response   off s   auto s   ratio   spared", flush=True)
    for shape in options.shapes:
        prompt, response = map(int, shape.split("x"))
        batch = make_batch(prompt, response, vocabulary)
        estimates = Estimates([sample.rollout_logprobs for sample in batch.samples], None, {})
        targets = compute_targets(batch, estimates, ALGORITHM)
        seconds, spared = dict.fromkeys(groups, float("inf")), 0.0
        for _ in range(options.rounds):
            for name, group in groups.items():
                began = time.perf_counter()
                metrics = await group.update(batch, estimates, targets)
                seconds[name] = min(seconds[name], time.perf_counter() - began)
                spared = metrics["batch/spared"]
        off, auto = seconds["off"], seconds["auto"]
        print(f"{shape:>17} {off:>7.2f} {auto:>8.2f} {off / auto:>7.2f} {spared:>8.0%}", flush=True)
    for group in groups.values():
        await group.shutdown()


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--model", default="smollm2-135m", help="as `model.name` of a configuration")
    parser.add_argument("--shapes", nargs="+", default=["50x35", "50x150", "400x35"])
    parser.add_argument("--budget", type=int, default=4096, help="tokens_per_micro_batch")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ponder-bench-") as name, local_ray():
        await measure(options, str(resolve_model(options.model).path), Path(name))


if __name__ == "__main__":
    asyncio.run(main())
