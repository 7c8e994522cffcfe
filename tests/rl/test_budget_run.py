"""Budgets on real Ray, vLLM and DeepSpeed. Pinned here:

1. A run with budgets gives every group one, measures held-out prompts at every level, and reports by level.
2. What `cap_and_reflect` puts in is true, counted, and not learnt from: learner and engine agree on the rest.
3. `ponder eval` and `ponder budget` give the table of levels.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from rl.budget.levels import levels_in
from rl.run.tracking import read_metrics

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

FORMAT = {"intervals": {0: 0, 48: 24, 192: 48}, "max_overshoot": 4}
CONFIG: dict[str, Any] = {
    "name": "run",
    "seed": 3,
    "device": "cpu",
    "steps": 2,
    "prompts_per_step": 8,
    "group_size": 2,
    "model": {"name": "tiny", "context_tokens": 256},
    "data": {
        "train": [{"generator": "letter_count", "size": 64, "seed": 1}],
        "eval": [{"generator": "letter_count", "size": 4, "seed": 2}],
    },
    "budget": {"levels": {0: 1, 24: 1, 96: 2, "unlimited": 1}, "format": FORMAT, "enforce": "cap_and_reflect"},
    "algorithm": {"preset": "grpo", "kl": None},
    "rewards": [{"use": "math"}, {"use": "thinking_budget", "weight": 0.5}],
    "rollout": {"max_response_tokens": 160, "max_concurrent_samples": 32, "cpu_kv_cache_gib": 0.25},
}


def ponder(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "rl.cli", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_run_with_budgets(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(CONFIG | {"runs_folder": str(tmp_path)}))
    ponder("train", str(path))
    folder = tmp_path / "run"
    for step in (1, 2):
        rows = [json.loads(line) for line in (folder / "samples" / f"step-00000{step}.jsonl").read_text().splitlines()]
        by_question: dict[str, set[Any]] = {}
        for row in rows:
            by_question.setdefault(row["messages"][-1]["content"], set()).add(row["thinking_budget"])
        assert all(len(budgets) == 1 for budgets in by_question.values())
        assert len({row["thinking_budget"] for row in rows}) > 1
    records = read_metrics(folder / "metrics.jsonl")
    steps = [one for one in records if "budget/forced" in one]
    assert len(steps) == 2
    assert all(one["budget/forced"] > 0 for one in steps)  # a model that knows nothing closes no thinking
    assert all(one["policy/logprob_gap"] < 1e-3 for one in steps)
    summary = json.loads((folder / "summary.json").read_text())
    measured = summary["eval_after"]["budget"]
    assert levels_in(measured) == ["0", "24", "96", "unlimited"]
    assert measured["budget/96/thinking_tokens"] <= 96 + 4 + 18 + 1
    assert summary["eval_after"]["prompts"] == 4 * 4
    assert "Thinking budgets" in (folder / "report.html").read_text()

    curve = tmp_path / "curve.png"
    out = ponder("eval", str(folder), "budget.enforce=cap", "--plot", str(curve))
    assert [line.split()[0] for line in out.splitlines()[-5:-1]] == ["0", "24", "96", "unlimited"]
    assert out.splitlines()[-1] == str(curve) and curve.read_bytes().startswith(b"\x89PNG")

    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps({"question": "How often?", "answer": "3"}) + "\n")
    sizes = ["--max-response-tokens", "96", "--context-tokens", "256", "--logs", str(tmp_path / "logs")]
    out = ponder("budget", "tiny", "--data", str(data), "--levels", "24", "0", "--format", json.dumps(FORMAT), *sizes)
    assert [line.split()[0] for line in out.splitlines()[-2:]] == ["0", "24"]
