"""Kills parts of a run at random, and counts what came of it.

    python -m tests.rl.chaos [--kills N] [--seed N]

Runs of `ponder train` on real Ray, vLLM and DeepSpeed, one after the other until there were N kills (SIGKILL) in all:
of a rollout worker, of its engine, of a learner rank, of a reward worker, or of the whole run, which the same command
then goes on with. Each run must end with the right number of steps and every group once. (While a run starts only the
run itself is killed, and seldom: an engine that does not come up is an error that the user should see.)
"""

from __future__ import annotations

import argparse
import json
import pickle
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from rl.run.tracking import read_metrics
from rl.stream import StreamState
from tests.rl.letters import USE

CONFIG: dict[str, Any] = {
    "seed": 7,
    "device": "cpu",
    "steps": 12,
    "prompts_per_step": 4,
    "group_size": 4,
    "model": {"name": "tiny", "context_tokens": 512},
    "data": {"train": [{"generator": "letter_count", "size": 64, "seed": 1}]},
    "algorithm": {"preset": "reinforce_pp", "kl": None, "importance": {"kind": "tis"}},
    "rewards": [{"use": "math"}, {"use": USE}],
    "rollout": {"max_response_tokens": 440, "max_concurrent_samples": 16, "cpu_kv_cache_gib": 0.25, "cpu_threads": 1},
    "streaming": {"max_staleness": 2},
    "learner": {"policy": {"learning_rate": 1e-3}, "cpu_threads": 1},
    "checkpoint": {"every_steps": 3},
    "tracking": {"tensorboard": False},
}

PARTS = {
    "rollout worker": "ray::RolloutWorker",
    "engine": "VLLM::EngineCor",
    "learner rank": "ray::LearnerWorker",
    "reward worker": "pool_worker.py",
}
"""What the command line of a part holds."""


@dataclass
class Outcome:
    """What happened to one run."""

    kills: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    seconds: float = 0.0


def write_config(folder: Path, name: str, **changes: Any) -> list[str]:
    """The command that trains `CONFIG` in the folder."""
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump({"name": name, "runs_folder": str(folder / "runs"), **CONFIG, **changes}))
    return [sys.executable, "-m", "rl.cli", "train", str(file)]


def disturb(command: list[str], chance: random.Random, *, kills: int, wait: tuple[float, float], log: Path) -> Outcome:
    """Run a command to its end, killing parts of it meanwhile.

    Args:
        kills: at most; the run may end before.
        wait: shortest and longest time between two kills (seconds).
        log: file that the screen is written to.
    """
    outcome, begun = Outcome(), time.monotonic()
    while True:
        outcome.starts += 1
        before = log.stat().st_size if log.exists() else 0
        with log.open("a") as screen:
            process = subprocess.Popen(command, stdout=screen, stderr=screen)
        killed = False
        while process.poll() is None:
            try:
                process.wait(chance.uniform(*wait))
            except subprocess.TimeoutExpired:
                if outcome.kills.total() < kills:
                    learning = re.search(r"step +\d+/", log.read_text()[before:]) is not None
                    killed = _kill(process.pid, chance, outcome, [*PARTS, "run"] if learning else ["run"])
        if not killed or process.returncode == 0:
            outcome.seconds = time.monotonic() - begun
            if process.returncode != 0:
                raise AssertionError(f"exit code {process.returncode}:\n{log.read_text()[-4000:]}")
            return outcome


def _kill(run: int, chance: random.Random, outcome: Outcome, kinds: list[str]) -> bool:
    """Kill one part of what is there; True when it was the run itself."""
    kind = chance.choice(kinds)
    if kind == "run" and chance.random() < (0.8 if len(kinds) > 1 else 0.97):  # it costs a whole start
        return False
    family = [psutil.Process(run), *psutil.Process(run).children(recursive=True)]
    victims = family[:1] if kind == "run" else [process for process in family if PARTS[kind] in _told(process)]
    if not victims:  # it is being started
        return False
    chance.choice(victims).kill()
    outcome.kills[kind] += 1
    return kind == "run"


def _told(process: psutil.Process) -> str:
    try:
        return f"{process.name()} {' '.join(process.cmdline())}"
    except psutil.NoSuchProcess:
        return ""


def check(folder: Path, steps: int, group_size: int) -> int:
    """Raise unless a finished run has every step and every group once; returns the number of groups."""
    lines = [line for line in read_metrics(folder / "metrics.jsonl") if "time/step" in line]
    assert [line["step"] for line in lines] == list(range(1, steps + 1)), [line["step"] for line in lines]
    groups: Counter[int] = Counter()
    for step in range(1, steps + 1):
        rows = [json.loads(line) for line in (folder / "samples" / f"step-{step:06d}.jsonl").read_text().splitlines()]
        names = [row["sample_id"] for row in rows]
        assert len(set(names)) == len(names), "a sample came twice"
        groups.update(int(name.split("/")[0].removeprefix("stream")) for name in names)
    state = pickle.loads((folder / "checkpoints" / f"step-{steps:06d}" / "source.pickle").read_bytes())
    assert isinstance(state, StreamState)
    waiting = [group.samples[0].sample_id for group in state.generated]  # finished since the last batch
    groups.update({int(name.split("/")[0].removeprefix("stream")): group_size for name in waiting})
    groups.update({ticket.number: group_size for ticket, _ in state.unfinished})
    assert groups == dict.fromkeys(range(state.admitted), group_size), "a group was lost or came twice"
    return state.admitted


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance, total, number = random.Random(options.seed), Counter[str](), 0
    while total.total() < options.kills:
        number += 1
        with tempfile.TemporaryDirectory(prefix="ponder-chaos-") as name:
            folder, left = Path(name), options.kills - total.total()
            command = write_config(folder, "run", steps=30)
            outcome = disturb(command, chance, kills=min(left, 14), wait=(1, 12), log=folder / "screen.log")
            groups = check(folder / "runs" / "run", 30, CONFIG["group_size"])
            total += outcome.kills
            print(
                f"run {number}: 30 steps, {groups} groups, each once; {outcome.seconds:.0f} s, "
                f"started {outcome.starts} times; killed: {dict(outcome.kills)}",
                flush=True,
            )
    print(f"{total.total()} kills in {number} runs: {dict(total)}")


if __name__ == "__main__":
    main()
