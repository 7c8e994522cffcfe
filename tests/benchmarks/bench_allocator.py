"""Training on CPU with glibc's malloc as it is, and told to keep what is freed (`rl/allocator.py`).

    python -m tests.benchmarks.bench_allocator [--recipe smollm2_135m_char_count.yaml] [--steps N] [--rounds N]

Supervised steps of a recipe's warm-up, each way in processes of its own, in turns: seconds a step (the first is left
out), the share of the processor's time that the kernel took, page faults a step.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).parents[2]


def train(recipe: str, steps: int, keep: bool) -> dict[str, float]:
    """Take the steps in this process."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from rl.allocator import keep_freed_memory
    from rl.data.source import load_examples
    from rl.lessons import Lessons
    from rl.load_config import load_config
    from rl.models.resolve import resolve_model
    from rl.supervised import SupervisedTraining

    loaded = load_config(ROOT / "configs" / recipe, [])
    config = loaded.config
    assert config.warmup is not None, f"{recipe} has no warm-up"
    if keep:
        assert keep_freed_memory(), "the C library is not glibc"
    folder = resolve_model(config.model.name).path
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    examples = load_examples(config.data.train, loaded.base)
    training = SupervisedTraining(model, tokenizer, examples, config.warmup, 0, Lessons(tokenizer))
    training.advance(1)
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    training.advance(steps)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    kernel, own = after.ru_stime - before.ru_stime, after.ru_utime - before.ru_utime
    return {
        "seconds": seconds / steps,
        "kernel": kernel / (kernel + own),
        "faults": (after.ru_minflt - before.ru_minflt) / steps,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--recipe", default="smollm2_135m_char_count.yaml", help="a file of configs/ with a warm-up")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--child", choices=["as it is", "keeps"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(train(options.recipe, options.steps, options.child == "keeps")))
        return
    found: dict[str, list[dict[str, float]]] = {"as it is": [], "keeps": []}
    for _ in range(options.rounds):
        for way, results in found.items():
            command = [sys.executable, "-m", "tests.benchmarks.bench_allocator", *sys.argv[1:], "--child", way]
            done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            results.append(json.loads(done.stdout.splitlines()[-1]))
    print(f"{options.recipe}, supervised steps\n")
    print("| malloc | s a step | in the kernel | page faults a step |\n|---|---|---|---|")
    for way, results in found.items():
        seconds, kernel, faults = (mean(one[key] for one in results) for key in ("seconds", "kernel", "faults"))
        print(f"| {way} | {seconds:.2f} | {kernel:.0%} | {faults:,.0f} |")


if __name__ == "__main__":
    main()
