"""What the program prints during a call, kept for the answer; beyond a bound it goes to the real descriptor."""

from __future__ import annotations

import contextlib
import io
import os
from typing import Any

KEPT = 8 << 20


class _Kept(io.RawIOBase):
    """Bytes in memory, until there are so many that the sandbox's own limit should see them."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._kept = bytearray()
        self._total = 0

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Any) -> int:
        self._total += len(data)
        if self._total > KEPT:
            os.write(self._descriptor, data)
        else:
            self._kept += data
        return len(data)

    def take(self) -> bytes:
        """What was written since the last time."""
        data = bytes(self._kept)
        self._kept.clear()
        return data


class Capture:
    """A text stream to put in the place of `sys.stdout` or `sys.stderr`."""

    def __init__(self, descriptor: int) -> None:
        self._raw = _Kept(descriptor)
        self.stream = io.TextIOWrapper(io.BufferedWriter(self._raw), "utf-8", "surrogateescape", write_through=True)

    def take(self) -> str:
        """The text since the last time."""
        with contextlib.suppress(ValueError):  # the program closed it
            self.stream.flush()
        return self._raw.take().decode("utf-8", "replace")
