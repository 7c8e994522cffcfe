"""The built-in rewards by name."""

from __future__ import annotations

from collections.abc import Mapping

BUILTINS: Mapping[str, str] = {
    "math": "rewards.builtin.math:math",
    "code": "rewards.builtin.code:code",
    "choice": "rewards.builtin.choice:choice",
    "puzzle": "rewards.builtin.puzzle:puzzle",
    "length": "rewards.builtin.length:length",
    "length_kimi": "rewards.builtin.length:length_kimi",
    "overlong": "rewards.builtin.overlong:overlong",
    "repetition": "rewards.builtin.repetition:repetition",
    "format": "rewards.builtin.format:format_reward",
    "thinking_budget": "rewards.builtin.thinking_budget:thinking_budget",
}
"""Name in YAML -> function."""

WARM_UP: Mapping[str, str] = {
    "math": "verifiers.math.slow:warm",
    "choice": "verifiers.math.slow:warm",
    "puzzle": "verifiers.puzzle:warm",
}
"""Name -> function that runs once, before the worker processes are forked."""
