"""A model for the learner's tests that steps in milliseconds."""

from __future__ import annotations

import pytest

from tests.rl.learner_parts import make_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_model(tmp_path_factory.mktemp("model"))
