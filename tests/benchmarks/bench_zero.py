"""ZeRO stages of the learner on CPU ranks: tokens/s, memory of a rank, seconds to start.

    python -m tests.benchmarks.bench_zero [--stages N ...] [--ranks N] [--samples N] [--tokens N] [--rounds N]

A random Llama of 20 million parameters, float32, updates of the policy alone (DAPO) on random samples, by the learner
group that training uses. All groups live at once and take turns, so that whatever else the machine does meets all of
them; the best round of each counts. Memory is that of the largest rank, above what the same rank holds with a model of
almost no parameters (the interpreter, torch and DeepSpeed): `peak` is the most it ever held, loading included, `held`
is what it holds after the last round. `formula` is what `ponder check` says for such a rank (`rl/memory.py`).

ZeRO 1 to 3 are for memory: on one machine's CPU they share the memory bus that they save, and gloo sums what NCCL would
scatter. Not covered: GPUs, offload, the critic, and models so large that memory is more than the runtime's own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import ray
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rl.algorithms.config import Dapo
from rl.algorithms.targets import compute_targets
from rl.batch import Batch, Estimates, Targets
from rl.learner.config import LearnerConfig
from rl.learner.group import LearnerGroup
from rl.memory import learner_memory
from rl.models.known import ModelShape, shape_of_config
from tests.benchmarks.bench_learner import make_batch
from tests.local_ray import local_ray

ALGORITHM = Dapo()
MIB = 2.0**20
PROMPT_TOKENS = 20


def llama(hidden: int, layers: int, vocabulary: int) -> LlamaConfig:
    """A small decoder with heads of 64."""
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=hidden * 8 // 3,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        num_key_value_heads=hidden // 64,
        tie_word_embeddings=False,
    )


MODEL = llama(384, 8, 8192)
EMPTY = llama(64, 1, 8192)
"""What a rank holds with this is not the model's."""


@dataclass
class Contestant:
    """A group with its own batch's estimates."""

    name: str
    config: LearnerConfig
    group: LearnerGroup
    estimates: Estimates
    targets: Targets
    best: float = 0.0
    """Tokens a second."""

    async def round(self, batch: Batch, tokens: int) -> None:
        """One update of the policy."""
        began = time.perf_counter()
        await self.group.update(batch, self.estimates, self.targets)
        self.best = max(self.best, tokens / (time.perf_counter() - began))

    def memory(self) -> tuple[float, float]:
        """Bytes of the largest rank: at most so far, and now."""
        ranks = ray.get([actor.__ray_call__.remote(resident) for actor in self.group._actors])
        return max(peak for peak, _ in ranks), max(held for _, held in ranks)


def resident(_: object) -> tuple[float, float]:
    """Runs inside a rank: its peak and present resident memory in bytes."""
    status = Path("/proc/self/status").read_text()
    peak, held = (1024.0 * int(status.split(f"{name}:")[1].split()[0]) for name in ("VmHWM", "VmRSS"))
    return peak, held


async def start(name: str, model: LlamaConfig, config: LearnerConfig, batch: Batch, folder: Path) -> Contestant:
    """Load a random model, compute its log-probabilities."""
    path = folder / f"model-{model.hidden_size}"
    if not path.exists():
        torch.manual_seed(0)
        LlamaForCausalLM(model).save_pretrained(path)
    group = LearnerGroup.start(
        config,
        ALGORITHM,
        model_path=str(path),
        attention="sdpa",
        device="cpu",
        optimizer_steps_per_batch=2,
        seed=0,
        log_folder=folder / name,
        temperature=1.0,
        max_response_tokens=max(len(sample.response_ids) for sample in batch.samples),
    )
    estimates = await group.estimate(batch)
    return Contestant(name, config, group, estimates, compute_targets(batch, estimates, ALGORITHM))


def formula(shape: ModelShape, config: LearnerConfig, batch: Batch) -> float:
    """Bytes of one rank by `ponder check`."""
    longest = max(len(sample.prompt_ids) + len(sample.response_ids) for sample in batch.samples)
    return learner_memory(shape, config, critic=False, reference=False, compute_bytes=4, context_tokens=longest).device


async def measure(options: argparse.Namespace, folder: Path) -> None:
    """The table."""
    batch = make_batch(options.samples, PROMPT_TOKENS, options.tokens, MODEL.vocab_size)
    tokens = sum(len(sample.prompt_ids) + len(sample.response_ids) for sample in batch.samples)
    shape = shape_of_config(MODEL.to_dict())

    def config(stage: int) -> LearnerConfig:
        return LearnerConfig.model_validate(
            {
                "ranks": options.ranks,
                "zero_stage": stage,
                "tokens_per_micro_batch": options.budget,
                "cpu_threads": max(1, options.threads // options.ranks),
            }
        )

    few = Batch(batch.samples[: options.ranks])
    empty = await start("empty", EMPTY, config(0), few, folder)
    await empty.round(few, 1)
    _, runtime = empty.memory()
    await empty.group.shutdown()
    contestants = [await start(f"zero-{stage}", MODEL, config(stage), batch, folder) for stage in options.stages]
    for _ in range(options.rounds):
        for contestant in contestants:
            await contestant.round(batch, tokens)
    print(
        f"{shape.parameters / 1e6:.1f}M parameters, {options.ranks} ranks, {options.threads} threads, "
        f"{options.samples} samples, {tokens:,} tokens; a rank without a model holds {runtime / MIB:,.0f} MiB"
    )
    print("ZeRO  tokens/s  to the first  peak MiB  held MiB  formula MiB  start s")
    for stage, contestant in zip(options.stages, contestants, strict=True):
        peak, held = contestant.memory()
        print(
            f"{stage:>4} {contestant.best:>9,.0f} {contestant.best / contestants[0].best:>13.2f} "
            f"{(peak - runtime) / MIB:>9,.0f} {(held - runtime) / MIB:>9,.0f} "
            f"{formula(shape, contestant.config, batch) / MIB:>12,.0f} {contestant.group.start_seconds:>8.1f}"
        )
        await contestant.group.shutdown()


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--stages", type=int, nargs="+", default=[0, 1, 2, 3], choices=[0, 1, 2, 3])
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=100, help="mean length of a response")
    parser.add_argument("--budget", type=int, default=512, help="tokens_per_micro_batch")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of all ranks of a group together")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    actors = options.ranks * (len(options.stages) + 1)  # most of which wait for their turn
    with tempfile.TemporaryDirectory(prefix="ponder-bench-") as name, local_ray(num_cpus=actors):
        await measure(options, Path(name))


if __name__ == "__main__":
    asyncio.run(main())
