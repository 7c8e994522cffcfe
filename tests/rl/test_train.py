"""The main job on real Ray, vLLM and DeepSpeed: `ponder train` as a user runs it, killed and interrupted on the way.

1. A run ends with exit code 0 and a complete run folder; its screen holds no library noise.
2. Learner and engine agree on every step's tokens (logprob gap) although weights were swapped in between.
3. Killed (SIGKILL) during value pretraining in the middle of a save, interrupted (Ctrl-C), its last checkpoint
   damaged, and each time started again by the same command, a run gets the same samples, metrics and final weights as
   one that was never disturbed: the same bits, and each line once.
4. Ctrl-C saves, says so and exits with 130.
5. No process of a run outlives it, whichever way it ended.
6. A finished run says so instead of starting anew.
7. Interrupted while its engines start, or before its first step, a run goes on by the same command. Where for a while
   no reward can be computed, it goes on too: value pretraining takes the steps that are left, and a streaming run
   (which counts staleness in weight versions) neither waits for ever nor learns from what is too old.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from rl.run.tracking import PRETRAINING, read_metrics
from tests.rl.letters import USE, USE_WITH_OUTAGE

STEPS = 6
CONFIG: dict[str, Any] = {
    "seed": 7,
    "device": "cpu",
    "steps": STEPS,
    "prompts_per_step": 4,
    "group_size": 4,
    "optimizer_steps_per_batch": 2,
    "model": {"name": "tiny", "context_tokens": 256},
    "data": {
        "train": [{"generator": "letter_count", "size": 64, "seed": 1}],
        "eval": [{"generator": "letter_count", "size": 4, "seed": 2}],
    },
    "algorithm": {"preset": "vapo", "alpha": 1.0, "value_pretraining": {"min_steps": 2, "max_steps": 2}},
    "rewards": [{"use": "math"}, {"use": USE}],
    "rollout": {"max_response_tokens": 24, "max_concurrent_samples": 16, "cpu_kv_cache_gib": 0.25},
    "learner": {"policy": {"learning_rate": 1e-3}, "critic": {"learning_rate": 1e-3}},
    "evaluation": {"every_steps": 2},
    "checkpoint": {"every_steps": 1},
}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@dataclass
class Run:
    """A run folder and how to start `ponder train` on it."""

    folder: Path
    command: list[str]

    def start(self) -> subprocess.Popen[str]:
        """Start it in a process group of its own, as a shell does."""
        return subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )

    def rows(self, step: int) -> list[dict[str, Any]]:
        text = (self.folder / "samples" / f"step-{step:06d}.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]

    def metrics(self) -> dict[int, dict[str, float]]:
        return {line["step"]: line for line in read_metrics(self.folder / "metrics.jsonl") if "reward/mean" in line}

    def learnt(self) -> list[dict[str, float]]:
        """All lines of metrics without what depends on the clock."""
        return [
            {
                name: value
                for name, value in line.items()
                if "time/" not in name and name != "time" and not name.endswith(("seconds", "per_second"))
            }
            for line in read_metrics(self.folder / "metrics.jsonl")
        ]

    def weights(self) -> dict[str, bytes]:
        """The files of the last checkpoint's policy."""
        policy = self.folder / "checkpoints" / f"step-{STEPS:06d}" / "policy"
        return {path.name: path.read_bytes() for path in policy.iterdir()}


def make_run(tmp: Path, name: str, **changed: Any) -> Run:
    config = tmp / f"{name}.yaml"
    config.write_text(yaml.safe_dump({"name": name, "runs_folder": str(tmp / "runs"), **CONFIG, **changed}))
    return Run(tmp / "runs" / name, [sys.executable, "-m", "rl.cli", "train", str(config)])


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Read the screen until a line holds `text`."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"the run ended without saying {text!r}:\n{seen}")


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def assert_gone(processes: list[psutil.Process]) -> None:
    """All processes end by themselves; Ray's own agents look for their parent only now and then."""
    _, alive = psutil.wait_procs(processes, timeout=240)
    left = [(process.pid, process.name()) for process in alive]
    for process in alive:
        process.kill()
    assert not left, f"left behind: {left}"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, str]:
    run = make_run(tmp_path_factory.mktemp("train"), "undisturbed")
    process = run.start()
    seen = read_until(process, "step 1/")
    parts = descendants(process)
    assert process.stdout is not None
    seen += process.stdout.read()
    assert process.wait() == 0, seen
    assert_gone(parts)
    return run, seen


def test_a_run_leaves_a_complete_folder_and_a_clean_screen(undisturbed: tuple[Run, str]) -> None:
    run, screen = undisturbed
    for name in ("config.yaml", "metrics.jsonl", "summary.json", "report.html", "tensorboard", "logs"):
        assert (run.folder / name).exists(), name
    assert sorted(p.name for p in (run.folder / "checkpoints").iterdir()) == ["step-000005", "step-000006"]
    assert sorted(run.metrics()) == list(range(1, STEPS + 1))
    for noise in ("WARNING", "INFO ", "[Gloo]", "vllm", "it/s]", "Traceback"):
        assert noise not in screen, f"{noise!r} on the screen:\n{screen}"
    assert "report.html" in screen


