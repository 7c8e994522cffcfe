"""The built-in rewards by name."""

from __future__ import annotations

from collections.abc import Mapping

BUILTINS: Mapping[str, str] = {
    "math": "rewards.builtin.math:math",
    "code": "rewards.builtin.code:code",
    "puzzle": "rewards.builtin.puzzle:puzzle",
    "overlong": "rewards.builtin.overlong:overlong",
    "format": "rewards.builtin.format:format_reward",
}
"""Name in YAML -> function."""

WARM_UP: Mapping[str, str] = {
    "math": "verifiers.math.slow:warm",
    "puzzle": "verifiers.puzzle:warm",
}
"""Name -> function that runs once, before the worker processes are forked."""
