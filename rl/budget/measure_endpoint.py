"""Measures an endpoint at several thinking budgets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rewards.config import RewardConfig, RewardRunnerConfig
from rewards.runner import RewardRunner
from rewards.types import RewardInput
from rl.budget.config import level_name
from rl.budget.curve import Point
from rl.budget.endpoint import Answer, Endpoint, ask
from rl.data.example import Example

_AT_ONCE = 16
"""Questions that are under way at a time."""


def measure_endpoint(
    endpoint: Endpoint,
    examples: Sequence[Example],
    levels: Sequence[int | None],
    *,
    samples: int,
    rewards: Sequence[RewardConfig],
    correctness: str,
    base: Path,
    progress: Callable[[str], None],
) -> list[Point]:
    """Accuracy at each level, by the reward `correctness`.

    Raises:
        PonderError: the endpoint does not answer.
    """
    points = []
    with (
        RewardRunner(rewards, RewardRunnerConfig(), correctness, base) as runner,
        ThreadPoolExecutor(_AT_ONCE) as threads,
    ):
        for level in levels:
            progress(f"budget {level_name(level)}: {len(examples) * samples} answers")
            asked = [(example, seed) for example in examples for seed in range(samples)]
            answers = list(threads.map(lambda one, at=level: ask(endpoint, one[0].messages, at, one[1]), asked))
            inputs = [_input(example, answer, level) for (example, _), answer in zip(asked, answers, strict=True)]
            right = [one.correct is True for one in runner.score(inputs)]
            points.append(_point(level, answers, right))
    return points


def _input(example: Example, answer: Answer, level: int | None) -> RewardInput:
    return RewardInput(
        messages=example.messages,
        response=answer.answer,
        thinking=answer.thinking,
        answer=answer.answer,
        ground_truth=example.ground_truth,
        columns=example.columns,
        task=example.task,
        response_tokens=answer.response_tokens,
        thinking_budget=level,
        stop_reason="length" if answer.truncated else "stop",
    )


def _point(level: int | None, answers: Sequence[Answer], right: Sequence[bool]) -> Point:
    thought = [one.thinking_tokens for one in answers if one.thinking_tokens is not None]
    return Point(
        level=level_name(level),
        samples=len(answers),
        accuracy=sum(right) / len(right),
        thinking_tokens=sum(thought) / len(thought) if len(thought) == len(answers) else None,
        compliance=None,
        truncated=sum(one.truncated for one in answers) / len(answers),
    )