def test_engine_and_learner_agree_after_every_swap(undisturbed: tuple[Run, str]) -> None:
    run, _ = undisturbed
    for step, metrics in run.metrics().items():
        assert metrics["policy/logprob_gap"] < 1e-4, step
        assert {tuple(row["weight_versions"]) for row in run.rows(step)} == {(step - 1, step - 1)}


def kill_at(run: Run, moment: Path, after_s: float) -> None:
    """Start a run and end it by SIGKILL a while after a path appeared."""
    process = run.start()
    try:
        wait_for_path(moment, process)
        parts = descendants(process)
        time.sleep(after_s)
    finally:
        process.kill()
        process.communicate()
    assert_gone(parts)


def test_killed_and_interrupted_a_run_continues_as_if_nothing_had_been(
    undisturbed: tuple[Run, str], tmp_path: Path
) -> None:
    run, chance = make_run(tmp_path, "disturbed"), random.Random(3)
    checkpoints = run.folder / "checkpoints"
    part = checkpoints / ".part-value-000002"
    kill_at(run, part, chance.uniform(0, 0.02))
    assert part.exists()  # the kill did come in the middle of a save

    process = run.start()
    seen = read_until(process, f"step {chance.randint(2, 4)}/{STEPS}  reward")
    parts = descendants(process)
    os.killpg(process.pid, signal.SIGINT)  # Ctrl-C reaches the whole group, engines and reward workers too
    assert process.stdout is not None
    rest = process.stdout.read()
    assert process.wait() == 130, rest
    assert "value pretraining 1" not in seen  # it went on from the checkpoint after it
    assert "stopped after step" in rest
    assert_gone(parts)

    newest = sorted(checkpoints.glob("step-*"))[-1]
    for shard in (newest / "learner" / "policy").rglob("*.pt"):
        os.truncate(shard, shard.stat().st_size // 2)
    process = run.start()
    assert process.stdout is not None
    screen = process.stdout.read()
    assert process.wait() == 0, screen
    assert f"checkpoint {newest.name} is damaged: learner/policy" in screen
    expected = undisturbed[0]
    for step in range(1, STEPS + 1):
        assert run.rows(step) == expected.rows(step)
    assert all(metrics["policy/gradient_norm"] > 0 for metrics in expected.metrics().values())
    assert run.learnt() == expected.learnt()
    kinds = [(line["step"], any(name.startswith(PRETRAINING) for name in line)) for line in run.learnt()]
    assert kinds.count((1, True)) == kinds.count((1, False)) == 1
    assert [line["step"] for line in run.learnt() if "eval/accuracy" in line] == [0, 2, 4, 6]
    assert run.weights() == expected.weights()
    kept = [f"step-{n:06d}" for n in (STEPS - 1, STEPS)]
    assert sorted(path.name for path in checkpoints.iterdir()) == [f".torn-{newest.name}", *kept]


def test_a_finished_run_is_not_started_again(undisturbed: tuple[Run, str]) -> None:
    run, _ = undisturbed
    before = run.metrics()
    again = subprocess.run(run.command, capture_output=True, text=True)
    assert again.returncode == 0
    assert f"is finished: {STEPS} of {STEPS} steps" in again.stdout
    assert run.metrics() == before


def test_interrupted_before_the_first_step_and_without_rewards_for_a_while(tmp_path: Path) -> None:
    first, away = range(4), range(24, 48)  # the first step of value pretraining; some steps in the middle
    rows = [{"question": f"Say {i}.", "answer": "1", "lost": i in first or i in away} for i in range(80)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = make_run(
        tmp_path,
        "outage",
        steps=14,
        data={
            "train": [{"path": str(tmp_path / "rows.jsonl")}],
            "eval": CONFIG["data"]["eval"],
            "shuffle": False,
        },
        rewards=[{"use": "math"}, {"use": USE_WITH_OUTAGE}],
        streaming={"max_staleness": 2},
        evaluation={"every_steps": 0},
    )
    process = run.start()
    seen = read_until(process, "starting rollout workers")
    os.kill(process.pid, signal.SIGTERM)
    assert process.stdout is not None
    assert "interrupted" in process.stdout.read()
    assert process.wait() == 130

    process = run.start()
    seen = read_until(process, "held-out accuracy before training")
    os.kill(process.pid, signal.SIGTERM)
    assert process.stdout is not None
    rest = process.stdout.read()
    assert process.wait() == 130, seen + rest  # and not aborted by Ray, which sees a crash in SIGTERM
    assert "stopped after step 0" in rest

    process = run.start()
    assert process.stdout is not None
    screen = process.stdout.read()
    assert process.wait() == 0, screen
    assert "nobody answers" in screen
    lines = read_metrics(run.folder / "metrics.jsonl")
    pretraining = [any(name.startswith(f"{PRETRAINING}critic") for name in line) for line in lines]
    assert sum(pretraining) == 1, "two steps, of which the first had no reward"
    steps = [line for line in lines if "batch/groups" in line]
    assert [line["step"] for line in steps] == list(range(1, 15))
    learnt = ["policy/loss" in line for line in steps]
    assert not all(learnt) and learnt[0] and learnt[-1]
    assert max(line.get("rollout/staleness_max", 0) for line in steps) <= 2


def wait_for_path(path: Path, process: subprocess.Popen[str], seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, f"the run ended before {path} appeared"
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.002)
