"""What runs inside a pool's worker process: read calls from a socket, run them, write results back.

Started by path in a fresh interpreter (`python -P -u pool_worker.py FD`); it imports the standard library only, so that
a replacement is up within some 50 ms. The parent's side is `sandbox/pool_process.py`.

Wire format, both ways: a 4-byte big-endian length and a pickle.
  parent -> worker   first a dict of settings, then lists of calls, each call a pickled (function, args)
  worker -> parent   (kind, seconds, payload): "ready", then per call "ok" (pickled value), "error" (traceback) or
                     "memory" (traceback; the process is replaced, for its heap is no longer to be trusted)
"""

from __future__ import annotations

import ctypes
import faulthandler
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
_functions: dict[str, Callable[..., Any]] = {}


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


def _send(channel: socket.socket, kind: str, seconds: float, payload: bytes | str) -> None:
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


def _main(descriptor: int) -> None:
    channel = socket.socket(fileno=descriptor)
    os.set_inheritable(descriptor, False)
    # Killed with the parent's thread that started this process, even inside a C call.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    settings = _receive(channel)
    # A forked child of a call must not answer in the worker's place, nor keep its socket open.
    os.register_at_fork(after_in_child=channel.close)
    owner = os.getpid()
    faulthandler.register(signal.SIGUSR1, file=settings["trace_descriptor"], all_threads=False)
    os.set_inheritable(settings["trace_descriptor"], False)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if settings["memory_bytes"] is not None:
        resource.setrlimit(resource.RLIMIT_AS, (settings["memory_bytes"], settings["memory_bytes"]))
    sys.path[:] = settings["path"]
    started = time.perf_counter()
    if settings["initializer"] is not None:
        kind, payload = _run(pickle.dumps(settings["initializer"]), settings["max_result_bytes"])
        if kind != "ok":
            _send(channel, kind, 0.0, payload)
            return
    _send(channel, "ready", time.perf_counter() - started, b"")
    while True:
        for call in _receive(channel):
            started = time.perf_counter()
            kind, payload = _run(call, settings["max_result_bytes"])
            if os.getpid() != owner:
                os._exit(0)
            _send(channel, kind, time.perf_counter() - started, payload)
            if kind == "memory":
                return


if __name__ == "__main__":
    sys.modules["sandbox.pool_worker"] = sys.modules["__main__"]  # one registry of functions, however it is imported
    _main(int(sys.argv[1]))
