"""From prompt to new weights: the first step of a whole run is that of forty lines of plain torch.

Nothing between is taken from the run but its samples: rendering, packing, the engine's log-probabilities, advantages,
the loss's denominators, DeepSpeed's accumulation and optimizer must all be right for the weights to agree.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rl.models.resolve import resolve_model
from tests.rl.letters import USE
from tests.rl.plain_step import compare_first_step


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_step_is_that_of_plain_torch(tmp_path: Path) -> None:
    config = {
        "name": "one-step",
        "runs_folder": str(tmp_path / "runs"),
        "device": "cpu",
        "steps": 1,
        "prompts_per_step": 4,
        "group_size": 4,
        "model": {"name": "tiny", "context_tokens": 128},
        "data": {"train": [{"generator": "letter_count", "size": 16, "seed": 1}]},
        "algorithm": {"preset": "dapo", "old_logprobs": "rollout", "dynamic_sampling": {"enabled": False}},
        "rewards": [{"use": "math"}, {"use": USE}],
        "rollout": {"max_response_tokens": 24, "max_concurrent_samples": 16, "cpu_kv_cache_gib": 0.25},
        "learner": {"policy": {"learning_rate": 1e-3, "warmup_steps": 0}, "tokens_per_micro_batch": 256},
        "checkpoint": {"every_steps": 1},
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "rl.cli", "train", str(tmp_path / "run.yaml")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found = compare_first_step(tmp_path / "runs" / "one-step", resolve_model("tiny").path)
    assert found.gradient_norms[0] == pytest.approx(found.gradient_norms[1], rel=1e-4)
    assert found.update_norms[0] == pytest.approx(found.update_norms[1], rel=1e-4)
    assert found.cosine > 0.9999
