"""Learner tokens/s against a bare torch loop on the same micro-batches, and the share of padding.

    python -m tests.benchmarks.bench_learner [--ranks N] [--zero N] [--model NAME_OR_FOLDER]

The bare loop is what one would write by hand: the Hugging Face model, log-softmax of the whole logits, the same
losses, clipping and AdamW; one process, no Ray, no DeepSpeed. Both update the policy alone (DAPO) on random samples,
and take turns, so that whatever else the machine does meets both; the best round of each counts. Not covered: the
critic (the same work again without the head) and the forward passes before the update.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # as the learner's ranks have it; read when torch is loaded

import torch
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from rl.algorithms.config import Dapo
from rl.algorithms.targets import compute_targets
from rl.batch import Batch, Estimates, Targets, TrainSample
from rl.learner.batching import Schedule, schedule
from rl.learner.config import LearnerConfig
from rl.learner.group import LearnerGroup
from rl.learner.micro import tensors
from rl.learner.objective import policy_inputs, policy_objective
from rl.models.tiny import CONFIG
from tests.local_ray import local_ray

ALGORITHM = Dapo()


def make_batch(samples: int, prompt: int, response: int, vocabulary: int) -> Batch:
    """Responses of 50% to 150% of the given length."""
    sizes = np.random.default_rng(0).integers(response // 2, response * 3 // 2 + 1, samples)
    return random_batch(sizes.tolist(), prompt, vocabulary)


def random_batch(sizes: Sequence[int], prompt: int, vocabulary: int) -> Batch:
    """Random samples with responses of these lengths, in groups of eight, every other one right."""
    rng = np.random.default_rng(0)
    made = []
    for index, size in enumerate(sizes):
        made.append(
            TrainSample(
                prompt_ids=rng.integers(0, vocabulary, prompt).astype(np.int32),
                response_ids=rng.integers(0, vocabulary, size).astype(np.int32),
                rollout_logprobs=np.full(size, -6.0, np.float32),
                versions=np.zeros(size, dtype=np.int32),
                loss_mask=np.ones(size, np.bool_),
                reward=float(index % 2),
                correct=bool(index % 2),
                group=index // 8,
            )
        )
    return Batch(made)


class BareLoop:
    """The same update by hand."""

    def __init__(self, model: str, config: LearnerConfig) -> None:
        self.model = AutoModelForCausalLM.from_pretrained(model)
        self.config = config
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-6, weight_decay=0.1, fused=True)

    def update(self, batch: Batch, estimates: Estimates, targets: Targets, plan: Schedule) -> None:
        for step in plan.steps:
            for micro in (micro for rank in step.ranks for micro in rank if micro):
                inputs = tensors(batch, micro, torch.device("cpu"))
                logits = self.model(input_ids=inputs.input_ids, use_cache=False).logits
                logs = torch.log_softmax(logits.float(), dim=-1)
                new = logs[inputs.at].gather(1, inputs.targets[:, None]).squeeze(1)
                share = policy_objective(
                    policy_inputs(batch, micro, inputs, step.counts, estimates, targets, new, None),
                    config=ALGORITHM,
                    counts=step.counts,
                    max_response_tokens=1,
                )
                share.loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()


async def measure(options: argparse.Namespace, model: str, folder: Path, samples: int, response: int) -> None:
    """One line of the table."""
    config = LearnerConfig(
        ranks=options.ranks,
        zero_stage=options.zero,
        tokens_per_micro_batch=options.budget,
        cpu_threads=max(1, options.threads // options.ranks),
        share_prompts="off",
    )
    group = LearnerGroup.start(
        config,
        ALGORITHM,
        model_path=model,
        attention="sdpa",
        device="cpu",
        optimizer_steps_per_batch=2,
        seed=0,
        log_folder=folder,
        temperature=1.0,
        max_response_tokens=2 * response,
    )
    bare = BareLoop(model, config)
    batch = make_batch(samples, 20, response, bare.model.config.vocab_size)
    tokens = sum(len(s.prompt_ids) + len(s.response_ids) for s in batch.samples)
    estimates = await group.estimate(batch)
    targets = compute_targets(batch, estimates, ALGORITHM)
    plan = schedule(batch, steps=2, ranks=options.ranks, tokens_per_micro_batch=options.budget, hidden_size=128, seed=0)
    best = {"bare": 0.0, "learner": 0.0}
    padding = 0.0
    for _ in range(options.rounds):
        began = time.perf_counter()
        bare.update(batch, estimates, targets, plan)
        best["bare"] = max(best["bare"], tokens / (time.perf_counter() - began))
        began = time.perf_counter()
        padding = (await group.update(batch, estimates, targets))["batch/padding"]
        best["learner"] = max(best["learner"], tokens / (time.perf_counter() - began))
    await group.shutdown()
    micros = sum(len(rank) for step in plan.steps for rank in step.ranks)
    print(
        f"{samples:>8} {20 + response:>7} {micros:>14} {padding:>8.1%} {best['bare']:>12,.0f} "
        f"{best['learner']:>12,.0f} {best['learner'] / best['bare']:>6.2f} {group.start_seconds:>8.1f}",
        flush=True,
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--zero", type=int, default=0)
    parser.add_argument("--budget", type=int, default=4096, help="tokens_per_micro_batch")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count(), help="of the bare loop, and of all ranks together"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", help="Hugging Face name or folder; default: the shape of `tiny`, random weights")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ponder-bench-") as name:
        folder = Path(name)
        model = options.model or str(folder / "model")
        if options.model is None:
            LlamaForCausalLM(LlamaConfig(**CONFIG)).save_pretrained(model)
        torch.set_num_threads(options.threads)
        print(f"ranks {options.ranks}, ZeRO {options.zero}, {options.threads} threads")
        print(" samples  tokens  micro-batches  padding  bare tok/s  learner tok/s  ratio  start s")
        with local_ray(num_cpus=options.ranks):
            for samples, response in ((256, 40), (64, 200)):
                await measure(options, model, folder, samples, response)


if __name__ == "__main__":
    asyncio.run(main())
