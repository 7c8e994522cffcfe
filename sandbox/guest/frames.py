"""The frames between a slot's host side and its inside: one byte of kind, four of length, the payload."""

from __future__ import annotations

import struct
from collections.abc import Iterator

HELLO = b"H"
"""Inside to host, once: what the zygote found (JSON)."""
READY = b"R"
"""Inside to host: everything of the last program is gone, and a runner waits for the next."""
JOB = b"J"
"""Host to inside: a program to run."""
CHANNEL = b"C"
"""Either way: bytes of the program's channel."""
KILL = b"K"
"""Host to inside: end the program now."""
DONE = b"D"
"""Host to inside: the end is known, and nothing more will be sent before the next `READY`."""
STDOUT = b"O"
STDERR = b"E"
FILE = b"F"
"""Inside to host: the file that the job asked for."""
EXIT = b"X"
"""Inside to host: the last frame of a job, how the program ended (JSON)."""

HEADER = struct.Struct(">cI")


def pack(kind: bytes, payload: bytes = b"") -> bytes:
    """One frame."""
    return HEADER.pack(kind, len(payload)) + payload


class FrameBuffer:
    """Cuts a byte stream into frames."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The frames that are complete now, as (kind, payload)."""
        self._data += data
        start = 0
        while len(self._data) - start >= HEADER.size:
            kind, length = HEADER.unpack_from(self._data, start)
            end = start + HEADER.size + length
            if len(self._data) < end:
                break
            yield kind, bytes(self._data[start + HEADER.size : end])
            start = end
        del self._data[:start]
