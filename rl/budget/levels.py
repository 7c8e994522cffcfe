"""Reads metrics by budget: which levels there are, and a level's numbers. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rl.budget.config import level_name

FIGURES = ("accuracy", "thinking_tokens", "compliance", "truncated")
"""What is measured at each level, besides its share."""


def levels_in(metrics: Mapping[str, float]) -> list[str]:
    """The levels that metrics `budget/<level>/accuracy` are there for, rising, `unlimited` last."""
    found = [name.split("/")[1] for name in metrics if name.startswith("budget/") and name.endswith("/accuracy")]
    return sorted(found, key=lambda name: math.inf if name == level_name(None) else int(name))


def at_level(metrics: Mapping[str, float], level: str) -> dict[str, float]:
    """A level's figures."""
    return {name: metrics[f"budget/{level}/{name}"] for name in FIGURES if f"budget/{level}/{name}" in metrics}
