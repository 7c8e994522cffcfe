"""Learner tokens/s and model FLOP utilisation (MFU): 0.5B and 7B shapes in bfloat16 on the GPUs that are there.

    python -m tests.benchmarks.bench_mfu [--shapes 0.5B 7B] [--ranks N] [--budget N] [--samples N] [--peak FLOPS]

Random weights in a temporary folder (a 7B model takes 15 GB of it), updates of the policy alone (DAPO) on random
samples, optimizer steps included, by the learner group that training uses; the best round counts. A shape is trained in
the first of these ways whose estimate (`rl/memory.py`, and a fifth more) fits the GPUs: ZeRO 0, 2, 3, adapters (LoRA,
rank 16) on ZeRO 1; each without activation checkpointing, then with it.

Model FLOPs of a sample of l tokens, r of them response (PaLM, arXiv 2204.02311, appendix B: 6 P + 12 L h s a token):

    6 body l + 6 head r + 12 L h l^2

with body = parameters without embedding and head, head = vocabulary x hidden size (which only response tokens need),
L layers and h = heads x head size. As in PaLM, attention counts as if it were not causal; padding and what is computed
again in the backward pass (checkpointing, the chunked head) do not count. With adapters 6 becomes 4: weights that stay
have no gradients.

On a machine without a GPU it trains a 20M shape in float32 and divides by the speed of a large matrix product measured
there: this shows that the benchmark runs, not what the learner can do. Not covered: the critic, the forward passes
before the update, several nodes.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import ray
import torch
from transformers import AutoModelForCausalLM, PretrainedConfig, Qwen2Config

from rl.algorithms.config import Dapo
from rl.algorithms.targets import compute_targets
from rl.batch import Batch
from rl.learner.config import LearnerConfig
from rl.learner.group import LearnerGroup
from rl.memory import learner_memory
from rl.models.known import shape_of_config
from tests.benchmarks.bench_learner import make_batch
from tests.benchmarks.bench_zero import MODEL
from tests.local_ray import local_ray

ALGORITHM = Dapo()
GIB = 2.0**30
SPARE = 1.2
"""What `rl/memory.py` advises to plan on above its estimate."""

PEAKS: Mapping[str, float] = {
    "NVIDIA H100 80GB HBM3": 989e12,
    "NVIDIA H200": 989e12,
    "NVIDIA A100-SXM4-40GB": 312e12,
    "NVIDIA A100-SXM4-80GB": 312e12,
    "NVIDIA A100-PCIE-40GB": 312e12,
    "NVIDIA A100 80GB PCIe": 312e12,
}
"""Dense bfloat16 FLOP/s of NVIDIA's data sheets, by the name that the driver gives (H100: the SXM one)."""


def qwen2(
    hidden: int, intermediate: int, layers: int, heads: int, kv_heads: int, *, words: int, tied: bool
) -> Qwen2Config:
    """A decoder of the Qwen2.5 family."""
    return Qwen2Config(
        vocab_size=words,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        tie_word_embeddings=tied,
    )


SHAPES: Mapping[str, PretrainedConfig] = {
    "20M": MODEL,
    "0.5B": qwen2(896, 4864, 24, 14, 2, words=151_936, tied=True),
    "7B": qwen2(3584, 18_944, 28, 28, 4, words=152_064, tied=False),
}


def model_flops(config: PretrainedConfig, batch: Batch, *, adapters: bool) -> float:
    """Of forward and backward passes over a batch, by the formula above."""
    head = config.vocab_size * config.hidden_size
    body = shape_of_config(config.to_dict()).parameters - head * (1 if config.tie_word_embeddings else 2)
    attention = 12.0 * config.num_hidden_layers * config.hidden_size  # heads x head size is the hidden size here
    per_weight = 4.0 if adapters else 6.0
    total = 0.0
    for sample in batch.samples:
        response = len(sample.response_ids)
        length = len(sample.prompt_ids) + response
        total += per_weight * (body * length + head * response) + attention * length**2
    return total


def estimate(config: PretrainedConfig, way: LearnerConfig, batch: Batch) -> float:
    """Bytes of GPU memory that a rank needs."""
    longest = max(len(sample.prompt_ids) + len(sample.response_ids) for sample in batch.samples)
    shape = shape_of_config(config.to_dict())
    return learner_memory(shape, way, critic=False, reference=False, compute_bytes=2, context_tokens=longest).device


def choose_way(config: PretrainedConfig, batch: Batch, *, ranks: int, budget: int, room: float) -> LearnerConfig:
    """The first way to train that fits `room` bytes a rank.

    Raises:
        SystemExit: none does.
    """
    needs = []
    for way in ({"zero_stage": 0}, {"zero_stage": 2}, {"zero_stage": 3}, {"zero_stage": 1, "lora": {}}):
        for checkpointing in (False, True):
            found = LearnerConfig.model_validate(
                {**way, "ranks": ranks, "tokens_per_micro_batch": budget, "activation_checkpointing": checkpointing}
            )
            needs.append(SPARE * estimate(config, found, batch))
            if needs[-1] <= room:
                return found
    raise SystemExit(
        f"{config.num_hidden_layers} layers of {config.hidden_size} need {min(needs) / GIB:.1f} GiB of each rank at "
        f"least, which has {room / GIB:.1f}. Ways out: 1. --budget {budget // 2}. 2. more --ranks. 3. other --shapes."
    )


