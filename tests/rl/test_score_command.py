"""`ponder score` as a user runs it.

1. It prints what it found, writes scored rows and a report, and holds the rewards to standards by its exit code.
2. Killed or interrupted, the same command goes on and ends with the same file as an undisturbed one, whatever group it
   was in.
3. What is wrong with rewards, data or standards is told before anything is scored; nothing is overwritten.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rl.cli import main

ROOT = Path(__file__).parents[2]
REWARDS = (
    "correctness: math\nrewards: [{use: math}, {use: 'mine.py:brevity', weight: 0.1, options: {target_tokens: 5}}]\n"
)
MINE = """
def brevity(sample, target_tokens: int = 20) -> float:
    return min(1.0, target_tokens / max(len(sample.response.split()), 1))

def number(sample) -> float:
    if sample.answer == "bad":
        raise ValueError("no number")
    return float(sample.answer)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "rewards.yaml").write_text(REWARDS)
    answers = [("42", True), ("41", False), ("42.0", True), ("40", True), ("7", False)]
    rows = [
        {"question": "6 x 7?", "response": rf"So \boxed{{{said}}}.", "ground_truth": "42", "is_correct": label}
        for said, label in answers
    ]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def score(*arguments: str) -> int:
    return main(["score", "--rewards", "rewards.yaml", "--data", "data.jsonl", *arguments])


def test_what_is_printed_and_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert score("--label", "is_correct", "--out", "scored.jsonl", "--report", "report.html") == 0
    printed = capsys.readouterr().out
    assert "5 samples" in printed
    assert re.search(r"precision 1.000\s+recall 0.667\s+F1 0.800", printed)
    assert re.search(r"false negative 1 of 1: row 4", printed)
    rows = [json.loads(line) for line in (folder / "scored.jsonl").read_text().splitlines()]
    assert [row["scored"]["correct"] for row in rows] == [True, False, True, False, False]
    assert rows[0]["scored"]["reward"] == pytest.approx(1.1)
    assert "6 x 7?" in (folder / "report.html").read_text()
    assert not list(folder.glob("*.progress.json"))


