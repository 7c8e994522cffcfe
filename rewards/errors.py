"""What can be wrong with rewards."""

from __future__ import annotations

from collections.abc import Sequence


class RewardConfigError(Exception):
    """The `rewards:` section, or a file that it names, is wrong. Nothing was started.

    The message lists every problem found, each with its place and the way out.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class RewardFailed(Exception):
    """A reward function failed under `on_error: fail`; the message holds its traceback."""
