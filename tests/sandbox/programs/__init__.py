"""Programs a sandbox must stand: hostile ones, pairs of which the second looks for what the first left, honest ones.

- An escape judges itself: it prints "BLOCKED" where every attempt failed, else "ESCAPED" and what succeeded.
- An abuse of resources has the verdict, or the few verdicts, that are right.
- Of a pair the second prints "CLEAN", or "LEAKED" and what it found.
- An honest program has one verdict and exactly one output.

Attempts do as little as shows that they would succeed: they open without writing, pass arguments the kernel refuses
only after it has checked for the privilege, or set what is set already.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.types import Limits, Verdict

CANARY = "canary-7d1f0c5be2a94836"
"""What no program may print. It is planted around the sandbox."""

MARK = "31415926"
"""What leftover processes have on their command line: `sleep MARK`."""

OK = Verdict.OK
NONZERO = Verdict.NONZERO_EXIT
COMPILE = Verdict.COMPILE_ERROR
TIMEOUT = Verdict.TIMEOUT
MEMORY = Verdict.MEMORY_LIMIT
OUTPUT = Verdict.OUTPUT_LIMIT
KILLED = Verdict.KILLED_BY_SIGNAL

BRIEF = Limits(wall_s=2.0)
"""For programs that never end."""


@dataclass(frozen=True, slots=True)
class Case:
    """A program and what is right for it."""

    name: str
    program: str
    allowed: frozenset[Verdict]
    stdin: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    language: str = "python"
    stdout: str | None = None
    """Exactly this, wherever only one verdict is allowed or the verdict is OK."""
    must_not_print: tuple[str, ...] = ()
    """In neither stdout nor stderr."""
    exit_code: int | None = None
    signal: int | None = None
    stderr_has: tuple[str, ...] = ()
    within_s: float | None = None
    """The call must come back this soon; None is some seconds after the wall-clock limit."""
    note: str = ""


ESCAPE_PRELUDE = '''\
import ctypes, errno, os, platform, sys, traceback

ARM = platform.machine() == "aarch64"
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
found = []


def syscall(x86_64, aarch64, *arguments):
    """The call's value; OSError where it failed. A number of None: this machine has no such call."""
    number = aarch64 if ARM else x86_64
    if number is None:
        raise OSError(errno.ENOSYS, "no such call")
    plain = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    value = libc.syscall(ctypes.c_long(number), *plain)
    if value < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return value


def privileged(*call, refused=(errno.EPERM, errno.EACCES, errno.ENOSYS)):
    """Whether the kernel got past its check for the privilege, though the arguments are nonsense."""
    try:
        syscall(*call)
    except OSError as error:
        return error.errno not in refused
    return True


def attempt(what, call):
    """Try in a child, for the answer may be a signal. An OSError or a false value is a failed attempt."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(42 if call() else 0)
        except OSError:
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(43)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code in (42, 43):
        found.append(what if code == 42 else what + " (a broken attempt)")


def others():
    """Processes that are neither this one nor started by it: the first one, the parent."""
    return sorted({1, os.getppid()} - {0, os.getpid()})


def conclude():
    print("ESCAPED " + ", ".join(found) if found else "BLOCKED")


'''


def source(text: str) -> str:
    """A program written indented."""
    return textwrap.dedent(text).lstrip("\n")


def escape(
    name: str,
    body: str,
    *,
    stdin: str = "",
    files: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    note: str = "",
) -> Case:
    """A program that attempts something forbidden and judges itself."""
    return Case(
        name,
        ESCAPE_PRELUDE + source(body) + "conclude()\n",
        frozenset({OK}),
        stdin=stdin,
        files=files or {},
        limits=limits or Limits(),
        stdout="BLOCKED\n",
        must_not_print=("ESCAPED", CANARY),
        note=note,
    )


def abuse(
    name: str,
    body: str,
    *allowed: Verdict,
    stdin: str = "",
    files: Mapping[str, str] | None = None,
    limits: Limits = BRIEF,
    language: str = "python",
    stdout: str | None = None,
    must_not_print: tuple[str, ...] = (),
    exit_code: int | None = None,
    signal: int | None = None,
    within_s: float | None = None,
    note: str = "",
) -> Case:
    """A program that takes too much or ends in a misleading way."""
    return Case(
        name,
        source(body),
        frozenset(allowed),
        stdin=stdin,
        files=files or {},
        limits=limits,
        language=language,
        stdout=stdout,
        must_not_print=must_not_print,
        exit_code=exit_code,
        signal=signal,
        within_s=within_s,
        note=note,
    )


def honest(
    name: str,
    body: str,
    stdout: str,
    *,
    stdin: str = "",
    files: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    language: str = "python",
    exit_code: int = 0,
    stderr_has: tuple[str, ...] = (),
    note: str = "",
) -> Case:
    """A program that must run as it does anywhere."""
    return Case(
        name,
        source(body),
        frozenset({OK if exit_code == 0 else NONZERO}),
        stdin=stdin,
        files=files or {},
        limits=limits or Limits(),
        language=language,
        stdout=stdout,
        exit_code=exit_code,
        stderr_has=stderr_has,
        note=note,
    )