def test_standards_decide_the_exit_code(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert score("--label", "is_correct", "--min-f1", "0.8", "--max-failures", "0") == 0
    assert score("--label", "is_correct", "--min-f1", "0.9", "--min-recall", "0.5") == 3
    assert "not met: F1 is 0.800, below --min-f1 0.9" in capsys.readouterr().err
    assert score("--min-f1", "0.9") == 3
    assert "no row has a label" in capsys.readouterr().err


def test_overrides_and_another_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "other.yaml").write_text("correctness: number\nrewards: [{use: 'mine.py:number'}]\n")
    assert score("rewards.1.weight=0", "--out", "scored.jsonl", "--against", "other.yaml") == 0
    rows = [json.loads(line) for line in (folder / "scored.jsonl").read_text().splitlines()]
    assert rows[0]["scored"]["reward"] == 1.0
    assert all(row["scored_against"]["scores"]["number"]["outcome"] == "error" for row in rows)
    printed = capsys.readouterr().out
    assert "other.yaml" in printed


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--data", "nothing.jsonl"], 2, "data file nothing.jsonl does not exist"),
        (["--label", "ok"], 2, "data.jsonl, line 1: no column `ok` for --label"),
        (["--rewards", "nothing.yaml"], 2, "there is no configuration file nothing.yaml"),
        (["--rewards", "bad.yaml"], 2, r"rewards.0.wieght \(bad.yaml:2\): unknown key. Did you mean `weight`"),
        (["--rewards", "shaping.yaml", "--label", "is_correct"], 2, "add `correctness: brevity`"),
        (["--report", "mine.py"], 1, "mine.py exists already; nothing was scored"),
        (["--out", "mine.py"], 2, "mine.py exists already; nothing was written"),
        (["--out", "same", "--report", "same"], 2, "--out and --report are the same file"),
        (["--report", "nowhere/report.html"], 1, "its folder is not there or is not writable"),
        (["--max-failures", "few"], 2, "few"),
        (["--min-f1", "80"], 2, "--min-f1 is 80; it goes from 0 to 1"),
        (["--data", "empty.jsonl"], 2, "has no samples in it"),
    ],
)
def test_mistakes_are_told_before_anything_is_scored(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    (folder / "bad.yaml").write_text("rewards:\n  - {use: math, wieght: 2}\n")
    (folder / "shaping.yaml").write_text("rewards: [{use: 'mine.py:brevity'}]\n")
    (folder / "empty.jsonl").write_text("\n")
    assert score(*arguments) == code
    assert re.search(message, capsys.readouterr().err)
    assert (folder / "mine.py").read_text() == MINE


def test_a_row_that_breaks_later_keeps_what_was_scored(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (folder / "data.jsonl").open("a") as file:
        file.write("{broken\n")
    assert score("--out", "scored.jsonl") == 2
    said = capsys.readouterr().err
    assert "data.jsonl, line 6: not valid JSON" in said
    assert "scored.jsonl keeps what was scored" in said
    assert len((folder / "scored.jsonl").read_text().splitlines()) == 5
    text = (folder / "data.jsonl").read_text()
    (folder / "data.jsonl").write_text(text.replace("{broken", '{"question": "1+1?", "response": "2", "answer": "2"}'))
    assert score("--out", "scored.jsonl") == 0
    assert "going on after row 5" in capsys.readouterr().err


GROUPED = "correctness: math\nrewards: [{use: math}, {use: length_kimi, weight: 0.5}]\n"


def grouped(*groups: str) -> list[str]:
    """Right answers of different lengths, one a group's letter."""
    right = {"question": "6 x 7?", "response": r"\boxed{42}", "ground_truth": "42"}
    rows = [{**right, "group": group, "response_tokens": 9 * n} for n, group in enumerate("".join(groups), 1)]
    return [json.dumps(row) + "\n" for row in rows]


def whole(folder: Path, lines: list[str]) -> list[Any]:
    """What an undisturbed command makes of these rows."""
    (folder / "data.jsonl").write_text("".join(lines))
    assert score("--out", "whole.jsonl") == 0
    return plain(folder / "whole.jsonl")


def test_a_mended_row_leaves_its_group_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "rewards.yaml").write_text(GROUPED)
    lines = grouped("ff", "g" * 8)
    undisturbed = whole(folder, lines)
    (folder / "data.jsonl").write_text("".join([*lines[:6], "{broken\n", *lines[7:]]))
    assert score("--out", "o.jsonl") == 2
    assert len(plain(folder / "o.jsonl")) == 2  # the group that may go on in the broken row is not scored in part
    (folder / "data.jsonl").write_text("".join(lines))
    capsys.readouterr()
    assert score("--out", "o.jsonl") == 0
    assert plain(folder / "o.jsonl") == undisturbed


@pytest.mark.parametrize(("stored", "kept"), [(1, 0), (3, 2), (7, 2), (10, 2), (11, 10), (12, 10)])
def test_an_interrupt_inside_a_group_leaves_it_whole(
    folder: Path, capsys: pytest.CaptureFixture[str], stored: int, kept: int
) -> None:
    (folder / "rewards.yaml").write_text(GROUPED)
    lines = grouped("ff", "g" * 8, "hh")
    undisturbed = whole(folder, lines)
    (folder / "data.jsonl").write_text("".join([*lines, "{broken\n"]))
    assert score("--out", "o.jsonl") == 2  # leaves the file unfinished
    (folder / "data.jsonl").write_text("".join(lines))
    done = (folder / "whole.jsonl").read_text().splitlines(keepends=True)
    # As a crash leaves it: a group is stored in part, and scored as one that was no larger.
    torn = [line.replace('"reward": 1', '"reward": 7') for line in done[kept:stored]]
    (folder / "o.jsonl").write_text("".join([*done[:kept], *torn]))
    capsys.readouterr()
    assert score("--out", "o.jsonl") == 0
    found = capsys.readouterr()
    assert f"going on after row {kept} of o.jsonl" in found.err
    assert plain(folder / "o.jsonl") == undisturbed
    assert "12 samples" in found.out


def test_other_data_are_refused_before_a_row_is_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "rewards.yaml").write_text(GROUPED)
    lines = grouped("ff", "gg")
    (folder / "data.jsonl").write_text("".join([*lines, "{broken\n"]))
    assert score("--out", "o.jsonl") == 2
    before = (folder / "o.jsonl").read_text()
    (folder / "data.jsonl").write_text("".join(grouped("kk", "ll")))
    assert score("--out", "o.jsonl") == 2
    assert "row 1 of o.jsonl is not row 1 of the data" in capsys.readouterr().err
    assert (folder / "o.jsonl").read_text() == before != ""


