"""Reward functions in the styles of other frameworks, and functions on groups."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rewards import RewardInput

SEEN: dict[str, Any] = {}


def accuracy(completions: list[list[dict[str, str]]], solution: list[str], **kwargs: Any) -> list[float]:
    """TRL's accuracy on chat turns."""
    contents = [completion[0]["content"] for completion in completions]
    return [float(content == gold) for content, gold in zip(contents, solution, strict=True)]


def only_long(prompts: Any, completions: Any, completion_ids: Any, level: Any, log_metric: Any) -> list[float | None]:
    SEEN.update(prompts=prompts, completion_ids=completion_ids, level=level)
    log_metric("seen", len(completions))
    return [None if ids is None else float(len(ids)) for ids in completion_ids]


def length(completions: list[str], **kwargs: Any) -> list[float]:
    return [-float(len(completion)) for completion in completions]


def compute_score(data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None) -> float:
    assert (data_source, extra_info) == ("gsm8k", {"split": "test"})
    found = re.search(r"#### (\S+)", solution_str)
    return float(found is not None and found[1] == ground_truth)


def strict(solution_str: str, ground_truth: str, margin: float = 1.0) -> dict[str, Any]:
    right = solution_str.endswith(ground_truth)
    return {"score": margin if right else 0.0, "acc": right, "pred": solution_str, "length": len(solution_str)}


def no_score(solution_str: str, fail: bool) -> Any:
    return {"acc": True} if fail else 0.5


def shortest(samples: list[RewardInput], bonus: float = 1.0) -> list[float]:
    least = min(len(sample.response) for sample in samples)
    return [bonus if len(sample.response) == least else 0.0 for sample in samples]


def shortest_unquoted(samples: Sequence[RewardInput]) -> list[float]:
    return shortest(list(samples))


def one_value(samples: list[RewardInput]) -> list[float]:
    return [1.0]


def a_number(samples: list[RewardInput]) -> float:
    return 1.0


async def judge(sample: RewardInput) -> float:
    return 1.0


class Judge:
    def __call__(self, sample: RewardInput) -> float:
        return 1.0
