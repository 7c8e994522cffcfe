"""Samples a second of a whole run, and what was learnt from them, beside TRL's GRPOTrainer.

    .venv/bin/pip install --no-deps --target build/trl trl==1.16.0 datasets==5.2.0 pandas==3.1.1 multiprocess==0.70.19 \
        xxhash==4.1.0 python-dateutil==4.0.0 six==1.17.0
    python -m tests.benchmarks.bench_trl [--model tiny|tiny-48|smollm2-135m] [--steps N] [--trl build/trl]

The same warmed-up model, task, samples a step, loss (DAPO's token mean, clip 0.2 / 0.28, advantages divided by the
group's spread, no KL, one optimizer step a batch, for which neither computes old log-probabilities), learning rate and
two threads, one after the other on the same machine. TRL generates with transformers, the only way it has without a
GPU; its steps are without gradient checkpointing, which is faster. A step is timed from the end of the one before it;
the first two are left out. Accuracy is `ponder eval` of either model on the same held-out prompts. Neither side filters
groups, so that both learn from the same number of samples.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
LEFT_OUT = 2


@dataclass(frozen=True)
class Case:
    """A model with its task."""

    recipe: str
    """The configuration whose task, warm-up and sizes are taken."""
    micro_batch: int
    """Samples that TRL computes at once."""
    prompts: int
    """Of a step, with 8 samples each."""
    answers: int
    """To each held-out prompt."""
    passes: int = 1
    """How often `letter_count` counts a word: that many times as long a response."""


CASES = {
    "tiny": Case("quickstart_dapo.yaml", 64, 16, 4),
    "tiny-48": Case("quickstart_dapo.yaml", 64, 16, 4, passes=3),
    "smollm2-135m": Case("smollm2_135m_char_count.yaml", 16, 8, 1),
}
GROUP = 8


def settings(case: Case, steps: int, folder: Path) -> dict[str, Any]:
    """The run's configuration; the warm-up stands in it, so that it starts from the cached warm model."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "configs" / case.recipe).read_text())
    config |= {
        "name": "ponder",
        "runs_folder": str(folder),
        "steps": steps,
        "prompts_per_step": case.prompts,
        "group_size": GROUP,
        "optimizer_steps_per_batch": 1,
        "evaluation": {"every_steps": steps, "samples_per_prompt": case.answers},
        "checkpoint": {"every_steps": steps},
        "tracking": {"tensorboard": False},
    }
    if case.passes > 1:
        for source in config["data"]["train"] + config["data"]["eval"]:
            source["options"] = source["options"] | {"passes": case.passes}
        config["rollout"]["max_response_tokens"] *= case.passes
    config["algorithm"] = {"preset": "dapo", "old_logprobs": "rollout", "dynamic_sampling": {"enabled": False}}
    config["learner"]["policy"]["warmup_steps"] = 0
    return config


