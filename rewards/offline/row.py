"""The noun of offline scoring: one row of the data with what the rewards said."""

from __future__ import annotations

from dataclasses import dataclass

from rewards.types import Combined, RewardInput


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """One row of the data with what the rewards said."""

    number: int
    """Line (JSONL) or row (Parquet) of the file, from 1."""
    sample: RewardInput
    combined: Combined
    label: bool | None = None
    """The user's own verdict, from the column named by `--label`."""
    against: Combined | None = None
    """What the rewards of the other file (`--against`) said."""
