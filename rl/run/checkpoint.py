"""Checkpoints: complete or not there at all, and looked at before they are gone on from.

A checkpoint is written into a hidden folder, its files are flushed, and a rename makes it visible: what lies
under `step-<n>` was whole then. Older ones are removed only after that. A manifest says what was written; one that
differs from it later is set aside by its name, and the one before is used.

    checkpoints/step-000020/        value-000020/ during value pretraining
      learner/      DeepSpeed state of policy and critic (weights, optimizer, RNG), one file per rank
      policy/       the policy as a Hugging Face folder (what `ponder eval` and `ponder export` read)
      source.pickle where the source of batches stands: scored groups that wait, prompts that are unfinished
      state.json    step, weight version, data position, model
      manifest.json size and checksum of every file

Hidden names are leftovers of a crash (`.part-`, `.old-`, `.gone-`), which the next start clears up, and damaged
checkpoints (`.torn-`), which stay until somebody removes them.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import re
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from rl.batch_source import SourceState
from rl.durable import flush, flush_tree
from rl.errors import PonderError
from rl.run.manifest import find_damage, write_manifest

SOURCE = "source.pickle"
"""Read back only by the run that wrote it, as DeepSpeed's own files are."""

_NAME = re.compile(r"(value|step)-(\d{6,})")
POLICY_FILES = ("policy/", "state.json")
"""What is read of a checkpoint by those who only want its policy."""


@dataclass(frozen=True)
class RunState:
    """Where a run stands between two steps: all that is not in the learner."""

    step: int = 0
    """Finished steps."""
    model: str = ""
    """Name of the model that is trained."""
    value_pretraining_steps: int = 0
    value_pretraining_done: bool = False
    value_samples: int = 0
    """Samples that value pretraining has learnt from."""
    explained_variance: float | None = None
    """The critic's on the last batch of value pretraining before it learnt from it; None: not measured yet."""
    value_loss: float | None = None
    """Its loss on that batch."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """State of the prompt stream."""
    seconds: float = 0.0
    """Wall time spent in the run so far."""

    @property
    def name(self) -> str:
        """Of a checkpoint that is taken here."""
        if self.step == 0 and self.value_pretraining_steps > 0:
            return f"value-{self.value_pretraining_steps:06d}"
        return f"step-{self.step:06d}"


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

    def source(self) -> SourceState | None:
        """Where the source of batches stood; None before the first step."""
        state: SourceState | None = pickle.loads((self.folder / SOURCE).read_bytes())
        return state


def list_checkpoints(folder: Path) -> list[Checkpoint]:
    """All checkpoints that say where they stand, oldest first; whether they are whole is `find_damage`'s to say."""
    return [Checkpoint(path, _read_state(path)) for path in _folders(folder) if (path / "state.json").exists()]


def latest_checkpoint(folder: Path, model: str, warn: Callable[[str], None]) -> Checkpoint | None:
    """The newest whole checkpoint, or None at the start of a run. Clears up what a crash left behind.

    Newer ones that are damaged are renamed to `.torn-...`.

    Args:
        folder: the run's `checkpoints/`.
        model: the run trains.
        warn: takes a line for each checkpoint that was set aside.

    Raises:
        PonderError: there are checkpoints but none is whole, or it belongs to another model or version.
    """
    _clear_up(folder)
    damaged: dict[Path, str] = {}
    for path in reversed(_folders(folder)):
        damage = find_damage(path)
        if damage is None:
            break
        damaged[path] = damage
    else:
        if damaged:
            raise PonderError(_none_is_whole(folder, damaged))
        return None
    found = Checkpoint(path, _read_state(path))
    if found.state.model != model:
        raise PonderError(
            f"{path} is a checkpoint of the model {found.state.model!r}, but the run trains {model!r}. "
            f"Ways out: (1) model.name={found.state.model}, (2) give the run another name, (3) move {folder} away."
        )
    for torn, damage in damaged.items():
        aside = _free_name(folder / f".torn-{torn.name}")
        torn.rename(aside)
        warn(f"checkpoint {torn.name} is damaged: {damage}. It was set aside as {aside}; {path.name} is whole.")
    return found


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
    final = folder / state.name
    part = folder / f".part-{final.name}"
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        await write(part)
        (part / "state.json").write_text(json.dumps(asdict(state), indent=1))
        await asyncio.to_thread(_seal, part)
        if final.exists():  # the same step again (a second Ctrl-C, say): swap it in whole
            old = folder / f".old-{final.name}"
            final.rename(old)
            part.rename(final)
            flush(folder)
            shutil.rmtree(old)
        else:
            part.rename(final)
            flush(folder)
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
    saved = _folders(folder)
    for stale in saved[:-keep_last]:
        gone = folder / f".gone-{stale.name}"
        stale.rename(gone)  # at once: a crash while files are removed must not leave half a checkpoint
        shutil.rmtree(gone)
    for kept_folder in saved[-keep_last:]:
        for copy in kept_folder.glob("learner/.*"):  # made for a learner of another shape, which has saved its own now
            shutil.rmtree(copy)
    return Checkpoint(final, state)


def _folders(folder: Path) -> list[Path]:
    """Checkpoint folders, oldest first: value pretraining comes before the first step."""
    named = [(match, path) for path in folder.glob("*-*") if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(named, key=lambda one: (one[0][1] == "step", int(one[0][2])))]


def _read_state(path: Path) -> RunState:
    state = json.loads((path / "state.json").read_text())
    unknown = sorted(state.keys() - {one.name for one in fields(RunState)})
    if unknown:
        raise PonderError(
            f"{path} was written by another version of Ponder: its state.json says {', '.join(unknown)}. "
            "Ways out: (1) go on with that version, (2) give the run another name."
        )
    return RunState(**state)


def _seal(part: Path) -> None:
    write_manifest(part)
    flush_tree(part)


def _clear_up(folder: Path) -> None:
    """What a crash while saving or removing left behind."""
    for old in folder.glob(".old-*"):  # between the two renames of a replacement, or after them
        target = folder / old.name.removeprefix(".old-")
        shutil.rmtree(old) if target.exists() else old.rename(target)
    for rest in [*folder.glob(".part-*"), *folder.glob(".gone-*")]:
        shutil.rmtree(rest)


def _none_is_whole(folder: Path, damaged: Mapping[Path, str]) -> str:
    ways = [
        "put the files back from a copy",
        "give the run another name, which starts anew",
        f"move {folder} away: the same command then starts this run anew",
    ]
    usable = next((path for path in damaged if find_damage(path, POLICY_FILES) is None), None)
    if usable is not None:
        ways.append(
            f"the policy in {usable.name} is whole: start a run of another name with model.name={usable}/policy"
        )
    return (
        f"no checkpoint in {folder} is whole; nothing was changed:\n"
        + "".join(f"  {path.name}: {damage}\n" for path, damage in damaged.items())
        + "Ways out: "
        + ", ".join(f"({number}) {way}" for number, way in enumerate(ways, 1))
        + "."
    )


def _free_name(path: Path) -> Path:
    """The path, or the first of path-2, path-3, ... that does not exist."""
    number = 1
    free = path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free
