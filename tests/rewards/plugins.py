"""Reward functions as users write them, good and bad."""

from __future__ import annotations

import ctypes
import os
import threading
from dataclasses import dataclass
from fractions import Fraction

from rewards import Outcome, RewardInput, Score


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
    return 1.0


def no_arguments() -> float:
    return 1.0


NOT_A_FUNCTION = 3
