"""The inside's end of the connection to the host."""

from __future__ import annotations

import os

from sandbox.guest import frames


class HostGone(Exception):
    """The host side closed the connection."""


def read_frame(control: int) -> tuple[bytes, bytearray]:
    """The next frame, as (kind, payload).

    Raises:
        HostGone: there is none.
    """
    kind, length = frames.HEADER.unpack(_read(control, frames.HEADER.size))
    return kind, _read(control, length)


def _read(control: int, size: int) -> bytearray:
    parts = bytearray()
    while len(parts) < size:
        data = os.read(control, min(size - len(parts), 1 << 20))
        if not data:
            raise HostGone
        parts += data
    return parts


def send(out: int, kind: bytes, payload: bytes) -> None:
    """Write one frame.

    Raises:
        HostGone: nobody reads.
    """
    write(out, frames.pack(kind, payload))


def write(out: int, data: bytes | bytearray) -> None:
    """Write all of it.

    Raises:
        HostGone: nobody reads.
    """
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(out, left) :]
        except OSError as error:
            raise HostGone from error
