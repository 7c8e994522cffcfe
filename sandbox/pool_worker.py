"""What runs inside a pool's processes: read calls from a socket, run them, write results back.

Started by path in a fresh interpreter (`python -P -u pool_worker.py FD`); it imports the standard library only, so that
it is up within some 50 ms. Once it has run the initializer it becomes the pool's template, which forks the workers (a
replacement is up within milliseconds, and shares the memory of what was imported); or, where that is not safe, a worker
itself. The parent's side is `sandbox/pool_process.py`. For a `LoopPool` it hands over to `sandbox/loop_worker.py`.

Wire format, both ways: a 4-byte big-endian length and a pickle.
  parent -> process    first a dict of settings
  parent -> template   one byte with two descriptors: the socket and the trace pipe of a new worker
  parent -> worker     lists of calls, each call its deadline in seconds and a pickled (function, args)
  process -> parent    (kind, seconds, payload): "template" or "ready"; a forked worker says "born" (its pid) first;
                       then per call "ok" (pickled value), "error" (traceback) or "memory" (traceback; the process is
                       replaced, for its heap is no longer to be trusted)
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import hashlib
import importlib
import importlib.util
import os
import pickle
import resource
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LENGTH = struct.Struct("!I")
_PR_SET_PDEATHSIG = 1
_PR_GET_TID_ADDRESS = 40
_CLONE_PARENT, _CLONE_CHILD_CLEARTID, _CLONE_CHILD_SETTID = 0x8000, 0x200000, 0x1000000
_SYS_CLONE = {"x86_64": 56, "aarch64": 220}
_libc = ctypes.PyDLL(None, use_errno=True)  # PyDLL: keeps the GIL, without which nothing may fork
_functions: dict[str, Callable[..., Any]] = {}
_call_ends: float | None = None


def seconds_left() -> float | None:
    """How long the call that runs may still take before its process is killed; None outside a pool's worker."""
    return None if _call_ends is None else _call_ends - time.monotonic()


def load_function(reference: str) -> Callable[..., Any]:
    """The function that `package.module:function` or `path/to/file.py:function` names.

    A file is imported once under a name of its own; its folder is appended to `sys.path`, so that it can import its
    neighbours without shadowing installed packages.

    Raises:
        AttributeError: the module has no such function. ImportError and whatever else importing it raises.
    """
    if reference in _functions:
        return _functions[reference]
    place, _, name = reference.rpartition(":")
    function = getattr(import_file(Path(place)) if place.endswith(".py") else importlib.import_module(place), name)
    _functions[reference] = function
    return function  # type: ignore[no-any-return]


def import_file(path: Path) -> Any:
    """Import a Python file by path, once per process."""
    path = path.resolve()
    name = f"{path.stem}_{hashlib.sha1(str(path).encode()).hexdigest()[:8]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is no Python file")
        if str(path.parent) not in sys.path:
            sys.path.append(str(path.parent))
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses and pickle look classes up there
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _receive(channel: socket.socket) -> Any:
    """The next message; SystemExit when the parent is gone."""
    return pickle.loads(_exactly(channel, _LENGTH.unpack(_exactly(channel, _LENGTH.size))[0]))


def _exactly(channel: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = channel.recv(min(size - len(data), 1 << 20))
        if not part:
            sys.exit(0)
        data += part
    return bytes(data)


def send(channel: socket.socket, kind: str, seconds: float, payload: bytes | str) -> None:
    """Tell the parent something."""
    message = pickle.dumps((kind, seconds, payload))
    channel.sendall(_LENGTH.pack(len(message)) + message)


def _run(call: bytes, max_result_bytes: int) -> tuple[str, bytes | str]:
    try:
        function, args = pickle.loads(call)
        value = pickle.dumps(load_function(function)(*args))
        if len(value) > max_result_bytes:
            return "error", f"the result takes {len(value):,} bytes; the limit is {max_result_bytes:,}"
        return "ok", value
    except MemoryError:
        return "memory", traceback.format_exc()
    except BaseException:  # SystemExit and KeyboardInterrupt too: a call ends with a result, not with the process
        return "error", traceback.format_exc()


def _open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def _can_fork(descriptors: int) -> bool:
    """Whether copies of this process would work: a fork loses all threads but one, and shares files and connections.

    Args:
        descriptors: how many were open before the initializer.
    """
    alone = len(os.listdir("/proc/self/task")) == 1
    return alone and _open_descriptors() == descriptors and os.uname().machine in _SYS_CLONE


def _fork_sibling() -> int:
    """`os.fork`, except that the new process is a child of the pool's process, as this one is, not of this one.

    So the pool waits for it and kills it like any child of its own: its pid cannot pass to a stranger before the pool
    has seen it dead, and it does not die with the template. The C library has no call for it: this is what its `fork`
    does in a process of one thread, and one flag more.
    """
    tid = ctypes.c_void_p()
    if _libc.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(tid)) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_GET_TID_ADDRESS)")
    flags = _CLONE_PARENT | _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID | signal.SIGCHLD
    number = ctypes.c_long(_SYS_CLONE[os.uname().machine])
    ctypes.pythonapi.PyOS_BeforeFork()
    # The tid's address comes fourth on x86_64, fifth on aarch64; the other place is not read.
    pid: int = _libc.syscall(number, ctypes.c_ulong(flags), ctypes.c_void_p(), ctypes.c_void_p(), tid, tid)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
    else:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(ctypes.get_errno(), "clone")
    return pid


