"""`ponder score --attack` as a user runs it, on rewards of their own.

1. A weak reward is found out, and the exit code says so; a sound one passes.
2. What is missing is told, with the way out.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rl.cli import main

RIGHT = [
    {"prompt": "6 x 7?", "response": r"<seed:think>7 sixes</seed:think>It is \boxed{42}.", "ground_truth": "42"},
    {"prompt": "2 + 2?", "response": r"<seed:think>easy</seed:think>It is \boxed{4}.", "ground_truth": "4"},
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "right.jsonl").write_text("".join(json.dumps(row) + "\n" for row in RIGHT))
    (tmp_path / "mine.py").write_text(
        "def contains(sample) -> bool:\n    return sample.ground_truth in sample.response\n"
    )
    (tmp_path / "weak.yaml").write_text("correctness: contains\nrewards: [{use: 'mine.py:contains'}]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_weak_reward_is_found_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "--attack", "--rewards", "weak.yaml", "--data", "right.jsonl"]) == 3
    printed = capsys.readouterr().out
    assert "`contains`" in printed
    assert "paid what should not be paid" in printed
    assert "PAID  hedge" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rewards", "weak.yaml"], "add --data RIGHT.jsonl"),
        (["--data", "right.jsonl"], "name the rewards that these are for"),
        (["--rewards", "weak.yaml", "--data", "empty.jsonl"], "empty.jsonl has no samples in it"),
    ],
)
def test_what_is_missing_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (folder / "empty.jsonl").write_text("")
    assert main(["score", "--attack", *arguments]) == 2
    assert message in capsys.readouterr().err
