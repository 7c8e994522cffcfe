"""What runs inside a reward worker process: the functions, and the check of what they return."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, SupportsFloat

from rewards.types import Outcome, RewardInput, Score
from sandbox.pool_worker import load_function

_functions: list[Callable[[RewardInput], Any]] = []


def prepare(rewards: Sequence[tuple[str, Mapping[str, Any]]], warm_up: Sequence[str]) -> None:
    """Load all reward functions with their options (once, in the process that workers are forked off)."""
    _functions[:] = [partial(load_function(reference), **options) for reference, options in rewards]
    for reference in warm_up:
        load_function(reference)()


def call_reward(place: int, sample: RewardInput) -> Score:
    """Call the reward at a place of the list and turn what it returns into a checked `Score`."""
    return to_score(_functions[place](sample))


def to_score(returned: object) -> Score:
    """A checked `Score` of plain floats from whatever a reward function returned.

    Numbers of any library pass (they know how to become a float); NaN, infinities and all else are errors.
    """
    if returned is None:
        return Score(0.0, Outcome.SKIPPED)
    if isinstance(returned, Score):
        if Outcome(returned.outcome).is_failure:
            return _error(f"a reward cannot return the outcome {returned.outcome}; raise an exception instead")
        value, message = _number(returned.value)
        if value is None:
            return _error(message)
        return Score(
            value,
            Outcome(returned.outcome),
            None if returned.correct is None else bool(returned.correct),
            {str(name): float(part) for name, part in returned.detail.items()},
            str(returned.message),
        )
    value, message = _number(returned)
    if value is None:
        return _error(message)
    return Score(value, correct=returned if isinstance(returned, bool) else None)


def _number(value: object) -> tuple[float | None, str]:
    if not isinstance(value, SupportsFloat):
        return None, f"returned {_short(value)}; a reward returns a number, a bool, a Score or None"
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        return None, f"returned {_short(value)}, which is no single number: {error}"
    return (number, "") if math.isfinite(number) else (None, f"returned {number}; a reward is a finite number")


def _short(value: object) -> str:
    return f"a {type(value).__name__} ({str(value)[:80]})"


def _error(message: str) -> Score:
    return Score(0.0, Outcome.ERROR, message=message)
