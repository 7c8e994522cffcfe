"""Lines over a session's channel, on the host: bounded in size and time."""

from __future__ import annotations

import time

from sandbox.types import Result, Session

MAX_LINE = 33 << 20
MAX_PARTS = 4_000_000
"""Commas and brackets of a line: each becomes an object of many times its size when the line is read."""


class Ended(Exception):
    """The program ended before it sent a whole line."""


class TooLong(Exception):
    """A line without end, or one with too many parts."""


class Lines:
    """One session's channel, line by line."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._buffer = bytearray()

    def send(self, line: bytes) -> None:
        """Send a line, its end included."""
        self.session.send(line)

    def receive(self, deadline: float) -> bytes:
        """The next line, without its end.

        Raises:
            TimeoutError: none came before `deadline` (of `time.monotonic`).
            Ended: the program has ended.
            TooLong: the line is too long, or has too many parts.
        """
        start = 0
        while (end := self._buffer.find(b"\n", start)) < 0:
            start = len(self._buffer)
            if start > MAX_LINE:
                raise TooLong
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            more = self.session.receive(left)
            if not more:
                raise Ended
            self._buffer += more
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        if sum(map(line.count, (b",", b"[", b"{"))) > MAX_PARTS:
            raise TooLong
        return line

    def end(self, grace_s: float = 1.0) -> Result:
        """How the program ended, after its channel did; one that goes on without it is killed."""
        try:
            deadline = time.monotonic() + grace_s
            while time.monotonic() < deadline and self.session.receive(grace_s):
                pass
        except TimeoutError:
            return self.session.kill()
        return self.session.end()
