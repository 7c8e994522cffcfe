"""A reward that even a model without a warm start gets now more, now less of: short runs have something to learn."""

from __future__ import annotations

from rewards import RewardInput

USE = f"{__file__}:letters"
"""For `use:` in a configuration."""
USE_WITH_OUTAGE = f"{__file__}:letters_with_outage"
"""The same; rows whose column `lost` is true never get it."""


def letters(sample: RewardInput) -> float:
    """Share of letters in the response."""
    return sum(character.isalpha() for character in sample.response) / max(len(sample.response), 1)


def letters_with_outage(sample: RewardInput) -> float:
    """As of a judge that is away for a while."""
    if sample.columns.get("lost"):
        raise RuntimeError("nobody answers")
    return letters(sample)