def test_a_group_that_comes_again_after_an_interrupt_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "rewards.yaml").write_text(GROUPED)
    lines = grouped("ff", "gg", "hh", "f")
    for _ in range(2):  # the first time, and going on
        (folder / "data.jsonl").write_text("".join(lines))
        assert score("--out", "o.jsonl") == 2
        assert "row 7: the samples of its group are not together" in capsys.readouterr().err
    assert len(plain(folder / "o.jsonl")) == 4


def test_a_key_of_the_users_own_is_never_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (folder / "data.jsonl").read_text().splitlines(keepends=True)
    mine = json.dumps({**json.loads(lines[1]), "scored": "by hand"}) + "\n"
    (folder / "data.jsonl").write_text("".join([lines[0], mine, *lines[2:]]))
    assert score("--out", "scored.jsonl") == 2
    assert "row 2 has a key `scored` already" in capsys.readouterr().err
    assert len((folder / "scored.jsonl").read_text().splitlines()) == 1
    (folder / "data.jsonl").write_text("".join(lines))
    assert score("--out", "scored.jsonl") == 0
    assert len((folder / "scored.jsonl").read_text().splitlines()) == 5


def test_what_rewards_print_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "loud.py").write_text("def loud(sample):\n    print('saw', sample.ground_truth)\n    return 1.0\n")
    (folder / "rewards.yaml").write_text("rewards: [{use: 'loud.py:loud'}]\n")
    assert score() == 0
    assert "the rewards printed:\n  saw 42" in capsys.readouterr().err


def test_a_closed_pipe_changes_no_exit_code(folder: Path) -> None:
    command = [sys.executable, "-m", "rl.cli", "score", "--rewards", "rewards.yaml", "--data", "data.jsonl"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, "--min-f1", "0.9", "--label", "is_correct"], cwd=folder, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 3


def plain(path: Path) -> list[Any]:
    """Scored rows without the times."""
    return [re.sub(r'"seconds": [^,}]+', "", line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_command_goes_on(folder: Path, how: signal.Signals) -> None:
    (folder / "mine.py").write_text("import hashlib\n\ndef slow(sample) -> float:\n"
                                    "    return len(hashlib.pbkdf2_hmac('sha1', b'x', b'y', 10_000))\n")  # fmt: skip
    (folder / "rewards.yaml").write_text("rewards: [{use: 'mine.py:slow'}]\n")
    (folder / "data.jsonl").write_text("".join(json.dumps({"response": f"r{i}"}) + "\n" for i in range(1500)))
    command = [sys.executable, "-m", "rl.cli", "score", "--rewards", "rewards.yaml", "--data", "data.jsonl", "--out"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    out = folder / "scored.jsonl"
    process = subprocess.Popen(
        [*command, "scored.jsonl"], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not (out.exists() and out.read_bytes().count(b"\n") > 200):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    assert process.returncode == (130 if how is signal.SIGINT else -signal.SIGKILL)
    if how is signal.SIGINT:
        assert "scored.jsonl keeps what was scored; the same command goes on from there" in said
    done = out.read_bytes().count(b"\n")
    assert 200 < done < 1500
    rerun = subprocess.run([*command, "scored.jsonl"], cwd=folder, env=environment, capture_output=True, text=True)
    assert rerun.returncode == 0, rerun.stderr
    assert f"going on after row {done:,}" in rerun.stderr
    undisturbed = subprocess.run([*command, "whole.jsonl"], cwd=folder, env=environment, capture_output=True, text=True)
    assert undisturbed.returncode == 0
    assert plain(out) == plain(folder / "whole.jsonl")
