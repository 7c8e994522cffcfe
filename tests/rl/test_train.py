"""The main job on real Ray, vLLM and DeepSpeed: `ponder train` as a user runs it, killed and interrupted on the way.

1. A run ends with exit code 0 and a complete run folder; its screen holds no library noise.
2. Learner and engine agree on every step's tokens (logprob gap) although weights were swapped in between.
3. Killed (SIGKILL) and interrupted (Ctrl-C), then started again by the same command, a run samples the same ids and
   learns the same as one that was never disturbed.
4. Ctrl-C saves, says so and exits with 130.
5. No process of a run outlives it, whichever way it ended.
6. A finished run says so instead of starting anew.
"""

from __future__ import annotations

import json
import os
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
    "algorithm": {"preset": "vapo", "alpha": 1.0, "value_pretraining": {"min_steps": 1, "max_steps": 1}},
    "rewards": [{"use": "math"}],
    "rollout": {"max_response_tokens": 24, "max_concurrent_samples": 16, "cpu_kv_cache_gib": 0.25},
    "learner": {"policy": {"learning_rate": 1e-3}, "critic": {"learning_rate": 1e-3}},
    "checkpoint": {"every_steps": 1},
}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


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
        lines = [json.loads(line) for line in (self.folder / "metrics.jsonl").read_text().splitlines()]
        return {line["step"]: line for line in lines if "reward/mean" in line}


def make_run(tmp: Path, name: str) -> Run:
    config = tmp / f"{name}.yaml"
    config.write_text(yaml.safe_dump({"name": name, "runs_folder": str(tmp / "runs"), **CONFIG}))
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


def test_killed_and_interrupted_a_run_continues_as_if_nothing_had_been(
    undisturbed: tuple[Run, str], tmp_path: Path
) -> None:
    run = make_run(tmp_path, "disturbed")
    process = run.start()
    read_until(process, "step 1/")
    wait_for_file(run.folder / "checkpoints" / "step-000001" / "state.json")
    parts = descendants(process)
    process.kill()
    process.wait()
    assert_gone(parts)

    process = run.start()
    read_until(process, f"/{STEPS}  reward")
    parts = descendants(process)
    os.killpg(process.pid, signal.SIGINT)  # Ctrl-C reaches the whole group, engines and reward workers too
    assert process.stdout is not None
    rest = process.stdout.read()
    assert process.wait() == 130, rest
    assert "stopped after step" in rest
    assert_gone(parts)

    process = run.start()
    assert process.stdout is not None
    screen = process.stdout.read()
    assert process.wait() == 0, screen
    expected = undisturbed[0]
    for step in range(1, STEPS + 1):
        assert [row["response"] for row in run.rows(step)] == [row["response"] for row in expected.rows(step)]
        for name in ("policy/loss", "critic/loss", "policy/gradient_norm"):
            assert run.metrics()[step][name] == pytest.approx(expected.metrics()[step][name], rel=1e-3, abs=1e-6), name


def test_a_finished_run_is_not_started_again(undisturbed: tuple[Run, str]) -> None:
    run, _ = undisturbed
    before = run.metrics()
    again = subprocess.run(run.command, capture_output=True, text=True)
    assert again.returncode == 0
    assert f"is finished: {STEPS} of {STEPS} steps" in again.stdout
    assert run.metrics() == before


def wait_for_file(path: Path, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.05)
