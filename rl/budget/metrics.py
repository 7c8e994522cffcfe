"""Metrics by budget: what responses made of their budgets, in numbers.

`budget/<name>` over all samples: `compliance` (share that meets every part in full), `value` (mean of what the reward
`thinking_budget` gives), each part by its name, `correlation` (of budget and thinking tokens), `claim_error` and
`claims_true` (of the numbers that reflections claim), `forced` (share of tokens that the engine put in).
`budget/<level>/<name>` for each level: `accuracy`, `thinking_tokens`, `compliance`, `truncated`, `share` of samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rewards.builtin.thinking_budget import CLAIM_TOLERANCE
from rl.budget.judge import Judged
from verifiers.thinking.format import ThinkingFormat


def budget_metrics(
    judged: Sequence[Judged], words: ThinkingFormat, label: Callable[[int | None], str]
) -> dict[str, float]:
    """Metrics of some samples; a mean over nothing is left out.

    Args:
        label: the level that a budget counts under.
    """
    if not judged:
        return {}
    metrics = {
        "budget/compliance": _mean([one.complies for one in judged]),
        "budget/value": _mean([one.value for one in judged]),
        "budget/forced": sum(one.forced for one in judged) / max(sum(one.tokens for one in judged), 1),
    }
    for part in sorted({part for one in judged for part in one.parts}):
        metrics[f"budget/{part}"] = _mean([one.parts[part] for one in judged if part in one.parts])
    metrics |= _claims(judged, words)
    limited = [(one.budget, one.thinking_tokens) for one in judged if one.budget is not None]
    budgets, lengths = np.array([b for b, _ in limited], float), np.array([n for _, n in limited], float)
    if len(limited) > 1 and budgets.std() > 0 and lengths.std() > 0:
        metrics["budget/correlation"] = float(np.corrcoef(budgets, lengths)[0, 1])
    levels: dict[str, list[Judged]] = {}
    for one in judged:
        levels.setdefault(label(one.budget), []).append(one)
    for level, those in levels.items():
        metrics |= {
            f"budget/{level}/accuracy": _mean([one.correct for one in those]),
            f"budget/{level}/thinking_tokens": _mean([one.thinking_tokens for one in those]),
            f"budget/{level}/compliance": _mean([one.complies for one in those]),
            f"budget/{level}/truncated": _mean([one.truncated for one in those]),
            f"budget/{level}/share": len(those) / len(judged),
        }
    return metrics


def _claims(judged: Sequence[Judged], words: ThinkingFormat) -> dict[str, float]:
    """How true the claimed numbers of used tokens are, over all reflections that claim one where some are wanted."""
    off = [
        (abs(used - at), words.interval(one.budget))
        for one in judged
        if one.budget is not None
        for used, at in one.claims
    ]
    off = [(error, interval) for error, interval in off if interval]
    if not off:
        return {}
    return {
        "budget/claim_error": _mean([error for error, _ in off]),
        "budget/claims_true": _mean([error <= CLAIM_TOLERANCE * interval for error, interval in off]),
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
