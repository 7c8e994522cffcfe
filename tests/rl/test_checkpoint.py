"""Checkpoints are whole or not there, and damage is found.

1. What `latest_checkpoint` returns is whole; a save that ends with an error changes nothing and says what to do.
2. A process that ends at any file operation of a save leaves the earlier checkpoint or the new one, whole, and the next
   start clears up the rest.
3. `keep_last` removes the oldest, only after the new one is complete; so do copies for a learner of another shape.
4. A checkpoint of another model or version is refused by name.
5. A checkpoint with a missing, shortened, altered or unreadable file is set aside, never removed, and the one before is
   used; when none is whole, nothing is changed and the error has ways out.
6. `ponder eval` and `ponder export` refuse a damaged policy, and only that.
7. Value pretraining has checkpoints of its own, older than those of any step.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rl.errors import PonderError
from rl.run.checkpoint import Checkpoint, RunState, latest_checkpoint, list_checkpoints, save_checkpoint
from rl.run.export import export_run
from rl.run.manifest import find_damage

WEIGHTS = "learner/state/rank-0.pt"


def save(
    folder: Path, step: int, content: bytes = b"weights", keep_last: int = 9, state: RunState | None = None
) -> Checkpoint:
    async def write(part: Path) -> None:
        (part / "learner" / "state").mkdir(parents=True)
        (part / WEIGHTS).write_bytes(content)
        (part / "policy").mkdir()
        (part / "policy" / "model.safetensors").write_bytes(b"policy " + content)

    state = state or RunState(step=step, model="tiny")
    return asyncio.run(save_checkpoint(folder, state, write, keep_last=keep_last))


def latest(folder: Path, warn: Callable[[str], None] = print) -> Checkpoint | None:
    return latest_checkpoint(folder, "tiny", warn)


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


def test_the_newest_is_found(tmp_path: Path) -> None:
    assert latest(tmp_path) is None
    save(tmp_path, 2)
    save(tmp_path, 10)
    found = latest(tmp_path)
    assert found is not None and found.state.step == 10
    assert (found.folder / WEIGHTS).read_bytes() == b"weights"


def test_a_full_disk_leaves_the_earlier_checkpoint_whole(small_disk: Path) -> None:
    first = save(small_disk, 1, os.urandom(200_000))
    with pytest.raises(PonderError, match=r"step 2.*No space left(.|\n)*step-000001 is intact.*\n?.*Make room"):
        save(small_disk, 2, os.urandom(2_000_000))
    assert [c.state.step for c in list_checkpoints(small_disk)] == [1]
    assert find_damage(first.folder) is None
    assert os.listdir(small_disk) == ["step-000001"]


def test_only_the_last_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        saved = save(tmp_path, step, keep_last=2)
        (saved.learner / ".converted").mkdir()
    assert sorted(os.listdir(tmp_path)) == ["step-000002", "step-000003"]
    assert sorted(path.parent.parent.name for path in tmp_path.rglob(".converted")) == ["step-000003"]


def test_another_models_checkpoint_is_refused(tmp_path: Path) -> None:
    save(tmp_path, 1)
    with pytest.raises(PonderError, match=r"'tiny'.*'smollm2-135m'.*model\.name=tiny"):
        latest_checkpoint(tmp_path, "smollm2-135m", print)


def test_another_versions_checkpoint_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rl.run.checkpoint.asdict", lambda state: {"step": 1, "model": "tiny", "of_tomorrow": 1})
    save(tmp_path, 1)
    with pytest.raises(PonderError, match=r"another version.*of_tomorrow.*\(1\)"):
        latest(tmp_path)
    assert os.listdir(tmp_path) == ["step-000001"]


def test_the_same_step_saved_again_replaces_it(tmp_path: Path) -> None:
    save(tmp_path, 4, b"old")
    again = save(tmp_path, 4, b"new")
    assert (again.folder / WEIGHTS).read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["step-000004"]


def test_value_pretraining_comes_before_the_first_step(tmp_path: Path) -> None:
    for state in (
        RunState(model="tiny", value_pretraining_steps=20, explained_variance=0.25),
        RunState(step=1, model="tiny", value_pretraining_steps=20, value_pretraining_done=True),
    ):
        save(tmp_path, 0, state=state)
        found = latest(tmp_path)
        assert found is not None and found.state == state
    assert [c.folder.name for c in list_checkpoints(tmp_path)] == ["value-000020", "step-000001"]


# --- ended at any moment ----------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone: nothing that would tidy up runs."""


FILE_OPERATIONS = ("mkdir", "rename", "fsync", "open", "unlink", "rmdir")


