"""The inside's end of the connection to the host."""

from __future__ import annotations

import os

from sandbox.guest import frames


class HostGone(Exception):
    """The host side closed the connection."""


def read_frame(control: int) -> tuple[bytes, bytes]:
    """The next frame, as (kind, payload).

    Raises:
        HostGone: there is none.
    """
    kind, length = frames.HEADER.unpack(_read(control, frames.HEADER.size))
    return kind, _read(control, length)


def _read(control: int, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        data = os.read(control, min(size - len(parts), 1 << 20))
        if not data:
            raise HostGone
        parts += data
    return bytes(parts)


def send(out: int, kind: bytes, payload: bytes) -> None:
    """Write one frame.

    Raises:
        HostGone: nobody reads.
    """
    data = memoryview(frames.pack(kind, payload))
    while data:
        try:
            data = data[os.write(out, data) :]
        except OSError as error:
            raise HostGone from error
