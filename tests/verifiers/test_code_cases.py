"""The code verifier on submissions whose verdict is known: none that cheats passes, none that is honest fails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from tests.verifiers.code_cases import Case
from tests.verifiers.code_cases.tables import DISHONEST, HONEST
from verifiers.code import verify

TIMEOUT_S = 10.0
"""For a run of the program whose tests set no limit of their own."""


def params(cases: Iterable[Case]) -> list[Any]:
    return [pytest.param(case, id=f"{case.tests['type']}-{case.name}") for case in cases]


@pytest.mark.parametrize("case", params(DISHONEST))
def test_dishonest(case: Case, code_sandbox: Any) -> None:
    verdict = verify(case.response, case.tests, sandbox=code_sandbox, timeout_s=TIMEOUT_S)
    assert not verdict.passed, case.note
    assert verdict.first_failure
    assert 0 <= verdict.fraction < 1
    assert verdict.outcome not in ("pass", "sandbox error")
    if case.outcome is not None:
        assert verdict.outcome in case.outcome, verdict.first_failure
    if case.fraction is not None:
        assert verdict.fraction == pytest.approx(case.fraction)


@pytest.mark.parametrize("case", params(HONEST))
def test_honest(case: Case, code_sandbox: Any) -> None:
    verdict = verify(case.response, case.tests, sandbox=code_sandbox, timeout_s=TIMEOUT_S)
    assert verdict.passed, verdict.first_failure
    assert verdict.first_failure == ""
    assert verdict.fraction == 1
    assert verdict.outcome == "pass"
    assert {result.outcome for result in verdict.cases} == {"pass"}


def test_tables() -> None:
    assert len(DISHONEST) >= 100 and len(HONEST) >= 100
    for cases, passed in ((DISHONEST, False), (HONEST, True)):
        assert all(case.passed is passed for case in cases)
        assert len({(case.tests["type"], case.name) for case in cases}) == len(cases)
        assert {case.tests["type"] for case in cases} == {"stdio", "call", "assert", "unittest", "pytest"}
