"""The nouns of the sandbox.

- `Limits`: what one program may use.
- `Verdict`: how it ended.
- `Result`: the verdict with what the program printed and used.
- `Job`: a program with everything it needs to run.
- `Session`: a program that runs and talks with its caller through a channel.
- `Sandbox`: what runs jobs; two backends, `sandbox.bubblewrap` and `sandbox.docker`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

CHANNEL_FD = 3
"""The descriptor of a session's channel inside the program: a connected stream socket, read and written."""


class Verdict(StrEnum):
    """How a program ended."""

    OK = "ok"
    """It exited with status 0 within its limits."""
    NONZERO_EXIT = "nonzero exit"
    COMPILE_ERROR = "compile error"
    """Its source is not a program of its language; nothing of it was run."""
    TIMEOUT = "timeout"
    """Wall-clock or CPU time."""
    MEMORY_LIMIT = "memory limit"
    OUTPUT_LIMIT = "output limit"
    KILLED_BY_SIGNAL = "killed by signal"
    SANDBOX_ERROR = "sandbox error"
    """The sandbox itself failed, three times: this says nothing about the program."""


class Language(StrEnum):
    """What programs may be written in, where the sandbox has the toolchain."""

    PYTHON = "python"
    CPP = "cpp"
    JAVASCRIPT = "javascript"


_LARGEST = {"wall_s": 604_800, "cpu_s": 604_800, "memory_mb": 1 << 24, "processes": 1 << 20, "output_bytes": 1 << 31,
            "file_bytes": 1 << 44, "open_files": 1 << 20, "total_s": 1 << 20}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program with all its children may use.

    Raises:
        ValueError: a limit is not positive, or beyond all measure.
    """

    wall_s: float = 10.0
    """Seconds from start to end."""
    cpu_s: float | None = None
    """CPU seconds; None is `wall_s` for each of its processes."""
    memory_mb: int = 512
    """Memory in MiB, files in the sandbox included."""
    processes: int = 64
    """Processes and threads at a time."""
    output_bytes: int = 4 << 20
    """Bytes of stdout, and as many of stderr (and, in a session, bytes sent through the channel)."""
    file_bytes: int = 64 << 20
    """Bytes of all files in the sandbox."""
    open_files: int = 256
    """Descriptors of each process."""
    loopback: bool = False
    """Whether TCP and UDP sockets may be opened, to itself only; without it there are Unix sockets only."""
    total_s: float | None = None
    """Seconds for compiling and running together; None is `wall_s`, and what compiling takes (30 s at most)."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if name != "loopback" and value is not None and not 0 < value <= _LARGEST[name]:
                raise ValueError(f"Limits.{name} is {value!r}; it must be greater than 0 and at most {_LARGEST[name]}")


@dataclass(frozen=True, slots=True)
class Result:
    """How a program ended, what it printed and what it used."""

    verdict: Verdict
    stdout: str = ""
    """Decoded from UTF-8; bytes that are not become U+FFFD."""
    stderr: str = ""
    """Of a compile error: what the compiler said."""
    exit_code: int | None = None
    """None when it did not exit by itself."""
    signal: int | None = None
    """The signal that ended it."""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    """Of all its processes that were waited for."""
    peak_memory_mb: float = 0.0
    """Of all its processes and files where cgroups can be used, else of its largest process."""
    detail: str = ""
    """For people: which limit, or why the sandbox failed."""


@dataclass(frozen=True, slots=True)
class Job:
    """A program with everything it needs to run.

    Raises:
        ValueError: a file would lie outside the working directory.
    """

    program: str
    stdin: str | bytes = b""
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    """Written into the working directory first; relative path to content."""
    limits: Limits = Limits()
    language: Language = Language.PYTHON
    channel: bool = False
    """Whether the program gets a channel to its caller (`CHANNEL_FD`)."""

    def __post_init__(self) -> None:
        for path in self.files:
            parts = path.split("/")
            if any(part in ("", ".", "..") or len(part.encode()) > 255 or "\0" in part for part in parts):
                raise ValueError(f"a file of a program has to have a plain relative path, not {path[:300]!r}")
            if any("/".join(parts[:depth]) in self.files for depth in range(1, len(parts))):
                raise ValueError(f"{path!r} lies in a folder that has the name of another file")


class Session(Protocol):
    """A program that runs. The wall-clock limit covers the whole session."""

    def send(self, data: bytes) -> None:
        """Write to the program's channel. What is sent to a program that has ended is lost without an error."""
        ...

    def receive(self, timeout_s: float | None = None) -> bytes:
        """The next bytes from the program's channel; b"" once there will be no more.

        Raises:
            TimeoutError: none came in time; the program goes on.
        """
        ...

    def end(self) -> Result:
        """Wait until the program has ended by itself or by a limit, and say how. May be called again."""
        ...

    def kill(self) -> Result:
        """End the program now (verdict `KILLED_BY_SIGNAL` unless it had ended before), and say how it ended."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Kills what still runs."""
        ...


class Sandbox(Protocol):
    """Runs programs isolated from the machine and from each other. Safe to call from many threads.

    A call waits for a free place; its limits count from the program's own start.
    """

    def run(
        self,
        program: str,
        *,
        stdin: str | bytes = b"",
        files: Mapping[str, str | bytes] | None = None,
        limits: Limits | None = None,
        language: str = "python",
    ) -> Result:
        """Run a program to its end.

        Where the sandbox itself fails it runs the program again; failing three times is `SANDBOX_ERROR`.

        Raises:
            SandboxError: the sandbox is closed or cannot start, or has no such language.
        """
        ...

    async def arun(
        self,
        program: str,
        *,
        stdin: str | bytes = b"",
        files: Mapping[str, str | bytes] | None = None,
        limits: Limits | None = None,
        language: str = "python",
    ) -> Result:
        """`run` for event loops."""
        ...

    def open(self, jobs: Sequence[Job]) -> list[Session]:
        """Start programs that run side by side, each isolated from the others; waits until there is room for all.

        Raises:
            SandboxError: see `run`.
        """
        ...

    def close(self) -> None:
        """End everything that runs and leave nothing behind. May be called again."""
        ...


class SandboxError(RuntimeError):
    """The sandbox cannot run programs; the message says why and the way out."""