def _fork_workers(channel: socket.socket) -> tuple[socket.socket, int]:
    """Fork a worker whenever the pool asks; returns in the workers only: their own socket and trace pipe."""
    gc.freeze()  # a collection in a worker would touch, and so copy, every page
    while True:
        request, descriptors, _, _ = socket.recv_fds(channel, 1, 2)
        if not request:
            sys.exit(0)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        theirs = socket.socket(fileno=descriptors[0])
        if _fork_sibling() == 0:
            # First of all, and still in the template's process group: a worker that dies earlier is found there.
            send(theirs, "born", 0.0, str(os.getpid()))
            os.setsid()
            return theirs, descriptors[1]
        theirs.close()
        os.close(descriptors[1])


def _belong_to(parent: int, channel: socket.socket, trace_descriptor: int) -> None:
    """Tie this process to the pool and to its ends of this socket and trace pipe."""
    # Killed with the pool's thread that started the first process, even inside a C call.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before that
        sys.exit(0)
    # A forked child (of a call, or a worker of the template) must not answer here, nor keep the socket open.
    os.register_at_fork(after_in_child=channel.close)
    faulthandler.register(signal.SIGUSR1, file=trace_descriptor, all_threads=False)
    os.set_inheritable(trace_descriptor, False)


def _main(descriptor: int) -> None:
    channel = socket.socket(fileno=descriptor)
    os.set_inheritable(descriptor, False)
    settings = _receive(channel)
    _belong_to(settings["parent"], channel, settings["trace_descriptor"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if settings["memory_bytes"] is not None:
        resource.setrlimit(resource.RLIMIT_AS, (settings["memory_bytes"], settings["memory_bytes"]))
    sys.path[:] = settings["path"]
    if settings["concurrency"] is not None:
        _load_sibling("loop_steps")
        _load_sibling("loop_worker").serve(channel, settings)
        return
    started = time.perf_counter()
    descriptors = _open_descriptors()
    if settings["initializer"] is not None:
        kind, payload = _run(pickle.dumps(settings["initializer"]), settings["max_result_bytes"])
        if kind != "ok":
            send(channel, kind, 0.0, payload)
            return
    if _can_fork(descriptors):
        send(channel, "template", time.perf_counter() - started, b"")
        channel, trace_descriptor = _fork_workers(channel)
        _belong_to(settings["parent"], channel, trace_descriptor)
        os.close(settings["trace_descriptor"])
        started = time.perf_counter()
    send(channel, "ready", time.perf_counter() - started, b"")
    _serve(channel, settings["max_result_bytes"])


def _load_sibling(name: str) -> Any:
    """A module of this folder by its place, as the package `sandbox` imports more than a worker needs."""
    spec = importlib.util.spec_from_file_location(f"sandbox.{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _serve(channel: socket.socket, max_result_bytes: int) -> None:
    global _call_ends
    owner = os.getpid()
    while True:
        for timeout_s, call in _receive(channel):
            started = time.perf_counter()
            _call_ends = time.monotonic() + timeout_s
            kind, payload = _run(call, max_result_bytes)
            if os.getpid() != owner:
                os._exit(0)
            send(channel, kind, time.perf_counter() - started, payload)
            if kind == "memory":
                return


if __name__ == "__main__":
    sys.modules["sandbox.pool_worker"] = sys.modules["__main__"]  # one registry of functions, however it is imported
    _main(int(sys.argv[1]))
