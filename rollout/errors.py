"""Errors of generation that a user can mend or must know of; the message names the worker and its log file."""

from __future__ import annotations


class RolloutError(Exception):
    """A rollout worker could not start, died, or was asked for something it cannot do."""


class EngineLost(RolloutError):
    """The engine of a rollout worker died; a new one can take its place."""


class StartFailed(RolloutError):
    """A rollout worker could not start its engine; names its log file."""


class WeightStorageError(RolloutError):
    """New weights could not be written where the rollout workers read them."""