def gpu_peak(options: argparse.Namespace) -> float:
    """FLOP/s of one GPU.

    Raises:
        SystemExit: the table does not know it.
    """
    name = torch.cuda.get_device_name()
    if options.peak is None and name not in PEAKS:
        raise SystemExit(f"no published peak known for {name}: give its dense bfloat16 FLOP/s with --peak, as 989e12")
    return float(options.peak or PEAKS[name])


def matmul_peak(threads: int) -> float:
    """Float32 FLOP/s of this machine's CPU in a large matrix product, the best of a few."""
    torch.set_num_threads(threads)
    size, best = 2048, 0.0
    left, right = torch.randn(2, size, size)
    for _ in range(8):
        began = time.perf_counter()
        left @ right
        best = max(best, 2.0 * size**3 / (time.perf_counter() - began))
    return best


def build(config: PretrainedConfig, folder: Path, on_gpu: bool) -> None:
    """Random weights as a Hugging Face folder."""
    torch.manual_seed(0)
    with torch.device("cuda" if on_gpu else "cpu"):  # a GPU draws billions of numbers in no time
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16 if on_gpu else torch.float32)
    model.save_pretrained(folder)
    del model
    if on_gpu:
        torch.cuda.empty_cache()  # the ranks use the same GPUs


def allocated(_: object) -> float:
    """Runs inside a rank: most bytes of GPU memory in use so far."""
    return float(torch.cuda.max_memory_allocated())


def described(config: LearnerConfig) -> str:
    """How a shape is trained, in a few words."""
    adapters = " LoRA" if config.lora else ""
    return f"ZeRO {config.zero_stage}{adapters}{' ckpt' if config.activation_checkpointing else ''}"


async def measure(name: str, options: argparse.Namespace, folder: Path, peak: float, on_gpu: bool) -> None:
    """One line of the table."""
    model = SHAPES[name]
    batch = make_batch(options.samples * options.ranks, options.prompt, options.response, model.vocab_size)
    tokens = sum(len(sample.prompt_ids) + len(sample.response_ids) for sample in batch.samples)
    room = float(torch.cuda.get_device_properties(0).total_memory) if on_gpu else float("inf")
    config = choose_way(model, batch, ranks=options.ranks, budget=options.budget, room=room)
    build(model, folder / name, on_gpu)
    group = LearnerGroup.start(
        config,
        ALGORITHM,
        model_path=str(folder / name),
        attention="auto",
        device="gpu" if on_gpu else "cpu",
        optimizer_steps_per_batch=1,
        seed=0,
        log_folder=folder / f"log-{name}",
        temperature=1.0,
        max_response_tokens=2 * options.response,
    )
    estimates = await group.estimate(batch)
    targets = compute_targets(batch, estimates, ALGORITHM)
    flops, best, padding = model_flops(model, batch, adapters=config.lora is not None), 0.0, 0.0
    for _ in range(options.rounds):
        began = time.perf_counter()
        padding = (await group.update(batch, estimates, targets))["batch/padding"]
        best = max(best, 1 / (time.perf_counter() - began))
    used = ""
    if on_gpu:
        most = max(ray.get([actor.__ray_call__.remote(allocated) for actor in group._actors]))
        used = f"{most / GIB:.1f} / {estimate(model, config, batch) / GIB:.1f}"
    await group.shutdown()
    achieved = best * flops / options.ranks
    print(
        f"{name:>5}  {described(config):<16} {tokens:>8,} {padding:>8.1%} {flops / tokens / 1e9:>9.2f} "
        f"{best * tokens:>9,.0f} {achieved / 1e12:>12.3f} {achieved / peak:>6.1%}  {used}".rstrip(),
        flush=True,
    )


async def main() -> None:
    on_gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=["0.5B", "7B"] if on_gpu else ["20M"])
    parser.add_argument("--ranks", type=int, default=torch.cuda.device_count() if on_gpu else 1)
    parser.add_argument("--budget", type=int, default=8192 if on_gpu else 1024, help="tokens_per_micro_batch")
    parser.add_argument("--samples", type=int, default=64 if on_gpu else 16, help="of one rank")
    parser.add_argument("--prompt", type=int, default=256 if on_gpu else 20, help="tokens of a prompt")
    parser.add_argument("--response", type=int, default=1792 if on_gpu else 200, help="mean tokens of a response")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--peak", type=float, help="FLOP/s of one GPU (of one rank on CPU); default: the table, measured"
    )
    options = parser.parse_args()
    threads = max(1, (os.cpu_count() or 1) // options.ranks)
    if on_gpu:
        peak = gpu_peak(options)
        print(f"{options.ranks} x {torch.cuda.get_device_name()}, assumed peak {peak / 1e12:.0f} TFLOP/s, bfloat16")
    else:
        peak = options.peak or matmul_peak(threads)
        print(f"No GPU: CPU, {threads} thread(s) a rank, matrix product {peak / 1e12:.3f} TFLOP/s, float32")
    print("shape  way                tokens  padding  GF/token  tokens/s  TF/s a rank    MFU  GiB used / formula")
    with tempfile.TemporaryDirectory(prefix="ponder-bench-") as name, local_ray(num_cpus=options.ranks):
        for shape in options.shapes:
            await measure(shape, options, Path(name), peak, on_gpu)


if __name__ == "__main__":
    asyncio.run(main())
