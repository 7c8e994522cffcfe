"""Generation speed of a rollout worker beside vLLM's own offline `LLM.generate`, and seconds of a weight swap.

    python -m tests.benchmarks.bench_rollout [--sizes 3M,135M] [--rounds 3] [--samples 256] [--tokens 64]

Random Llamas of the sizes asked for; responses never stop early, so that both sides do the same work. Both engines
answer the same prompts in turn, in the same run, with the same libraries preloaded and the same engine limits; the
best round counts, because other processes can only slow a round down. The worker's samples have seeds of their own and
travel through Ray to this process; the offline engine's have neither (it cannot take seeds on CPU).

What it does not cover: GPUs, long contexts, several workers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil  # type: ignore[import-untyped]

from rollout.config import RolloutConfig
from rollout.machine import preloads, worker_place
from rollout.types import Prompt, SampleRequest

GROUP = 8
PROMPT_TOKENS = 40
CONTEXT = 512


@dataclass(frozen=True)
class Shape:
    """A Llama of about this many parameters."""

    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int


SHAPES = {
    "3M": Shape(2048, 192, 576, 5, 6, 3),
    "30M": Shape(16384, 384, 1024, 10, 6, 3),
    "135M": Shape(49152, 576, 1536, 30, 9, 3),
}


def build(shape: Shape, folder: Path) -> None:
    """A random model as a Hugging Face folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        eos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def make_prompts(vocabulary: int, samples: int) -> list[tuple[int, ...]]:
    """The same prompts for both engines."""
    draw = np.random.default_rng(0)
    return [tuple(draw.integers(3, vocabulary, size=PROMPT_TOKENS).tolist()) for _ in range(samples // GROUP)]


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """Used by these processes so far."""
    return float(sum(sum(process.cpu_times()[:2]) for process in processes))


class Offline:
    """vLLM's `LLM` in a process of its own, stopped while it is not its turn."""

    def __init__(self, model: Path, shape: Shape, samples: int, tokens: int, log: IO[Any]) -> None:
        environment = os.environ | worker_place(RolloutConfig(), "cpu", 0, model_path=str(model)).environment
        for name in ("OMP_NUM_THREADS", "VLLM_CPU_OMP_THREADS_BIND", "VLLM_ENABLE_V1_MULTIPROCESSING"):
            environment.pop(name, None)  # vLLM's own choices
        task = {"model": str(model), "vocabulary": shape.vocabulary, "samples": samples, "tokens": tokens}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.bench_rollout", "--offline", json.dumps(task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        )
        self.family: list[psutil.Process] = []

    def round(self) -> tuple[float, float]:
        """Wall and CPU seconds of answering all prompts once."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        before = cpu_seconds(self.family)
        for process in self.family:
            process.resume()
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("seconds "):
                self.family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(True)]
                for process in self.family:
                    process.suspend()
                return float(line.split()[1]), cpu_seconds(self.family) - before
        raise RuntimeError("the offline engine ended")

    def end(self) -> None:
        """Stop the engine and its children."""
        for process in self.family:
            process.resume()
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)


def run_offline(task: dict[str, Any]) -> None:
    """The offline engine's process: one round for each line on stdin."""
    from vllm import LLM, SamplingParams
    from vllm.inputs import TokensPrompt

    llm = LLM(
        model=task["model"],
        skip_tokenizer_init=True,
        dtype="float32",
        enforce_eager=True,
        max_num_seqs=task["samples"],
        max_model_len=CONTEXT,
        kv_cache_memory_bytes=2**30,
        disable_log_stats=True,
    )
    prompts = [
        TokensPrompt(prompt_token_ids=list(p))
        for p in make_prompts(task["vocabulary"], task["samples"])
        for _ in range(GROUP)
    ]
    params = SamplingParams(
        max_tokens=task["tokens"], ignore_eos=True, detokenize=False, logprobs=0, flat_logprobs=True
    )
    for _ in sys.stdin:
        start = time.perf_counter()
        outputs = llm.generate(prompts, params, use_tqdm=False)
        seconds = time.perf_counter() - start
        assert sum(len(output.outputs[0].token_ids) for output in outputs) == task["samples"] * task["tokens"]
        print("seconds", seconds, flush=True)


async def bench(size: str, shape: Shape, rounds: int, samples: int, tokens: int, folder: Path) -> None:
    """All figures of one model."""
    from rollout.fleet import RolloutFleet
    from rollout.weights import SharedMemoryWeights

    model = folder / size
    build(shape, model)
    prompts = [Prompt(str(i), (), ids, "") for i, ids in enumerate(make_prompts(shape.vocabulary, samples))]
    start = time.perf_counter()
    fleet = await RolloutFleet.start(
        RolloutConfig(max_response_tokens=tokens, max_concurrent_samples=samples),
        model_path=str(model),
        context_tokens=CONTEXT,
        device="cpu",
        log_folder=folder / "logs",
        stop_token_ids=[],
    )
    started = time.perf_counter() - start
    with (folder / "offline.log").open("w") as log:
        offline = Offline(model, shape, samples, tokens, log)
        theirs, ours = [], []
        family = [psutil.Process(), *psutil.Process(fleet._processes[0].pid).children(True), *fleet._processes.values()]
        try:
            for number in range(rounds + 1):  # the first one warms up
                theirs.append(offline.round())
                requests = [
                    SampleRequest(f"{number}/{i}", prompts[i // GROUP], number * samples + i) for i in range(samples)
                ]
                start, used = time.perf_counter(), cpu_seconds(family)
                count = 0
                async for sample in fleet.generate(requests):
                    count += len(sample.response_ids)
                ours.append((time.perf_counter() - start, cpu_seconds(family) - used))
                assert count == samples * tokens
        finally:
            offline.end()
    work = samples * tokens
    mine, yours = (work / min(wall for wall, _ in rounds[1:]) for rounds in (ours, theirs))
    my_cpu, your_cpu = (min(cpu for _, cpu in rounds[1:]) for rounds in (ours, theirs))
    print(f"{size:>6}  start {started:6.1f} s")
    print(f"{size:>6}  worker {mine:8,.0f} tokens/s   LLM.generate {yours:8,.0f} tokens/s   ratio {mine / yours:.2f}")
    print(f"{size:>6}  CPU: worker {my_cpu:8.1f} s         LLM.generate {your_cpu:8.1f} s")
    await bench_swap(size, fleet, SharedMemoryWeights(), model, prompts, samples)
    await fleet.shutdown()


async def bench_swap(size: str, fleet: Any, weights: Any, model: Path, prompts: list[Prompt], samples: int) -> None:
    """Seconds to write weights, and of a pause, with an idle engine and with all samples in flight."""
    from transformers import AutoModelForCausalLM

    state = dict(AutoModelForCausalLM.from_pretrained(model).named_parameters())
    with weights:
        for number, busy in ((1, False), (2, False), (3, True), (4, True)):

            async def generate(number: int = number) -> None:
                requests = [SampleRequest(f"swap{number}/{i}", prompts[i // GROUP], i) for i in range(samples)]
                async for _ in fleet.generate(requests):
                    pass

            running = asyncio.create_task(generate()) if busy else None
            await asyncio.sleep(0.5)
            start = time.perf_counter()
            manifest = weights.write(number, state.items())
            written = time.perf_counter() - start
            metrics = await fleet.publish(manifest)
            weights.discard_before(number)
            if running:
                await running
            if number % 2 == 0:
                how = "all in flight" if busy else "idle engine"
                swap = metrics["rollout/swap_seconds"]
                print(
                    f"{size:>6}  swap of {manifest.bytes / 2**20:6.1f} MiB, {how:>13}: "
                    f"write {written:.2f} s, swap {swap:.2f} s"
                )


def main() -> None:
    """Run all sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="3M,30M,135M")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--offline", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.offline:
        run_offline(json.loads(chosen.offline))
        return
    from tests.local_ray import local_ray

    print(f"preloaded: {', '.join(preloads()) or 'nothing (install tcmalloc and intel-openmp)'}")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with local_ray():
            for size in chosen.sizes.split(","):
                small = SHAPES[size].layers < 30
                tokens = chosen.tokens if small else max(8, chosen.tokens // 4)
                samples = chosen.samples if small else max(GROUP, chosen.samples // 2)
                asyncio.run(bench(size, SHAPES[size], chosen.rounds, samples, tokens, folder))


if __name__ == "__main__":
    main()
