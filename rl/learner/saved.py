"""What a learner checkpoint says of the group that saved it, and which groups can go on from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rl.errors import PonderError

FILE = "group.json"


@dataclass(frozen=True)
class Saved:
    """A learner group at the moment it was saved."""

    updates: int
    """Calls of `LearnerGroup.update` before."""
    ranks: int
    zero_stage: int
    dtype: str
    """`float32` or `bfloat16`: in which passes compute."""
    offloads_optimizer: bool
    critic: bool
    """Whether it has a critic."""
    lora: dict[str, Any] | None
    """The settings of its adapters."""

    @property
    def shape(self) -> str:
        """In words, for the screen."""
        offload = ", optimizer offloaded" if self.offloads_optimizer else ""
        return f"{self.ranks} rank(s) with ZeRO {self.zero_stage} in {self.dtype}{offload}"

    def loads_into(self, group: Saved) -> bool:
        """Whether DeepSpeed loads the files into `group` as they are; ZeRO 0 has whole float32 weights in any case."""
        if self.zero_stage != group.zero_stage:
            return False
        shards = (self.ranks, self.dtype, self.offloads_optimizer)
        return self.zero_stage == 0 or shards == (group.ranks, group.dtype, group.offloads_optimizer)

    def require_same_networks(self, group: Saved, folder: Path) -> None:
        """Refuse a group that trains other weights.

        Raises:
            PonderError: adapters were added, removed or changed, or there is no critic to go on with.
        """
        if _adapters(self.lora) != _adapters(group.lora):
            raise PonderError(
                f"{folder} was saved with learner.lora = {self.lora}, the run has {group.lora} now: the trained "
                "weights are not the same. Ways out: (1) undo the change, (2) `ponder export` the run and start one of "
                "another name with model.name=<the exported folder>."
            )
        if group.critic and not self.critic:
            raise PonderError(
                f"{folder} was saved without a critic, and the algorithm needs one now. Ways out: (1) go back to the "
                "algorithm, (2) `ponder export` the run, and start one of another name with "
                "model.name=<the exported folder>, which pretrains a critic first."
            )


def write_saved(folder: Path, saved: Saved) -> None:
    """Write it beside what the ranks saved; the last file of a learner checkpoint."""
    (folder / FILE).write_text(json.dumps(asdict(saved), indent=1))


def read_saved(folder: Path) -> Saved:
    """What `write_saved` wrote.

    Raises:
        PonderError: it is not there.
    """
    path = folder / FILE
    if not path.is_file():
        raise PonderError(f"no learner checkpoint in {folder}: it is missing or was not written to its end")
    return Saved(**json.loads(path.read_text()))


def _adapters(lora: dict[str, Any] | None) -> Any:
    """What decides on the names and shapes of adapter weights."""
    return None if lora is None else (lora["rank"], lora["target_modules"])
