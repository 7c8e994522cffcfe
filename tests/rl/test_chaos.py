"""The short form of `tests/rl/chaos.py`: parts of two runs are killed at random.

1. A streaming run ends with every step once, and every group once: learnt from, replaced, or kept in the checkpoint.
2. A run without streaming ends with the very weights and samples of one that nobody disturbed.
"""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

from tests.rl.chaos import CONFIG, check, disturb, write_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_a_streaming_run_loses_nothing(tmp_path: Path) -> None:
    steps = 8
    command = write_config(tmp_path, "run", steps=steps)
    outcome = disturb(command, random.Random(1), kills=3, wait=(2, 8), log=tmp_path / "screen.log")
    assert outcome.kills, "the run ended before anything was killed"
    check(tmp_path / "runs" / "run", steps, CONFIG["group_size"])


def test_a_synchronous_run_is_the_same_run(tmp_path: Path) -> None:
    steps = 4
    for name in ("calm", "disturbed"):
        command = write_config(
            tmp_path, name, steps=steps, streaming={}, algorithm={"preset": "reinforce_pp", "kl": None}
        )
        if name == "calm":
            subprocess.run(command, check=True, capture_output=True)
        else:
            outcome = disturb(command, random.Random(2), kills=2, wait=(2, 8), log=tmp_path / "screen.log")
            assert outcome.kills
    calm, disturbed = tmp_path / "runs" / "calm", tmp_path / "runs" / "disturbed"
    for step in range(1, steps + 1):
        assert _rows(calm, step) == _rows(disturbed, step), step
    for file in (calm / "checkpoints" / f"step-{steps:06d}" / "policy").iterdir():
        other = disturbed / "checkpoints" / f"step-{steps:06d}" / "policy" / file.name
        assert file.read_bytes() == other.read_bytes(), file.name


def _rows(folder: Path, step: int) -> list[dict[str, object]]:
    text = (folder / "samples" / f"step-{step:06d}.jsonl").read_text()
    return sorted((json.loads(line) for line in text.splitlines()), key=lambda row: str(row["sample_id"]))
