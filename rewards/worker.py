"""What runs inside a reward worker process: the functions, and the check of what they return."""

from __future__ import annotations

import asyncio
import inspect
import math
import pickle
import random
import socket
import time
import traceback
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, SupportsFloat, cast

from rewards import styles
from rewards.errors import TryAgain
from rewards.styles import Called, Style, bind
from rewards.types import RESERVED_PARTS, Outcome, RewardInput, Score
from sandbox.pool_worker import load_function

_FIRST_PAUSE_S = 0.5
"""Before the first retry of an async call; doubled before each further one, and cut by up to half at random, so that
calls that failed together do not come back together."""

_CONNECTION_FAILED = frozenset(
    {"TransportError", "ClientConnectionError", "APIConnectionError", "RateLimitError", "InternalServerError"}
)
"""Base classes of httpx, aiohttp, openai and anthropic."""
LARGEST = 1e30
"""Training is in single precision, whose largest number is 3e38."""

_functions: dict[int, tuple[Called, str]] = {}
"""By their place in the list of rewards; with where each stands, for messages."""


def prepare(rewards: Sequence[tuple[str, Style, Mapping[str, Any], bool] | None], warm_up: Sequence[str]) -> None:
    """Load the reward functions of this process with their options (once, where workers are forked off it).

    Args:
        rewards: reference, style, options, and whether it is called on groups; None for those that run elsewhere.
        warm_up: references of functions to call first.
    """
    _functions.clear()
    for place, reward in enumerate(rewards):
        if reward is not None:
            reference, style, options, group = reward
            bound = bind(load_function(reference), style, options, group=group)
            _functions[place] = (bound, _place(reference))
    for reference in warm_up:
        load_function(reference)()


def _place(reference: str) -> str:
    """`f` in mine.py, line 3"""
    file, _, name = reference.rpartition(":")
    line = getattr(getattr(inspect.unwrap(load_function(reference)), "__code__", None), "co_firstlineno", None)
    return f"`{name}` in {file}" + (f", line {line}" if line else "")


def call_reward(place: int, samples: Sequence[bytes]) -> list[Score]:
    """Call the reward at a place of the list on pickled samples; what it returns as checked `Score`s."""
    inputs, (function, where) = _read(samples), _functions[place]
    try:
        returned = function(inputs)
    except MemoryError:  # the process is replaced
        raise
    except Exception as error:
        return [_error(_told(error))] * len(inputs)
    if not isinstance(returned, Sequence):
        cast("Coroutine[Any, Any, object]", returned).close()
        return [_error(f"{where} is async behind a plain function: write it as `async def`")] * len(inputs)
    return [_to_score(where, value) for value in returned]


async def acall_reward(place: int, samples: Sequence[bytes], retries: int, timeout_s: float) -> list[Score]:
    """`call_reward` of an async function, called again where a connection failed and the deadline leaves time.

    The detail `retries` of a score says how often.
    """
    inputs, (function, where), ends = _read(samples), _functions[place], time.monotonic() + timeout_s
    for attempt in range(retries + 1):
        try:
            returned = await cast("Awaitable[Sequence[object]]", function(inputs))
            scores = [_to_score(where, value) for value in returned]
            return [replace(score, detail={**score.detail, "retries": float(attempt)}) for score in scores]
        except MemoryError:
            raise
        except Exception as error:
            again = attempt < retries and _may_pass(error)
            pause = _FIRST_PAUSE_S * 2**attempt * random.uniform(0.5, 1.0)
            if not again or time.monotonic() + pause >= ends:
                return [_error(_told(error))] * len(inputs)
        await asyncio.sleep(pause)
    raise AssertionError("the last attempt returns")


def _may_pass(error: BaseException | None) -> bool:
    """Whether what was raised, or what led to it, is a failed connection: another attempt may succeed.

    HTTP clients have classes of their own for that; they are known by name, so that none has to be installed.
    """
    while error is not None:
        if isinstance(error, (TryAgain, ConnectionError, TimeoutError, EOFError, socket.gaierror)):
            return True
        if _CONNECTION_FAILED & {base.__name__ for base in type(error).__mro__}:
            return True
        error = error.__cause__ or error.__context__
    return False


def _told(error: Exception) -> str:
    """The traceback from the reward function on, without the frames of ours that called it."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename in (__file__, styles.__file__):
        frames = frames.tb_next
    return "".join(traceback.format_exception(error.with_traceback(frames)))


def _read(samples: Sequence[bytes]) -> list[RewardInput]:
    return [pickle.loads(sample) for sample in samples]


def _to_score(where: str, returned: object) -> Score:
    try:
        score = to_score(returned)
    except Exception as error:  # whatever an object of the user's own does when it is looked at
        score = _error(f"what it returned cannot be read: {type(error).__name__}: {error}")
    return replace(score, message=f"{where}: {score.message}") if score.outcome is Outcome.ERROR else score


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
    return Score(value, correct=bool(value) if _is_bool(returned) else None)


def _checked(score: Score) -> Score:
    if score.outcome not in list(Outcome):  # `Score(1.0, True)`
        return _error(f"the second part of a Score is its outcome, not {_short(score.outcome)}; name it: correct=...")
    outcome = Outcome(score.outcome)
    if outcome.is_failure or outcome is Outcome.GATED:
        return _error(f"a reward cannot return the outcome {outcome}; raise an exception instead")
    value, message = _number(score.value)
    if value is None:
        return _error(message)
    correct: object = score.correct
    if correct is not None and not _is_bool(correct) and correct not in (0, 1):
        return _error(f"`correct` must be true, false or None, not {_short(correct)}")
    parts: dict[str, float] = {}
    for name, part in score.detail.items():
        number, message = _number(part)
        if number is None:
            return _error(f"detail {name!r}: {message}")
        if name in RESERVED_PARTS or "/" in str(name):
            return _error(f"detail {name!r} would be taken for another metric; give the part another name")
        parts[str(name)] = number
    return Score(value, outcome, None if correct is None else bool(correct), parts, str(score.message))


def _is_bool(value: object) -> bool:
    """A bool of Python, or of a library with dtypes."""
    return isinstance(value, bool) or getattr(getattr(value, "dtype", None), "kind", "") == "b"


def _number(value: object) -> tuple[float | None, str]:
    kind = getattr(getattr(value, "dtype", None), "kind", "f")  # numpy's texts and complex numbers have a __float__ too
    if not isinstance(value, SupportsFloat) or isinstance(value, (str, bytes, complex)) or kind not in "biuf":
        return None, f"returned {_short(value)}; a reward returns a number, a bool, a Score or None"
    try:
        number = float(value)
    except Exception as error:
        return None, f"returned {_short(value)}, which is no single number: {error}"
    if not math.isfinite(number):
        return None, f"returned {number}; a reward is a finite number"
    if abs(number) > LARGEST:
        return None, f"returned {number:g}; no reward is larger than {LARGEST:g}"
    return number, ""


def _short(value: object) -> str:
    try:
        text = str(value)[:80]
    except Exception:  # an integer of 5,000 digits, say
        text = "..."
    return f"a {type(value).__name__} ({text})"


def _error(message: str) -> Score:
    return Score(0.0, Outcome.ERROR, message=message)
