"""A reward that even a model without a warm start gets now more, now less of: short runs have something to learn."""

from __future__ import annotations

from rewards import RewardInput

USE = f"{__file__}:letters"
"""For `use:` in a configuration."""


def letters(sample: RewardInput) -> float:
    """Share of letters in the response."""
    return sum(character.isalpha() for character in sample.response) / max(len(sample.response), 1)
