"""Where generated programs run, as the options of the `code` reward and `open_sandbox` say it.

A plain dataclass: what stands below needs nothing but the standard library.
"""

from __future__ import annotations

from dataclasses import dataclass

BACKENDS = ("bubblewrap", "docker")
"""In the order in which `auto` tries them."""


PYTHON = "/usr/bin/python3"
IMAGE = "python:3.12-slim"


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxConfig:
    """Where generated programs run.

    Raises:
        ValueError: a value is out of its range.
    """

    backend: str = "auto"
    """`bubblewrap`, `docker`, or `auto`: the first of them that works. There is no backend without isolation."""
    workers: int | None = None
    """Programs at a time; default: the number of CPUs. At least 2, for a program and its tests."""
    python: str = PYTHON
    """bubblewrap: the interpreter of programs, below /usr or a folder of `read_only`."""
    read_only: tuple[str, ...] = ()
    """bubblewrap: further folders that programs may read, at their own place (a Python environment, say)."""
    image: str = IMAGE
    """docker: an image with a Python interpreter, and g++ and node where such programs are to run. It is not pulled."""

    def __post_init__(self) -> None:
        if self.backend not in ("auto", *BACKENDS):
            raise ValueError(f"sandbox backend {self.backend!r}: there are auto, {', '.join(BACKENDS)}")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"sandbox workers: {self.workers}; at least 1")
