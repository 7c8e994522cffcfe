"""`ponder export`: the policy of a checkpoint as a Hugging Face folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from rl.errors import PonderError
from rl.run.checkpoint import POLICY_FILES, Checkpoint, list_checkpoints
from rl.run.folder import RunFolder
from rl.run.manifest import find_damage


def find_checkpoint(run: Path, step: int | None = None) -> Checkpoint:
    """The checkpoint of `step`, or the newest; its policy is whole.

    Raises:
        PonderError: no such run, no such checkpoint in it, or a damaged one.
    """
    folder = RunFolder(run)
    if not folder.config.exists():
        raise PonderError(f"{run} is not a run folder (it has no config.yaml). Runs lie under runs/<name>.")
    found = list_checkpoints(folder.checkpoints)
    if not found:
        raise PonderError(f"{run} has no checkpoint yet. `ponder train` saves one every checkpoint.every_steps steps.")
    chosen = [checkpoint for checkpoint in found if step is None or checkpoint.state.step == step]
    if not chosen:
        steps = ", ".join(str(checkpoint.state.step) for checkpoint in found)
        raise PonderError(f"{run} has no checkpoint of step {step}. There are: {steps}.")
    damage = find_damage(chosen[-1].folder, POLICY_FILES)
    if damage is not None:
        whole = [str(one.state.step) for one in found if find_damage(one.folder, POLICY_FILES) is None]
        raise PonderError(
            f"{chosen[-1].folder} is damaged: {damage}. Ways out: (1) "
            + (f"take the checkpoint of step {' or '.join(whole)}, which is whole" if whole else "a copy of it")
            + ", (2) `ponder train` sets it aside and goes on from the last one that is whole."
        )
    return chosen[-1]


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
