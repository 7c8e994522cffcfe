"""Hard pairs for the math verifier, one module a group of kinds, each pair with its reason.

`attacks` and `claims_dishonest` are what paid once and must not again, `claims_honest` what comes close to that. The
authors of all others had not seen the verifier's code.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.verifiers.math_cases import (
    algebra,
    attacks,
    claims_dishonest,
    claims_honest,
    numbers,
    relations,
    responses,
    sizes,
    structures,
    texts,
    units,
    unseen_unusual,
    unseen_usual,
)
from tests.verifiers.math_cases.case import Case

TABLES: dict[str, Sequence[Case]] = {
    "numbers": numbers.CASES,
    "units": units.CASES,
    "algebra": algebra.CASES,
    "sizes": sizes.CASES,
    "relations": relations.CASES,
    "structures": structures.CASES,
    "texts": texts.CASES,
    "responses": responses.CASES,
    "unseen_usual": unseen_usual.CASES,
    "unseen_unusual": unseen_unusual.CASES,
    "attacks": attacks.CASES,
    "claims_honest": claims_honest.CASES,
    "claims_dishonest": claims_dishonest.CASES,
}
