"""What every test run needs before torch is imported, and a Ray for the tests that need one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# One thread for each process: workers, ranks and the test itself run side by side on a few cores, and libraries that
# each take all of them slow each other down. Engines and learners set their own numbers.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# torch builds extensions with the ninja beside this Python.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A Ray of their own for the tests of one module."""
    from tests.local_ray import local_ray  # seconds, which most tests do not need

    with local_ray():
        yield
