"""Errors that a user can mend: the CLI prints their message without a traceback."""

from __future__ import annotations

EXIT_STOPPED = 130
"""Exit code after Ctrl-C, as shells have it (128 + SIGINT)."""


class PonderError(Exception):
    """Something outside the code is wrong; the message names it, its place and the way out."""

    exit_code = 1


class ConfigError(PonderError):
    """The configuration is wrong; nothing was started."""

    exit_code = 2
