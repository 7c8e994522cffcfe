"""Fixtures of the learner's tests: a Ray for each module, and a model that steps in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local_ray import local_ray
from tests.rl.learner_parts import make_model


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with local_ray():
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_model(tmp_path_factory.mktemp("model"))
