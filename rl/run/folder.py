"""The run folder: where everything that a run produces lies, and what may change between two starts of it.

runs/<name>/
  config.yaml       the resolved configuration
  metrics.jsonl     one line a step (and tensorboard/)
  samples/          step-000001.jsonl ...: every sample that was generated, with its scores
  value_samples/    the same of value pretraining
  pretrained_critic/   the critic after value pretraining, as a reward model
  checkpoints/      step-000020/ ...
  logs/             what vLLM, Ray and DeepSpeed print
  summary.json      held-out accuracy before and after, example answers
  report.html
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from rewards.atomic import write_atomically
from rewards.rows import write_rows
from rl.config import RunConfig
from rl.data.saved import VALUE_SAMPLES
from rl.errors import PonderError

FIXED = ("seed", "device", "group_size", "model", "data", "budget", "warmup", "correctness")
"""Changing one of these makes another run; everything else may change between two starts."""


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.yaml"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def summary(self) -> Path:
        return self.root / "summary.json"

    @property
    def pretrained_critic(self) -> Path:
        return self.root / "pretrained_critic"

    def samples(self, step: int) -> Path:
        """The samples of one step."""
        return self.root / "samples" / f"step-{step:06d}.jsonl"

    @contextmanager
    def held(self) -> Iterator[None]:
        """The folder for this process alone: two at once would overwrite each other's files.

        Raises:
            PonderError: another process has it, or it cannot be made.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            file = (self.root / ".lock").open("a+")
        except OSError as error:
            raise self._unwritable(error) from error
        with file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the process, however that ends
            except (BlockingIOError, PermissionError):
                file.seek(0)
                raise PonderError(
                    f"{self.root} is being trained by another process ({file.read().strip() or 'just started'}). Ways "
                    "out: (1) wait for it, or end it; (2) give this run a name of its own (name=...)."
                ) from None
            file.truncate(0)
            file.write(f"pid {os.getpid()} on {socket.gethostname()}")
            file.flush()
            yield

    def _unwritable(self, error: OSError) -> PonderError:
        return PonderError(
            f"cannot write the run folder {self.root}: {error.strerror}. Set runs_folder=... to another place."
        )

    def open(self, config: RunConfig) -> list[str]:
        """Create the folder, or take up the run that is there.

        Returns:
            The settings that changed since the run was last started, as `key: old -> new`.

        Raises:
            PonderError: the folder holds a run of another model, data set or seed, or cannot be written.
        """
        changed = self.changes(config)
        fixed = [line for line in changed if line.split(".")[0].split(":")[0] in FIXED]
        if fixed and self.has_results():
            raise PonderError(
                f"{self.root} holds a run that was started with other settings:\n  "
                + "\n  ".join(fixed)
                + "\nWays out: (1) give this run a name of its own (name=...), (2) undo the change, "
                f"(3) move {self.root} away to start anew."
            )
        try:
            for folder in (self.checkpoints, self.logs, self.root / "samples"):
                folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.config, yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))
        except OSError as error:
            raise self._unwritable(error) from error
        return changed

    def changes(self, config: RunConfig) -> list[str]:
        """The settings in which a configuration differs from the one here, as `key: old -> new`; none where none is.

        A setting that did not exist when the run was started counts as its default.
        """
        if not self.config.exists():
            return []
        old = yaml.safe_load(self.config.read_text())
        with suppress(ValidationError):  # else from a version with settings that are gone
            old = RunConfig.model_validate(old).model_dump(mode="json")
        return list(_differences(old, config.model_dump(mode="json")))

    def has_results(self) -> bool:
        """Whether anything was measured or saved here; a run that failed before that may still become another one."""
        return any(self.checkpoints.glob("step-*")) or (self.metrics.exists() and self.metrics.stat().st_size > 0)

    def write_value_samples(self, number: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write all samples of a step of value pretraining."""
        write_rows(self.root / VALUE_SAMPLES / f"step-{number:06d}.jsonl", rows)

    def write_samples(self, step: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write all samples of a step; a resumed step replaces what an interrupted one left."""
        write_rows(self.samples(step), rows)

    def read_summary(self) -> dict[str, Any]:
        """What is known so far of the run's outcome ({} at the start)."""
        return json.loads(self.summary.read_text()) if self.summary.exists() else {}

    def update_summary(self, **values: Any) -> None:
        """Merge values into `summary.json`."""
        write_atomically(self.summary, json.dumps({**self.read_summary(), **values}, indent=1, ensure_ascii=False))


def _differences(old: Any, new: Any, path: str = "") -> Iterable[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif old != new:
        yield f"{path}: {old!r} -> {new!r}"
