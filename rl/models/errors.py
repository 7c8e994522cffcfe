"""Errors about models that a user can mend."""

from __future__ import annotations

from rl.errors import PonderError


class ModelNotFound(PonderError):
    """No model goes by that name here; the message says how to get one."""