def ponder(*arguments: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "rl.cli", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout


def train_ours(file: Path, folder: Path) -> tuple[float, Path]:
    """Median seconds of a step, and the model."""
    ponder("train", str(file))
    lines = [json.loads(line) for line in (folder / "ponder" / "metrics.jsonl").read_text().splitlines()]
    seconds = [line["time/step"] for line in lines if "time/step" in line]
    model = folder / "ponder-model"
    ponder("export", str(folder / "ponder"), str(model))
    return median(seconds[LEFT_OUT:]), model


def train_theirs(site: Path, file: Path, warm: str, folder: Path, case: Case, steps: int) -> tuple[float, Path]:
    """The same by TRL, in a process of its own."""
    model = folder / "trl-model"
    task = {"file": str(file), "warm": warm, "out": str(model), "steps": steps}
    task |= {"micro_batch": case.micro_batch, "batch": case.prompts * GROUP}
    command = [sys.executable, "-m", "tests.benchmarks.bench_trl", "--task", json.dumps(task)]
    paths = os.pathsep.join([str(ROOT), str(site)])
    environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": str(os.cpu_count()), "HF_HUB_OFFLINE": "1"}
    subprocess.run(command, check=True, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    seconds = json.loads((model / "seconds.json").read_text())
    return median(seconds[LEFT_OUT:]), model


def run_trl(task: dict[str, Any]) -> None:
    """Train by TRL; the seconds of each step lie beside the model."""
    import torch
    from datasets import Dataset  # type: ignore[import-not-found]
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer  # type: ignore[import-not-found]

    from rl.config import RunConfig
    from rl.data.source import load_examples
    from verifiers.math import verify_here

    config = RunConfig.model_validate(yaml.safe_load(Path(task["file"]).read_text()))
    rows = [
        {"prompt": [dict(turn) for turn in example.messages], "answer": example.ground_truth}
        for example in load_examples(config.data.train, ROOT)
    ]

    class Clock(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.seconds: list[float] = []
            self.last = time.monotonic()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            now = time.monotonic()
            self.seconds.append(now - self.last)
            self.last = now

    def right(completions: list[Any], answer: list[str], **_: Any) -> list[float]:
        texts = [turns[0]["content"] for turns in completions]
        return [float(bool(verify_here(gold, text))) for gold, text in zip(answer, texts, strict=True)]

    clock = Clock()
    arguments = GRPOConfig(
        output_dir=str(Path(task["out"]) / "checkpoints"),
        use_cpu=True,
        bf16=False,
        seed=config.seed,
        max_steps=task["steps"],
        per_device_train_batch_size=task["micro_batch"],
        gradient_accumulation_steps=task["batch"] // task["micro_batch"],
        num_generations=GROUP,
        max_completion_length=config.rollout.max_response_tokens,
        learning_rate=config.learner.policy.learning_rate,
        lr_scheduler_type="constant",
        weight_decay=config.learner.policy.weight_decay,
        adam_beta2=config.learner.policy.betas[1],
        loss_type="dapo",
        epsilon=0.2,
        epsilon_high=0.28,
        beta=0.0,
        gradient_checkpointing=False,
        save_strategy="no",
        report_to="none",
        dataloader_num_workers=0,
    )
    tokenizer = AutoTokenizer.from_pretrained(task["warm"])
    model = AutoModelForCausalLM.from_pretrained(task["warm"], dtype=torch.float32)
    trainer = GRPOTrainer(
        model, right, arguments, Dataset.from_list(rows), processing_class=tokenizer, callbacks=[clock]
    )
    clock.last = time.monotonic()
    trainer.train()
    model.save_pretrained(task["out"])
    tokenizer.save_pretrained(task["out"])
    (Path(task["out"]) / "seconds.json").write_text(json.dumps(clock.seconds))


def accuracy(file: Path, model: str) -> str:
    """On the held-out prompts, with its 95% interval."""
    shown = ponder("eval", str(file), "--model", model)
    found = re.search(r"pass@1 +([\d.]+ \+- [\d.]+)", shown)
    assert found is not None, shown
    return found[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--model", choices=CASES, default="tiny")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--trl", type=Path, default=ROOT / "build" / "trl", help="folder that TRL was installed to")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        run_trl(json.loads(options.task))
        return
    if not (options.trl / "trl").is_dir():
        print(f"{options.trl} has no TRL: nothing measured. The first lines of {__file__} say how to install it.")
        return
    case = CASES[options.model]
    samples = case.prompts * GROUP
    with tempfile.TemporaryDirectory(prefix="ponder-bench-") as name:
        folder = Path(name)
        file = folder / "run.yaml"
        file.write_text(yaml.safe_dump(settings(case, options.steps, folder)))
        warm = ponder("warmup", str(file)).strip().splitlines()[-1]
        before = accuracy(file, warm)
        sides = {
            "Ponder": train_ours(file, folder),
            "TRL": train_theirs(options.trl, file, warm, folder, case, options.steps),
        }
        print(f"{options.model}: {options.steps} steps of {samples} samples; accuracy before: {before}")
        print(f"| | s a step | samples/s | accuracy after {options.steps * samples:,} samples |\n|---|---|---|---|")
        for side, (seconds, model) in sides.items():
            print(f"| {side} | {seconds:.2f} | {samples / seconds:.2f} | {accuracy(file, str(model))} |")
        print(f"Ponder is {sides['TRL'][0] / sides['Ponder'][0]:.2f} times as fast.")


if __name__ == "__main__":
    main()
