"""What can be wrong with rewards and with what they are given."""

from __future__ import annotations

from collections.abc import Sequence


class SettingsError(Exception):
    """A configuration file cannot be read, or is wrong; names every mistake, its place and the way out."""


class RewardConfigError(SettingsError):
    """The `rewards:` section, or a file that it names, is wrong. Nothing was started.

    The message lists every problem found, each with its place and the way out.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class RewardFailed(Exception):
    """A reward function failed under `on_error: fail`; the message holds its traceback."""


class DataFileError(Exception):
    """A data file cannot be read, or a row of it is malformed; names the file, the line and the way out."""


class TryAgain(Exception):
    """Raised by an async reward function: the call may succeed when it is made again (a busy server, say)."""
