"""The last steps before the program: rights, limits and descriptors go, then this process becomes the program.

A Python program is run by the interpreter that was forked, as `python3 main.py` would run it: own `__main__`, fresh
standard streams, tracebacks, exit codes, `atexit`. Other languages are an exec.
"""

from __future__ import annotations

import atexit
import builtins
import contextlib
import gc
import io
import os
import resource
import signal
import sys
import threading
import types
from typing import Any, NoReturn

from sandbox.guest import linux, seccomp

MAIN = "main.py"
CHANNEL_FD = 3

COMPILED = b"c"
"""Written to the status pipe once the source is known to be a program."""
FAILED = b"!"
"""Written before the reason why the program could not be started, which is the sandbox's fault."""

_STATUS_FD = 4


def become(job: dict[str, Any], streams: tuple[int, int, int], channel: int, status: int, runner: int) -> Any:
    """Turn this process, just forked, into one that may run the program of `job`.

    Returns what to call next, for a Python program: the caller unwinds its stack first. Everything else never returns.
    """
    try:
        # No descriptor that is in use may be overwritten by the next duplicate: all go up first.
        high = [os.dup(descriptor) for descriptor in (*streams, *([channel] if channel >= 0 else []))]
        status_high = os.dup(status)
        for path in job["cgroups"]:
            os.write(path, b"0")
        for target, descriptor in enumerate(high):
            os.dup2(descriptor, target)
        os.dup2(status_high, _STATUS_FD, inheritable=False)
        if channel < 0:
            os.close(CHANNEL_FD)
        os.closerange(_STATUS_FD + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(job["folder"])
        os.umask(0o022)
        linux.set_dumpable(True)
        _go_first_when_memory_ends()
        _limit(job["limits"])
        linux.install_filter(seccomp.assemble(os.uname().machine, runner, job["loopback"], job["memory_files"]))
    except Exception as error:
        _fail(f"{type(error).__name__}: {error}")
    if job["argv"]:
        _exec(job["argv"])
    path = os.path.join(job["folder"], MAIN)
    return lambda: _run_python(path)


def _go_first_when_memory_ends() -> None:
    descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    os.write(descriptor, b"1000")
    os.close(descriptor)


def _limit(limits: dict[str, int]) -> None:
    for name, value in limits.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        # the soft limit of CPU time ends the program by SIGXCPU; the hard one, a second later, by SIGKILL
        slack = 1 if kind == resource.RLIMIT_CPU and (hard == resource.RLIM_INFINITY or value < hard) else 0
        resource.setrlimit(kind, (value, value + slack))


def _fail(reason: str) -> NoReturn:
    os.write(_STATUS_FD, FAILED + reason.encode())
    os._exit(1)


def _exec(argv: list[str]) -> NoReturn:
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them
    os.write(_STATUS_FD, COMPILED)
    try:
        os.execv(argv[0], argv)
    except OSError as error:
        _fail(f"exec {argv[0]}: {error.strerror}")


def _open_streams() -> None:
    """The standard streams as an interpreter makes them that was started on these descriptors."""

    def writer(descriptor: int, name: str, errors: str, line_buffering: bool) -> io.TextIOWrapper:
        raw = io.FileIO(descriptor, "w", closefd=False)
        stream = io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", errors, line_buffering=line_buffering)
        stream.buffer.raw.name = name
        stream.mode = "w"  # type: ignore[misc]
        return stream

    raw = io.FileIO(0, "r", closefd=False)
    sys.stdin = io.TextIOWrapper(io.BufferedReader(raw), "utf-8", "surrogateescape")
    sys.stdin.buffer.raw.name = "<stdin>"
    sys.stdin.mode = "r"  # type: ignore[misc]
    sys.stdout = writer(1, "<stdout>", "surrogateescape", line_buffering=False)
    sys.stderr = writer(2, "<stderr>", "backslashreplace", line_buffering=True)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]


def _run_python(path: str) -> NoReturn:
    _open_streams()
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=builtins, __annotations__={}, __cached__=None)
    for name in [name for name in sys.modules if name.split(".")[0] == "sandbox"]:
        del sys.modules[name]
    sys.modules["__main__"] = main
    sys.argv = [MAIN]
    sys.path.insert(0, os.path.dirname(path))
    code = 0
    started = False
    try:
        with open(path, "rb") as file:
            source = file.read()
        compiled = compile(source, path, "exec", dont_inherit=True)
        os.write(_STATUS_FD, COMPILED)
        os.close(_STATUS_FD)
        started = True
        gc.enable()
        exec(compiled, main.__dict__)
    except SystemExit as end:
        code = _exit_status(end.code)
    except KeyboardInterrupt as error:
        _tell(error)
        _flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException as error:
        _tell(error if started else error.with_traceback(None))
        code = 1
    # What the interpreter does at its end, but for freeing memory that is about to go anyway.
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    with contextlib.suppress(BaseException):
        for name in list(main.__dict__):
            if name != "__builtins__":
                main.__dict__[name] = None  # `__del__` of what the program still holds
    os._exit(code if _flush() else code or 120)


def _exit_status(code: Any) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return int(code) & 0xFF
    with contextlib.suppress(BaseException):
        print(code, file=sys.stderr)
    return 1


def _tell(error: BaseException) -> None:
    """Print a traceback that begins in the program."""
    trace = error.__traceback__
    error = error.with_traceback(trace.tb_next if trace else None)
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except BaseException:
        with contextlib.suppress(BaseException):
            sys.__excepthook__(type(error), error, error.__traceback__)


def _flush() -> bool:
    clean = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except BaseException:
            clean = False
    return clean
