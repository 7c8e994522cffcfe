"""Tracking and the screen. Pinned behaviour:

1. metrics.jsonl: a line per call, on disk at once, NaN as null; a torn last line does no harm;
2. a resumed run keeps what counts: no line of a later step, of training or of value pretraining; it knows which steps
   were evaluated;
3. TensorBoard files can be read back, of a resumed run too; wandb-like trackers get the step as a value; a missing one
   is an error;
4. the screen: a plain line a step without a terminal, in-place progress on one; model text is never markup.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rl.config import TrackingConfig
from rl.errors import ConfigError
from rl.run.console import Console
from rl.run.tracking import Tracker, read_metrics, series

PLAIN = TrackingConfig(tensorboard=False)


def test_lines_are_on_disk_when_log_returns(tmp_path: Path) -> None:
    with Tracker(tmp_path, PLAIN, name="run") as tracker:
        tracker.log(1, {"reward/mean": 0.5, "critic/explained_variance": float("nan")})
        (record,) = read_metrics(tmp_path / "metrics.jsonl")
        assert record["step"] == 1
        assert record["reward/mean"] == 0.5
        assert record["critic/explained_variance"] is None
        assert record["time"] > 1e9
        tracker.log(1, {"eval/accuracy": 0.4})
    records = read_metrics(tmp_path / "metrics.jsonl")
    assert series(records, "eval/accuracy") == [(1, 0.4)]
    assert series(records, "critic/explained_variance") == []


def test_a_resumed_run_forgets_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    with Tracker(tmp_path, PLAIN, name="run") as tracker:
        tracker.log(0, {"eval/accuracy": 0.4})
        for step in range(1, 6):
            tracker.log(step, {"value_pretraining/critic/loss": 1.0})
        for step in range(1, 6):
            tracker.log(step, {"reward/mean": float(step)})
    path = tmp_path / "metrics.jsonl"
    with path.open("a") as file:
        file.write('{"step": 6, "rew')  # cut off in the middle
    with Tracker(tmp_path, PLAIN, name="run", resume_after=3, value_steps=5) as tracker:
        tracker.log(4, {"reward/mean": 40.0})
        assert [step for step in range(6) if tracker.evaluated(step)] == [0]
        tracker.log(4, {"eval/accuracy": 0.5})
        assert tracker.evaluated(4)
    records = read_metrics(path)
    assert series(records, "reward/mean") == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 40.0)]
    assert len(series(records, "value_pretraining/critic/loss")) == 5
    assert series(records, "eval/accuracy") == [(0, 0.4), (4, 0.5)]
    for line in path.read_text().splitlines():
        json.loads(line)


def test_interrupted_value_pretraining_is_not_recorded_twice(tmp_path: Path) -> None:
    for done in (0, 3):
        with Tracker(tmp_path, TrackingConfig(), name="run", value_steps=done) as tracker:
            assert not tracker.evaluated(0)
            for step in range(done + 1, 6):
                tracker.log(step, {"value_pretraining/critic/loss": float(step + done)})
    records = read_metrics(tmp_path / "metrics.jsonl")
    steps = [(record["step"], record["value_pretraining/critic/loss"]) for record in records]
    assert steps == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 7.0), (5, 8.0)]
    assert scalars(tmp_path / "tensorboard" / "value_pretraining") == {"critic/loss": steps}


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_tensorboard_files_can_be_read(tmp_path: Path) -> None:
    with Tracker(tmp_path, TrackingConfig(), name="run") as tracker:
        for step in (1, 2):
            tracker.log(step, {"value_pretraining/critic/loss": 3.0 / step})
        for step in (1, 2, 3):
            tracker.log(step, {"reward/mean": step / 4})
    assert scalars(tmp_path / "tensorboard" / "training") == {"reward/mean": [(1, 0.25), (2, 0.5), (3, 0.75)]}
    assert scalars(tmp_path / "tensorboard" / "value_pretraining") == {"critic/loss": [(1, 3.0), (2, 1.5)]}


def test_other_trackers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, Any]] = []
    fake = ModuleType("wandb")
    fake.__spec__ = pytest.__spec__  # find_spec looks at it
    fake.init = lambda **settings: calls.append(("init", settings))  # type: ignore[attr-defined]
    fake.log = lambda metrics: calls.append(("log", metrics))  # type: ignore[attr-defined]
    fake.finish = lambda: calls.append(("finish", None))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", fake)
    (tmp_path / "config.yaml").write_text("seed: 3\n")
    with Tracker(tmp_path, TrackingConfig(tensorboard=False, also=["wandb"], project="p"), name="run") as tracker:
        tracker.log(7, {"reward/mean": 0.5})
    assert calls == [
        ("init", {"project": "p", "name": "run", "config": {"seed": 3}}),
        ("log", {"step": 7, "reward/mean": 0.5}),
        ("finish", None),
    ]


def test_a_tracker_that_is_not_installed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rl.run.tracking.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install mlflow trackio"):
        Tracker(tmp_path, TrackingConfig(also=["mlflow", "trackio"]), name="run")
    assert not (tmp_path / "metrics.jsonl").exists()


STEP = {
    "reward/mean": 0.75,
    "reward/accuracy": 0.8,
    "rollout/response_tokens_mean": 30.24,
    "rollout/tokens_per_second": 2310.4,
}
SUMMARY = {
    "eval_before": {"accuracy": 0.41, "response_tokens_mean": 33.0},
    "eval_after": {"accuracy": 0.93, "response_tokens_mean": 29.0},
    "minutes": 6.25,
    "examples": [
        {"question": "3+4?", "ground_truth": "7", "before": "[red]8", "after": "[/x] 7", "before_correct": False,
         "after_correct": True},
        {"question": "not answered again", "ground_truth": "7", "before": "8", "before_correct": False},
    ],
}  # fmt: skip


def show(console: Console) -> None:
    console.plan([("model", "tiny"), ("a step", "32 prompts x 8 = 256 samples")])
    console.status("starting")
    console.evaluation(0, {"eval/accuracy": 0.41, "eval/response_tokens_mean": 33.0})
    console.evaluation(2, {"eval/accuracy": 0.5, "eval/accuracy/mawps": 0.25, "eval/accuracy/svamp": 0.75})
    console.value_step(1, {"critic/explained_variance": 0.5, "critic/loss": 0.1})
    console.begin(12)
    console.step(1, STEP)
    console.step(2, STEP)
    console.warn("look [here]")
    console.summary(SUMMARY, Path("runs/a/report.html"))
    console.close()


def test_plain_screen() -> None:
    out = io.StringIO()
    show(Console(out))
    text = out.getvalue()
    assert "\x1b" not in text
    lines = [line.rstrip() for line in text.splitlines()]
    assert "step  1/12  reward 0.750  accuracy 0.800  length 30.2  tokens/s 2,310  left 0:00" in lines
    assert sum(line.startswith("step ") for line in lines) == 2
    assert "value pretraining 1  explained variance 0.500  loss 0.100" in lines
    assert "held-out accuracy before training: 0.410, mean response 33.0 tokens" in lines
    assert "held-out accuracy after step 2: 0.500 (mawps 0.250, svamp 0.750)" in lines
    assert "warning: look [here]" in lines
    assert " held-out accuracy  0.410 -> 0.930" in lines
    assert " before    wrong [red]8" in lines
    assert " after     right [/x] 7" in lines
    assert "not answered again" not in text
    assert " wall time          6.2 minutes" in lines
    assert " report             runs/a/report.html" in lines


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_terminal_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    show(Console(out))
    text = out.getvalue()
    assert "\x1b[2K" in text  # lines are redrawn
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")  # the cursor is back
    assert "warning" in text
    assert "runs/a/report.html" in text


def test_summary_of_a_run_without_held_out_prompts() -> None:
    out = io.StringIO()
    Console(out).summary({"minutes": 1.0}, Path("r.html"))
    assert "accuracy" not in out.getvalue()
    assert "r.html" in out.getvalue()
