"""Reward functions as users write them, good and bad."""

from __future__ import annotations

import asyncio
import ctypes
import functools
import os
import threading
import time
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from rewards import Outcome, RewardInput, Score, TryAgain


def brevity(sample: RewardInput, *, goal: int = 10) -> float:
    """Shorter is better."""
    return min(1.0, goal / max(sample.response_tokens, 1))


def is_even(sample: RewardInput) -> bool:
    return int(sample.answer) % 2 == 0


def echo(sample: RewardInput) -> float:
    return float(sample.answer)


def skip_odd(sample: RewardInput) -> float | None:
    return 1.0 if int(sample.answer) % 2 == 0 else None


def parts(sample: RewardInput) -> Score:
    return Score(0.5, correct=True, detail={"style": 0.25}, message="fine")


def needs(sample: RewardInput, *, goal: int) -> float:
    return float(goal)


def anything(sample: RewardInput, **options: float) -> float:
    return sum(options.values())


@dataclass
class Own:
    value: float


RETURNS = {
    "nan": float("nan"),
    "infinity": float("-inf"),
    "text": "1.0",
    "list": [1.0],
    "own class": Own(1.0),
    "lock": threading.Lock(),
    "score of nan": Score(float("nan")),
    "failure outcome": Score(1.0, Outcome.TIMEOUT),
    "numpy text": np.str_("1.5"),
    "array of text": np.array(["0.5"]),
    "complex": np.complex128(1 + 2j),
    "two numbers": np.array([1.0, 2.0]),
    "huge": 10**5000,
    "1e300": 1e300,
    "score of text": Score("1.0"),  # type: ignore[arg-type]
    "verdict of text": Score(1.0, correct="no"),  # type: ignore[arg-type]
    "verdict as outcome": Score(1.0, True),  # type: ignore[arg-type]
    "reserved detail": Score(1.0, detail={"mean": 3.0}),
    "numpy true": np.bool_(True),
    "fraction": Fraction(1, 4),
    "true": True,
    "large": "x" * (100 * 2**20),
}


def returns(sample: RewardInput) -> object:
    return RETURNS[sample.answer]


class Unpicklable(Exception):
    def __init__(self, one: object, two: object) -> None:
        super().__init__("lock")
        self.lock = threading.Lock()


def returns_group(samples: list[RewardInput] | None) -> list[object]:
    return [RETURNS.get(sample.answer, 1.0) for sample in samples or []]


async def counts_calls(sample: RewardInput, *, log: str) -> float:
    await asyncio.sleep(0.01)
    with open(log, "a") as file:
        file.write(f"{sample.answer}\n")
    return 1.0


def misbehave(sample: RewardInput) -> float:
    if sample.answer == "stuck":
        ctypes.PyDLL(None).sleep(1000)
    if sample.answer == "exit":
        os._exit(3)
    if sample.answer == "raise":
        raise Unpicklable(1, 2)
    if sample.answer == "bomb":
        bytearray(64 * 2**30)
    if sample.answer == "fork":
        os.fork()
    return 1.0


async def asynchronous(sample: RewardInput) -> float:
    await asyncio.sleep(0)
    return float(sample.answer)


@functools.wraps(asynchronous)
def wrapped(sample: RewardInput) -> Awaitable[float]:
    return asynchronous(sample)


def hidden_async(sample: RewardInput) -> Awaitable[float]:
    return asynchronous(sample)


attempts: Counter[str] = Counter()


async def judge(sample: RewardInput, *, failures: int = 0, seconds: float = 0.0) -> float:
    """A judge on a bad line: the first calls for an answer fail."""
    attempts[sample.answer] += 1
    if sample.answer == "blocks":
        time.sleep(1000)
    if sample.answer == "waits":
        await asyncio.sleep(1000)
    if sample.answer == "wrong type":
        raise TypeError("no retry mends this")
    await asyncio.sleep(seconds)
    if attempts[sample.answer] <= failures:
        raise TryAgain("busy") if sample.answer == "busy" else ConnectionResetError("line dropped")
    return float(attempts[sample.answer])


def rank(samples: list[RewardInput]) -> list[float | None]:
    """How many samples of the group are longer; a negative number of tokens does not apply."""
    lengths = [sample.response_tokens or 0 for sample in samples]
    return [None if length < 0 else float(sum(other > length for other in lengths)) for length in lengths]


def calls(sample: RewardInput) -> float:
    """Fails on what it should not be called on."""
    assert sample.answer != "never"
    return 1.0


def times_ten(sample: RewardInput) -> float:
    return 10 * float(sample.answer)


def no_arguments() -> float:
    return 1.0


def unannotated(samples):  # type: ignore[no-untyped-def]
    return [1.0 for _ in samples]


def by_place(sample: RewardInput, goal: float, /) -> float:
    return goal


NOT_A_FUNCTION = 3
