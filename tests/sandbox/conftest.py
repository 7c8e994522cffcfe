"""The sandbox on both backends; a backend that cannot work here skips its tests with the reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox import SandboxConfig, SandboxError, open_sandbox
from sandbox.warm import WarmSandbox
from tests.sandbox.engine import IMAGE, engine


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[str]:
    with engine() as address:
        yield address


def open_backend(name: str, workers: int | None = None) -> WarmSandbox:
    """A sandbox of one backend, or a skip that says why there is none."""
    try:
        return open_sandbox(SandboxConfig(backend=name, workers=workers, image=IMAGE))
    except SandboxError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", params=["bubblewrap", "docker"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[WarmSandbox]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "docker" and (address := request.getfixturevalue("docker_engine")):
            patch.setenv("DOCKER_HOST", address)
        with open_backend(request.param) as opened:
            yield opened
