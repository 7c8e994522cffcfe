"""What calling rewards in killable processes costs, and how fast `ponder score` is on a large file.

    python -m tests.benchmarks.bench_rewards [--calls 20000] [--lines 100000] [--rounds 3]

1. Calls a second of a trivial reward on 2 workers, in blocks of 500 samples: called in this process; by
   `ProcessPoolExecutor`, one call a message and 32 (which cannot kill a stuck call); by `RewardRunner`; and an async
   reward. Rounds are interleaved, the rate is the median.
2. The soak: calls with 2% stuck, crashing or raising ones among them, whose deadlines are taken off the time; of a
   trivial reward, and of one that takes about a millisecond.
3. `ponder score` on a file of math answers, as a command: seconds for one row, and rows a second.

No pass or fail.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.runner import RewardRunner
from rewards.types import RewardInput
from tests.rewards.plugins import asynchronous
from tests.rewards.soaked import trivial

_WORKERS = 2
_BLOCK = 500
_DEADLINE_S = 0.25
_MILLISECOND = 1500
"""Rounds of work that take about that on the reference machine."""
_FOLDER = Path(__file__).parents[1] / "rewards"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    _overhead(options.calls, options.rounds)
    for work in (0, _MILLISECOND):
        _soak(options.calls, work, options.rounds)
    _command(options.lines)


def _samples(answers: Sequence[object]) -> list[RewardInput]:
    turns = ({"role": "user", "content": "How many?"},)
    return [RewardInput(turns, f"So it is {a}.", None, str(a), str(a), task="numbers") for a in answers]


def _runner(use: str, **options: int) -> RewardRunner:
    config = RewardConfig(use=use, timeout_s=_DEADLINE_S, options=options)
    return RewardRunner([config], RewardRunnerConfig(workers=_WORKERS, concurrency=256), [], _FOLDER)


def _scored(runner: RewardRunner, samples: Sequence[RewardInput]) -> None:
    for start in range(0, len(samples), _BLOCK):
        runner.score(samples[start : start + _BLOCK])


def _overhead(calls: int, rounds: int) -> None:
    samples = _samples(range(calls))
    pool = ProcessPoolExecutor(_WORKERS)
    runner, loop = _runner("soaked.py:trivial"), _runner("plugins.py:asynchronous")
    ways: dict[str, Callable[[], object]] = {
        "in this process": lambda: [trivial(sample) for sample in samples],
        "ProcessPoolExecutor, one call a message": lambda: list(pool.map(trivial, samples, chunksize=1)),
        "ProcessPoolExecutor, 32 calls a message": lambda: list(pool.map(trivial, samples, chunksize=32)),
        "RewardRunner": lambda: _scored(runner, samples),
        f"RewardRunner, async ({asynchronous.__name__})": lambda: _scored(loop, samples),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    with runner, loop, pool:
        for one in (runner, loop):
            one.score(samples[:_BLOCK])
        for _ in range(rounds):
            for name, way in ways.items():
                started = time.perf_counter()
                way()
                found[name].append(calls / (time.perf_counter() - started))
    print(f"{calls:,} calls of a trivial reward, {_WORKERS} workers")
    for name, rates in found.items():
        rate = statistics.median(rates)
        print(f"  {name:<42} {rate:>12,.0f} calls/s {1e6 / rate:>8.1f} us a call")


def _soak(calls: int, work: int, rounds: int) -> None:
    rng = random.Random(0)
    bad = ["stuck", "exit", "kill", "raise"]
    dirty = [rng.choice(bad) if rng.random() < 0.02 else str(i) for i in range(calls)]
    clean = [str(i) for i in range(calls)]
    seconds: dict[str, list[float]] = {"clean": [], "dirty": []}
    with _runner("soaked.py:trivial", work=work) as runner:
        runner.score(_samples(clean[:_BLOCK]))
        for _ in range(rounds):
            for name, answers in (("clean", clean), ("dirty", dirty)):
                started = time.perf_counter()
                runner.score(_samples(answers))
                seconds[name].append(time.perf_counter() - started)
    stuck = dirty.count("stuck")
    deadlines = stuck * _DEADLINE_S / _WORKERS
    took, without = statistics.median(seconds["dirty"]), statistics.median(seconds["clean"])
    crashed = sum(answer in ("exit", "kill") for answer in dirty)
    raised, each = dirty.count("raise"), _WORKERS * without / calls * 1e3
    print(
        f"soak: {calls:,} calls of {each:.2f} ms in {without:.1f} s; with {stuck} stuck, {crashed} crashing, {raised} "
        f"raising ones {took:.1f} s, of which {deadlines:.1f} s are deadlines ({stuck} x {_DEADLINE_S} s / {_WORKERS} "
        f"workers): {(took - deadlines) / without:.2f} times the time without them"
    )


def _answers(lines: int, path: Path) -> None:
    """Math answers of all kinds, 60% right, as a model writes them."""
    rng = random.Random(0)
    golds = [
        *(str(n) for n in range(-50, 1000)),
        *(rf"\frac{{{a}}}{{{b}}}" for a in range(1, 20) for b in (3, 7, 11)),
        *(f"{n / 8:g}" for n in range(1, 200)),
        *(rf"{a}\sqrt{{{b}}}" for a in range(2, 12) for b in (2, 3, 5)),
        *(f"x^2 + {a}x + {b}" for a in range(1, 6) for b in range(1, 6)),
        *(f"({a}, {b})" for a in range(5) for b in range(5)),
    ]
    with path.open("w") as file:
        for number in range(lines):
            gold, right = rng.choice(golds), rng.random() < 0.6
            said = gold if right else rng.choice(golds)
            thinking = "We look at what is given and work it out, one step after another. " * 8
            row = {
                "id": number,
                "question": "What is it?",
                "response": f"<seed:think>{thinking}</seed:think>So the answer is \\boxed{{{said}}}.",
                "ground_truth": gold,
                "is_correct": right or said == gold,
            }
            file.write(json.dumps(row) + "\n")


def _command(lines: int) -> None:
    ponder = [sys.executable, "-m", "rl.cli", "score"]
    with tempfile.TemporaryDirectory() as folder:
        data, rewards = Path(folder, "answers.jsonl"), Path(folder, "math.yaml")
        rewards.write_text("correctness: math\nrewards: [{use: math}]\n")
        for count in (1, lines):
            _answers(count, data)
            out = Path(folder, f"scored-{count}.jsonl")
            started = time.perf_counter()
            command = [
                *ponder,
                "--rewards",
                str(rewards),
                "--data",
                str(data),
                "--label",
                "is_correct",
                "--out",
                str(out),
            ]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds = time.perf_counter() - started
            print(f"ponder score, {count:,} rows of math answers: {seconds:.1f} s ({count / seconds:,.0f} rows/s)")


if __name__ == "__main__":
    main()
