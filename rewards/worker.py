"""What runs inside a reward worker process: the functions, and the check of what they return."""

from __future__ import annotations

import asyncio
import math
import pickle
import random
import time
import traceback
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import Any, SupportsFloat, cast

from rewards import styles
from rewards.errors import TryAgain
from rewards.styles import Called, Style, bind
from rewards.types import Outcome, RewardInput, Score
from sandbox.pool_worker import load_function

_FIRST_PAUSE_S = 0.5
"""Before the first retry of an async call; doubled before each further one, and cut by up to half at random, so that
calls that failed together do not come back together."""

_functions: list[Called] = []
_places: list[str] = []
"""Where each function stands, for messages."""


def prepare(rewards: Sequence[tuple[str, Style, Mapping[str, Any], bool]], warm_up: Sequence[str]) -> None:
    """Load all reward functions with their options (once, in the process that workers are forked off).

    Args:
        rewards: reference, style, options, and whether it is called on groups; of each.
        warm_up: references of functions to call first.
    """
    _functions[:] = [
        bind(load_function(reference), style, options, group=group) for reference, style, options, group in rewards
    ]
    _places[:] = [_place(reference) for reference, *_ in rewards]
    for reference in warm_up:
        load_function(reference)()


def _place(reference: str) -> str:
    """`f` in mine.py, line 3"""
    file, _, name = reference.rpartition(":")
    line = getattr(getattr(load_function(reference), "__code__", None), "co_firstlineno", None)
    return f"`{name}` in {file}" + (f", line {line}" if line else "")


def call_reward(place: int, samples: Sequence[bytes]) -> list[Score]:
    """Call the reward at a place of the list on pickled samples; what it returns as checked `Score`s."""
    inputs = _read(samples)
    try:
        returned = cast("Sequence[object]", _functions[place](inputs))
    except MemoryError:  # the process is replaced
        raise
    except Exception as error:
        return [_error(_told(error))] * len(inputs)
    return [_to_score(place, value) for value in returned]


async def acall_reward(place: int, samples: Sequence[bytes], retries: int, timeout_s: float) -> list[Score]:
    """`call_reward` of an async function, called again where a connection failed and the deadline leaves time."""
    inputs, ends = _read(samples), time.monotonic() + timeout_s
    for attempt in range(retries + 1):
        try:
            returned = cast("Awaitable[Sequence[object]]", _functions[place](inputs))
            return [_to_score(place, value) for value in await returned]
        except MemoryError:
            raise
        except Exception as error:
            # What the network does: TimeoutError and ConnectionError are OSErrors.
            again = isinstance(error, (OSError, EOFError, TryAgain)) and attempt < retries
            pause = _FIRST_PAUSE_S * 2**attempt * random.uniform(0.5, 1.0)
            if not again or time.monotonic() + pause >= ends:
                return [_error(_told(error))] * len(inputs)
        await asyncio.sleep(pause)
    raise AssertionError("the last attempt returns")


def _told(error: Exception) -> str:
    """The traceback from the reward function on, without the frames of ours that called it."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename in (__file__, styles.__file__):
        frames = frames.tb_next
    return "".join(traceback.format_exception(error.with_traceback(frames)))


def _read(samples: Sequence[bytes]) -> list[RewardInput]:
    return [pickle.loads(sample) for sample in samples]


def _to_score(place: int, returned: object) -> Score:
    score = to_score(returned)
    if score.outcome is Outcome.ERROR:
        return replace(score, message=f"{_places[place]}: {score.message}")
    return score


def to_score(returned: object) -> Score:
    """A checked `Score` of plain floats from whatever a reward function returned.

    Numbers of any library pass (they know how to become a float); NaN, infinities and all else are errors.
    """
    if returned is None:
        return Score(0.0, Outcome.SKIPPED)
    if isinstance(returned, Score):
        return _checked(returned)
    value, message = _number(returned)
    if value is None:
        return _error(message)
    return Score(value, correct=returned if isinstance(returned, bool) else None)


def _checked(score: Score) -> Score:
    outcome = Outcome(score.outcome)
    if outcome.is_failure or outcome is Outcome.GATED:
        return _error(f"a reward cannot return the outcome {outcome}; raise an exception instead")
    value, message = _number(score.value)
    if value is None:
        return _error(message)
    parts: dict[str, float] = {}
    for name, part in score.detail.items():
        number, message = _number(part)
        if number is None:
            return _error(f"detail {name!r}: {message}")
        parts[str(name)] = number
    return Score(value, outcome, None if score.correct is None else bool(score.correct), parts, str(score.message))


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
