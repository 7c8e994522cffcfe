"""Checkpoints are whole or not there.

1. What `list_checkpoints` returns is complete; a folder without `state.json` is not a checkpoint.
2. A save that fails (full disk) leaves earlier checkpoints intact, removes its own remains and says what to do.
3. `keep_last` removes the oldest, only after the new one is complete.
4. A checkpoint of another model is refused by name.
5. A crash between the two renames of a replacement loses nothing.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rl.errors import PonderError
from rl.run.checkpoint import Checkpoint, RunState, latest_checkpoint, list_checkpoints, save_checkpoint


def save(folder: Path, step: int, content: bytes = b"weights", keep_last: int = 9) -> Checkpoint:
    async def write(part: Path) -> None:
        (part / "learner").mkdir()
        (part / "learner" / "rank-0.pt").write_bytes(content)

    return asyncio.run(save_checkpoint(folder, RunState(step=step, model="tiny"), write, keep_last=keep_last))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True)
    if mount.returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_the_newest_complete_checkpoint_is_found(tmp_path: Path) -> None:
    save(tmp_path, 2)
    save(tmp_path, 10)
    torn = tmp_path / "step-000020"
    torn.mkdir()
    found = latest_checkpoint(tmp_path, "tiny")
    assert found is not None and found.state.step == 10
    assert (found.learner / "rank-0.pt").read_bytes() == b"weights"


def test_a_full_disk_leaves_the_earlier_checkpoint_whole(small_disk: Path) -> None:
    first = save(small_disk, 1, os.urandom(300_000))
    kept = (first.learner / "rank-0.pt").read_bytes()
    with pytest.raises(PonderError, match=r"step 2.*No space left(.|\n)*step-000001 is intact.*\n?.*Make room"):
        save(small_disk, 2, os.urandom(2_000_000))
    assert [c.state.step for c in list_checkpoints(small_disk)] == [1]
    assert (first.learner / "rank-0.pt").read_bytes() == kept
    assert os.listdir(small_disk) == ["step-000001"]


def test_only_the_last_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        save(tmp_path, step, keep_last=2)
    assert sorted(os.listdir(tmp_path)) == ["step-000002", "step-000003"]


def test_another_models_checkpoint_is_refused(tmp_path: Path) -> None:
    save(tmp_path, 1)
    with pytest.raises(PonderError, match=r"'tiny'.*'smollm2-135m'.*model\.name=tiny"):
        latest_checkpoint(tmp_path, "smollm2-135m")


def test_a_crash_while_replacing_a_checkpoint_loses_nothing(tmp_path: Path) -> None:
    saved = save(tmp_path, 4, b"old")
    saved.folder.rename(tmp_path / ".old-step-000004")  # what a crash between the renames leaves behind
    found = latest_checkpoint(tmp_path, "tiny")
    assert found is not None and (found.learner / "rank-0.pt").read_bytes() == b"old"


def test_the_same_step_saved_again_replaces_it(tmp_path: Path) -> None:
    save(tmp_path, 4, b"old")
    again = save(tmp_path, 4, b"new")
    assert (again.learner / "rank-0.pt").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["step-000004"]
    shutil.rmtree(again.folder)
