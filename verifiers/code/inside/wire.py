"""Lines of JSON over the channel, inside a sandbox."""

from __future__ import annotations

import json
import os
from typing import Any

CHANNEL_FD = 3  # as in sandbox/types.py, which cannot be imported in a sandbox
MAX_LINE = 32 << 20
SOURCE = "program.txt"
"""The file of the program, removed before it starts."""
_READ = 1 << 18


class Closed(Exception):
    """The other side is gone."""


class Wire:
    """One end of the channel."""

    def __init__(self, descriptor: int = CHANNEL_FD) -> None:
        self._descriptor = descriptor
        self._buffer = bytearray()
        self._read, self._write = os.read, os.write

    def send(self, message: Any, prefix: str = "") -> None:
        """Send one line."""
        data = memoryview(pack(message, prefix))
        while data:
            data = data[self._write(self._descriptor, data) :]

    def receive(self) -> Any:
        """The next line's message.

        Raises:
            Closed: there will be none.
        """
        return json.loads(self.receive_line())

    def receive_line(self) -> bytes:
        """The next line as it is.

        Raises:
            Closed: there will be none.
        """
        start = 0
        while (end := self._buffer.find(b"\n", start)) < 0:
            start = len(self._buffer)
            more = self._read(self._descriptor, _READ)
            if not more:
                raise Closed
            self._buffer += more
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line


def pack(message: Any, prefix: str = "") -> bytes:
    """One line.

    Raises:
        ValueError: it is too long.
    """
    data = (prefix + json.dumps(message, separators=(",", ":"), check_circular=False) + "\n").encode("ascii")
    if len(data) > MAX_LINE:
        raise ValueError(f"a message of {len(data)} bytes; {MAX_LINE} are allowed")
    return data
