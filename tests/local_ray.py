"""A Ray of their own for tests and benchmarks, so that none of them meets another's actors or what a cluster runs."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import ray


@contextmanager
def local_ray(num_cpus: int | None = 4) -> Iterator[None]:
    """Ray on this machine, gone afterwards with its folder.

    Args:
        num_cpus: what Ray may hand out; more than there are, so that actors fit which mostly wait. None: those that are
            there.
    """
    with tempfile.TemporaryDirectory(prefix="tests-ray-") as folder:  # a short path: Ray puts sockets below it
        ray.init(
            address="local",
            num_cpus=num_cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=folder,
        )
        try:
            yield
        finally:
            ray.shutdown()
