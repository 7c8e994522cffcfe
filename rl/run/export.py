"""`ponder export`: the policy of a checkpoint as a Hugging Face folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from rl.errors import PonderError
from rl.run.checkpoint import Checkpoint, list_checkpoints
from rl.run.folder import RunFolder


def find_checkpoint(run: Path, step: int | None = None) -> Checkpoint:
    """The checkpoint of `step`, or the newest.

    Raises:
        PonderError: no such run, or no such checkpoint in it.
    """
    folder = RunFolder(run)
    if not folder.config.exists():
        raise PonderError(f"{run} is not a run folder (it has no config.yaml). Runs lie under runs/<name>.")
    found = list_checkpoints(folder.checkpoints)
    if not found:
        raise PonderError(f"{run} has no checkpoint yet. `ponder train` saves one every checkpoint.every_steps steps.")
    if step is None:
        return found[-1]
    for checkpoint in found:
        if checkpoint.state.step == step:
            return checkpoint
    steps = ", ".join(str(checkpoint.state.step) for checkpoint in found)
    raise PonderError(f"{run} has no checkpoint of step {step}. There are: {steps}.")


def export_run(run: Path, out: Path, step: int | None = None) -> Path:
    """Copy a checkpoint's policy and tokenizer to `out`, whole or not at all.

    Raises:
        PonderError: nothing to export, `out` exists, or the disk is full.
    """
    checkpoint = find_checkpoint(run, step)
    if out.exists():
        raise PonderError(f"{out} exists already; nothing was written. Name another folder or move it away.")
    part = out.with_name(f".part-{out.name}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(checkpoint.policy, part)
        part.rename(out)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise PonderError(f"could not write {out}: {error}. Make room or name another place.") from error
    return out
