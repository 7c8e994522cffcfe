"""Checkpoints: complete or not there at all.

A checkpoint is written into a hidden folder, its files are flushed, and a rename makes it visible: what lies
under `step-<n>` is whole. Older ones are removed only after that.

    checkpoints/step-000020/
      learner/      DeepSpeed state of policy and critic (weights, optimizer, RNG), one file per rank
      policy/       the policy as a Hugging Face folder (what `ponder eval` and `ponder export` read)
      waiting.pickle   scored groups that were left over and wait for the next step
      state.json    step, weight version, data position, model
"""

from __future__ import annotations

import json
import math
import os
import pickle
import re
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rl.errors import PonderError
from rl.groups import ScoredGroup

WAITING = "waiting.pickle"
"""Groups left over from the last step; read back only by the run that wrote them, as DeepSpeed's own files are."""

_NAME = re.compile(r"step-(\d{6,})")


@dataclass(frozen=True)
class RunState:
    """Where a run stands between two steps: all that is not in the learner."""

    step: int = 0
    """Finished steps."""
    model: str = ""
    """Name of the model that is trained."""
    value_pretraining_steps: int = 0
    value_pretraining_done: bool = False
    explained_variance: float = math.nan
    """The critic's on the last batch of value pretraining before it learnt from it; NaN: not measured yet."""
    value_loss: float = math.nan
    """Its loss on that batch."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """State of the prompt stream."""
    seconds: float = 0.0
    """Wall time spent in the run so far."""


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on disk."""

    folder: Path
    state: RunState

    @property
    def learner(self) -> Path:
        return self.folder / "learner"

    @property
    def policy(self) -> Path:
        return self.folder / "policy"

    def left_over(self) -> tuple[ScoredGroup, ...]:
        """Scored groups that wait for the next step."""
        groups: tuple[ScoredGroup, ...] = pickle.loads((self.folder / WAITING).read_bytes())
        return groups


def list_checkpoints(folder: Path) -> list[Checkpoint]:
    """All complete checkpoints, oldest first."""
    found = [
        Checkpoint(path, RunState(**json.loads((path / "state.json").read_text())))
        for path in folder.glob("step-*")
        if _NAME.fullmatch(path.name) and (path / "state.json").exists()
    ]
    return sorted(found, key=lambda c: c.state.step)


def latest_checkpoint(folder: Path, model: str) -> Checkpoint | None:
    """The newest checkpoint, or None at the start of a run.

    Raises:
        PonderError: it belongs to another model.
    """
    for old in folder.glob(".old-step-*"):  # a crash between the two renames of a replacement
        target = folder / old.name.removeprefix(".old-")
        shutil.rmtree(old) if target.exists() else old.rename(target)
    found = list_checkpoints(folder)
    if not found:
        return None
    last = found[-1]
    if last.state.model != model:
        raise PonderError(
            f"{last.folder} is a checkpoint of the model {last.state.model!r}, but the run trains {model!r}. "
            f"Ways out: (1) model.name={last.state.model}, (2) give the run another name, (3) move {folder} away."
        )
    return last


async def save_checkpoint(
    folder: Path, state: RunState, write: Callable[[Path], Awaitable[None]], *, keep_last: int
) -> Checkpoint:
    """Save a checkpoint; on any failure what was there before stays as it was.

    Args:
        folder: the run's `checkpoints/`.
        write: writes `learner/` and `policy/` into the folder it is given.
        keep_last: complete checkpoints to keep.

    Raises:
        PonderError: writing failed (a full disk, most often).
    """
    final = folder / f"step-{state.step:06d}"
    part = folder / f".part-{final.name}"
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        await write(part)
        (part / "state.json").write_text(json.dumps(asdict(state), indent=1))
        _flush(part)
        if final.exists():  # the same step again (a second Ctrl-C, say): swap it in whole
            old = folder / f".old-{final.name}"
            final.rename(old)
            part.rename(final)
            shutil.rmtree(old)
        else:
            part.rename(final)
    except Exception as error:
        shutil.rmtree(part, ignore_errors=True)
        kept = list_checkpoints(folder)
        free = shutil.disk_usage(folder).free / 2**20
        raise PonderError(
            f"could not save a checkpoint of step {state.step} in {folder} ({free:.0f} MiB free there now): {error}\n"
            + (f"{kept[-1].folder.name} is intact. " if kept else "No earlier checkpoint exists. ")
            + "Make room (or set checkpoint.keep_last=1, or runs_folder=... on a larger disk) "
            "and run the same command to go on."
        ) from error
    for stale in list_checkpoints(folder)[:-keep_last]:
        shutil.rmtree(stale.folder)
    return Checkpoint(final, state)


def _flush(folder: Path) -> None:
    """Ask the disk to keep every file, so that the rename never outlives the content."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
