"""Seconds a step, synchronous against streamed, with a long tail of response lengths.

    python -m tests.benchmarks.bench_streaming [--steps N] [--context TOKENS] [--ways WAY ...] [--keep FOLDER]

Whole runs of `ponder train` in turns on the same machine. `tiny` is untrained here: it ends its turn at every token
with about the same small chance, so that lengths are geometric (the longest of a batch is some 6 times the median),
and the learning rate is so small that they stay so. Measured are the wall time of a step from metrics.jsonl (medians,
the first steps left out), the share of it that the learner waits for samples, tokens a second over the whole step,
staleness, and for how long generation is paused by new weights.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import yaml

WAYS = {
    "synchronous": {},
    "staleness 1, shared": {"max_staleness": 1, "placement": "shared"},
    "staleness 2, shared": {"max_staleness": 2, "placement": "shared"},
    "staleness 1, split": {"max_staleness": 1},
    "staleness 2, split": {"max_staleness": 2},
    "staleness 2, split, no partial rollouts": {"max_staleness": 2, "partial_rollout": "off"},
}
LEFT_OUT = 3
"""Steps at the beginning: the stream fills up."""


def config(context: int, steps: int, streaming: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {
        "name": "run",
        "runs_folder": str(folder),
        "device": "cpu",
        "steps": steps,
        "prompts_per_step": 4,
        "group_size": 8,
        "model": {"name": "tiny", "context_tokens": context},
        "data": {"train": [{"generator": "letter_count", "size": 5000, "seed": 1}]},
        "algorithm": {"preset": "reinforce_pp", "kl": None, "importance": {"kind": "tis"}},
        "rewards": [{"use": "math"}],
        "rollout": {"max_response_tokens": context - 64, "max_concurrent_samples": 96, "cpu_kv_cache_gib": 0.5},
        "streaming": streaming,
        "learner": {"tokens_per_micro_batch": 8192, "policy": {"learning_rate": 1e-9, "warmup_steps": 0}},
        "checkpoint": {"every_steps": 1000},
        "tracking": {"tensorboard": False},
    }


def measure(context: int, steps: int, streaming: dict[str, Any], keep: Path | None) -> list[dict[str, float]]:
    """The metrics of the steps that count; the run folder is copied to `keep`."""
    with tempfile.TemporaryDirectory(prefix="ponder-bench-") as name:
        folder = Path(name)
        file = folder / "run.yaml"
        file.write_text(yaml.safe_dump(config(context, steps, streaming, folder)))
        subprocess.run([sys.executable, "-m", "rl.cli", "train", str(file)], check=True, stdout=subprocess.DEVNULL)
        if keep is not None:
            shutil.copytree(folder / "run", keep, ignore=shutil.ignore_patterns("checkpoints"))
        lines = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if "time/step" in line][LEFT_OUT:]


def lengths(rows: list[dict[str, float]], which: str) -> list[float]:
    """Mean or longest response of the steps in which some finished."""
    name = f"rollout/response_tokens_{which}"
    return [row[name] for row in rows if name in row]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--steps", type=int, default=9)
    parser.add_argument("--context", type=int, default=2048, help="model.context_tokens")
    parser.add_argument(
        "--ways", nargs="+", choices=WAYS, default=list(WAYS), metavar="WAY", help="of: " + "; ".join(WAYS)
    )
    parser.add_argument("--keep", type=Path, help="keep the run folders in this new one")
    options = parser.parse_args()
    base = 0.0
    print(
        "                                         s a step  ratio  waiting  tokens/s  staleness  pause s  mean, longest"
    )
    for name in options.ways:
        streaming = WAYS[name]
        keep = options.keep and options.keep / name.replace(", ", "-").replace(" ", "-")
        rows = measure(options.context, options.steps, streaming, keep)
        seconds = median(row["time/step"] for row in rows)
        base = base or seconds
        waiting = sum(row["time/generate"] for row in rows) / sum(row["time/step"] for row in rows)
        generating = "time/step" if streaming else "time/generate"  # what tokens_per_second is counted over
        tokens = sum(row["rollout/tokens_per_second"] * row[generating] for row in rows)
        tokens /= sum(row["time/step"] for row in rows)
        print(
            f"{name:<39} {seconds:>9.2f} {base / seconds:>6.2f} {waiting:>8.0%} {tokens:>9,.0f} "
            f"{sum(row['rollout/staleness_mean'] for row in rows) / len(rows):>10.2f} "
            f"{median(row['rollout/pause_seconds'] for row in rows):>8.3f}  "
            f"{median(lengths(rows, 'mean')):.0f}, {median(lengths(rows, 'max')):.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
