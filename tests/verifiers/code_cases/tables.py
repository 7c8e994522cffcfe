"""All cases of the folder."""

from __future__ import annotations

from tests.verifiers.code_cases import (
    Case,
    dishonest_every_shape,
    dishonest_programs,
    dishonest_stdio,
    dishonest_values,
    honest_assert,
    honest_call,
    honest_objects,
    honest_pytest,
    honest_stdio,
    honest_unittest,
    honest_values,
)

DISHONEST: tuple[Case, ...] = (
    *dishonest_every_shape.DISHONEST,
    *dishonest_values.DISHONEST,
    *dishonest_stdio.DISHONEST,
    *dishonest_programs.DISHONEST,
)
"""Submissions that must not pass."""

HONEST: tuple[Case, ...] = (
    *honest_stdio.HONEST,
    *honest_call.HONEST,
    *honest_assert.HONEST,
    *honest_values.HONEST,
    *honest_objects.HONEST,
    *honest_unittest.HONEST,
    *honest_pytest.HONEST,
)
"""Submissions that must pass."""