class KillAt:
    """Every file operation works until number `last`; that one and all after it end the process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, last: int) -> None:
        self.done, self.last = 0, last
        for name in FILE_OPERATIONS:
            monkeypatch.setattr(os, name, self.counted(getattr(os, name)))

    def counted(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.done += 1
            if self.done > self.last:
                raise Killed
            return operation(*arguments, **options)

        return call


@pytest.mark.parametrize("step", [2, 1], ids=["a new step", "the same step again"])
def test_ended_at_any_moment_of_a_save_a_whole_checkpoint_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    seen: set[bytes] = set()
    for last in range(1000):
        folder = tmp_path / str(last)
        save(folder, 1, b"old", keep_last=1)
        with monkeypatch.context() as patch:
            try:
                KillAt(patch, last)
                save(folder, step, b"new", keep_last=1)
                ended = False
            except Killed:
                ended = True
        warnings: list[str] = []
        found = latest(folder, warnings.append)
        assert found is not None and not warnings, (last, warnings)
        content = (found.folder / WEIGHTS).read_bytes()
        assert find_damage(found.folder) is None
        assert not [name for name in os.listdir(folder) if name.startswith(".")]
        seen.add(content)
        if not ended:
            break
        shutil.rmtree(folder)
    assert content == b"new"
    assert seen == {b"old", b"new"}
    assert last > 15


# --- damage -----------------------------------------------------------------------------------------------------


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing": (lambda folder: (folder / WEIGHTS).unlink(), f"{WEIGHTS} is missing"),
    "cut": (lambda folder: cut(folder / WEIGHTS), f"{WEIGHTS} has 6 bytes, 7 were written"),
    "altered": (lambda folder: alter(folder / WEIGHTS), f"{WEIGHTS} holds something else"),
    "state": (lambda folder: alter(folder / "state.json"), "state.json holds something else"),
    "no state": (lambda folder: (folder / "state.json").unlink(), "state.json is missing"),
    "manifest": (lambda folder: cut(folder / "manifest.json"), "manifest.json cannot be read"),
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), "manifest.json is missing"),
    "empty": (empty, "manifest.json is missing"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_checkpoint_is_set_aside(tmp_path: Path, name: str) -> None:
    damage, said = DAMAGES[name]
    save(tmp_path, 1, b"whole")
    for torn in (".torn-step-000002", ".torn-step-000002-2"):
        damage(save(tmp_path, 2).folder)
        left = sorted(path.name for path in (tmp_path / "step-000002").rglob("*"))
        warnings: list[str] = []
        found = latest(tmp_path, warnings.append)
        assert found is not None and (found.folder / WEIGHTS).read_bytes() == b"whole"
        (line,) = warnings
        assert said in line and str(tmp_path / torn) in line and "step-000001 is whole" in line
        assert sorted(path.name for path in (tmp_path / torn).rglob("*")) == left
    assert latest(tmp_path, warnings.append) == found
    assert len(warnings) == 1


def test_a_file_added_by_somebody_is_no_damage(tmp_path: Path) -> None:
    (save(tmp_path, 1).folder / "notes.txt").write_text("good one")
    assert latest(tmp_path) is not None


def test_when_none_is_whole_nothing_is_changed(tmp_path: Path) -> None:
    cut(save(tmp_path, 1).folder / WEIGHTS)
    (save(tmp_path, 2).folder / "manifest.json").unlink()
    with pytest.raises(PonderError) as error:
        latest(tmp_path)
    text = str(error.value)
    assert f"step-000001: {WEIGHTS} has 6 bytes" in text and "step-000002: manifest.json is missing" in text
    assert f"(4) the policy in step-000001 is whole: start a run of another name with model.name={tmp_path}" in text
    assert sorted(os.listdir(tmp_path)) == ["step-000001", "step-000002"]


def test_export_refuses_a_damaged_policy_and_only_that(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("")
    for step in (1, 2, 3):
        save(run / "checkpoints", step)
    newest = run / "checkpoints" / "step-000003"
    cut(newest / WEIGHTS)
    assert (export_run(run, tmp_path / "first") / "model.safetensors").read_bytes() == b"policy weights"
    alter(newest / "policy" / "model.safetensors")
    with pytest.raises(PonderError, match=r"step-000003 is damaged: policy/model.*\(1\).*step 1 or 2, which is whole"):
        export_run(run, tmp_path / "second")
    assert not (tmp_path / "second").exists()
    export_run(run, tmp_path / "second", step=2)


def test_the_manifest_is_plain(tmp_path: Path) -> None:
    files = json.loads((save(tmp_path, 1).folder / "manifest.json").read_text())["files"]
    assert sorted(files) == [WEIGHTS, "policy/model.safetensors", "state.json"]
    assert files[WEIGHTS] == {"bytes": 7, "crc32": 0x1AD27358}
