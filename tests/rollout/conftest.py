"""A Ray of our own for the tests of one module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local_ray import local_ray


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with local_ray():
        yield
