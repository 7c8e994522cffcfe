"""A sandbox for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox import Sandbox, open_sandbox


@pytest.fixture(scope="module")
def code_sandbox() -> Iterator[Sandbox]:
    with open_sandbox() as sandbox:
        yield sandbox
