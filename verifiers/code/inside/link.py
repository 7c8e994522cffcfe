"""The judge's end of the connection: requests to the program, and what the program asks back meanwhile.

One request is made at a time, so two threads of the tests cannot wait for each other inside the program, and coroutines
of the program run one after the other.

What is no plain data is written as in `exports`; an exception as "@e" [number, class, arguments, attributes].
"""

from __future__ import annotations

import io
import json
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

from verifiers.code.inside import plain
from verifiers.code.inside.errors import CandidateError, CandidateGone
from verifiers.code.inside.handles import OBJECT_SPECIAL
from verifiers.code.inside.library import write_error_class, write_value
from verifiers.code.inside.wire import Wire

TO_CANDIDATE = "c"
TO_HOST = "h"

_HEAP_TYPE = 1 << 9


class Link:
    """Requests and answers. Thread-safe: one request at a time, those that a callback makes in between."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._lock = threading.RLock()
        self._handles: list[Any] = []
        self._handle_numbers: dict[int, int] = {}
        self.encode_other: plain.Hook = lambda value: None
        self.decode_other: Callable[[list[Any]], Any] | None = None
        self.make_error: Callable[[dict[str, Any], bool], BaseException] = lambda error, ends: CandidateError()
        self.requests = 0
        """How often the tests used the program."""
        self.errors: list[BaseException] = []
        """What the tests' own code raised while the program called it."""
        self.gone = ""
        """Why there is no program any more."""

    def encode(self, value: Any) -> Any:
        """A value for the program.

        Raises:
            TypeError: it can neither be sent nor stood for.
        """
        try:
            return plain.encode(value, self._encode_other)
        except plain.PlainError as error:
            raise TypeError(f"cannot be passed to the program: {error}") from None

    def decode(self, data: Any) -> Any:
        """A value of the program.

        Raises:
            CandidateError: it is malformed.
        """
        try:
            return plain.decode(data, self.decode_other)
        except plain.PlainError as error:
            raise CandidateError(f"the program's answer is no data: {error}") from None

    def request(self, *message: Any, may_stop: bool = False) -> list[Any]:
        """Ask the program's driver.

        Args:
            message: what is asked; see `candidate`.
            may_stop: whether StopIteration is an answer; anywhere else it would silently end a loop of the tests.

        Raises:
            CandidateGone: the program's process has ended.
            Exception: what the program raised.
        """
        with self._lock:
            if self.gone:
                raise CandidateGone(self.gone)
            self.requests += 1
            self._wire.send(message, TO_CANDIDATE)
            while True:
                answer = self._receive()
                if answer[0] == "q":
                    self._wire.send(self._serve(*answer[1:]), TO_CANDIDATE)
                elif answer[0] == "r":
                    return list(answer[1:])
                elif answer[0] == "n":
                    raise CandidateError(f"the program's answer cannot be sent: {str(answer[1])[:300]}")
                else:
                    raise self.make_error(answer[1], may_stop)

    def _receive(self) -> list[Any]:
        line = self._wire.receive_line()
        if line[:1] != TO_CANDIDATE.encode():
            self.gone = line[1:].decode("utf-8", "replace")
            raise CandidateGone(self.gone)
        try:
            out, err, answer = json.loads(line[1:])
            if out:
                sys.stdout.write(str(out))
            if err:
                sys.stderr.write(str(err))
            if not (isinstance(answer, list) and len(answer) >= 2 and answer[0] in ("q", "r", "n", "e")):
                raise ValueError
        except (ValueError, TypeError, RecursionError):
            self.gone = "it wrote to its driver's channel"
            raise CandidateGone(self.gone) from None
        return answer

    # What the program may do with things of the tests ---------------------------------------------------------

    def _encode_other(self, value: Any) -> Any:
        known = self.encode_other(value)
        if known is not None:
            return known
        if isinstance(value, type):
            written = write_error_class(value)
            if written is not None or value in plain._TYPE_NAMES:
                return written
        if isinstance(value, BaseException):
            return self._encode_error(value)
        by_parts = write_value(value, lambda part: plain.encode(part, self._encode_other))
        if by_parts is not None:
            return by_parts
        if isinstance(value, tuple(plain._BASES)):
            return None
        name = str(getattr(value, "__name__", type(value).__name__))
        if isinstance(value, types.CoroutineType):
            raise plain.PlainError("a coroutine")
        if callable(value):
            code = getattr(value, "__code__", None)
            is_coroutine = isinstance(code, types.CodeType) and bool(code.co_flags & 0x80)
            kind = "coroutine" if is_coroutine else "object" if _is_mock(value) else "function"
            return ["@h", self._handle(value), kind, name]
        if hasattr(type(value), "__next__") and not isinstance(value, io.IOBase):
            return ["@h", self._handle(value), "iterator", name]
        if _may_be_looked_at(value):
            return ["@h", self._handle(value), "object", name]
        return None

    def _encode_error(self, error: BaseException) -> list[Any]:
        def part(value: Any) -> Any:
            try:
                return plain.encode(value, self._encode_other)
            except Exception:
                return type(value).__name__

        written = (self.encode_other(kind) or write_error_class(kind) for kind in type(error).__mro__)
        attributes = [(name, part(value)) for name, value in vars(error).items() if not name.startswith("_")]
        self.errors.append(error)
        number = len(self.errors) - 1
        kind = next(one for one in written if one is not None)
        sent = ["d", *(each for pair in attributes for each in pair)]
        return ["@e", number, kind, [part(arg) for arg in error.args[:20]], sent]

    def _handle(self, value: Any) -> int:
        if id(value) not in self._handle_numbers:
            self._handle_numbers[id(value)] = len(self._handles)
            self._handles.append(value)
        return self._handle_numbers[id(value)]

    def handle(self, number: int) -> Any:
        """What the tests had passed under a number."""
        return self._handles[number]

    def _serve(self, verb: str, number: int, args: list[Any], extra: Any) -> list[Any]:
        try:
            if verb != "input" and number not in range(len(self._handles)):
                raise LookupError("no such thing of the tests")
            target = self._handles[number] if verb != "input" else None
            values = [self.decode(arg) for arg in args]
            return ["r", self.encode(self._act(verb, target, values, self.decode(extra)))]
        except CandidateGone:
            raise
        except BaseException as error:
            self.errors.append(error)
            name = next((kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"), "Exception")
            return ["e", name, str(error)[:2000], len(self.errors) - 1]

    def _act(self, verb: str, target: Any, values: list[Any], extra: Any) -> Any:
        if verb == "hcall":
            if not callable(target):
                raise TypeError(f"{type(target).__name__!r} object is not callable")
            result = target(*values, **extra)
            if isinstance(result, types.CoroutineType):
                return _run_coroutine(result)
            return result
        if verb == "hnext":
            for item in target:
                return [item]
            return []
        if verb == "input":  # what the tests put in the place of the standard input
            if extra == "input":
                return input(*values)
            return sys.stdin.readline() if extra == "readline" else sys.stdin.read()
        if verb == "hop" and extra in OBJECT_SPECIAL and _may_be_looked_at(target):
            method = getattr(type(target), extra, None)
            if method is None and extra == "__bool__":
                return bool(target)
            if method is None:
                raise TypeError(f"{type(target).__name__!r} object has no {extra}")
            return method(target, *values)
        name = values[0]
        if isinstance(name, str) and not name.startswith("_") and _may_be_looked_at(target):
            if verb == "hget" and not (_is_mock(target) and name in _SETTING):
                return getattr(target, name)
            if verb == "hset" and not _is_of_tests(target, name):
                return setattr(target, name, values[1])
        raise AttributeError("the program may not do this with an object of the tests")


_SETTING = frozenset({"configure_mock", "attach_mock", "mock_add_spec", "reset_mock"})
"""Methods of mocks that change what its assertions say."""


def _is_of_tests(target: Any, name: str) -> bool:
    """Whether the tests rely on an attribute of theirs: a method, or what a mock notes."""
    if _is_mock(target):
        mock = sys.modules["unittest.mock"]
        return name in dir(mock.NonCallableMock) and name not in ("return_value", "side_effect")
    kept = vars(target) if isinstance(target, types.SimpleNamespace) else vars(type(target))
    return callable(kept.get(name)) or callable(getattr(type(target), name, None))


def _is_mock(value: Any) -> bool:
    mock = sys.modules.get("unittest.mock")
    return mock is not None and isinstance(value, mock.NonCallableMock)


def _may_be_looked_at(value: Any) -> bool:
    """Instances of classes written in Python, and streams in memory; never what leads to frames, globals or code."""
    if isinstance(value, (io.StringIO, io.BytesIO, types.SimpleNamespace)) or _is_mock(value):
        return True
    kind = type(value)
    case = sys.modules.get("unittest")
    if case is not None and isinstance(value, case.TestCase):
        return False
    written_in_python = bool(kind.__flags__ & _HEAP_TYPE) and hasattr(kind, "__module__")
    library = kind.__module__.partition(".")[0] in (
        sys.stdlib_module_names | {"_pytest", "pytest", "pluggy", "verifiers"}
    )
    return written_in_python and not library and not issubclass(kind, (type, types.ModuleType))


def _run_coroutine(coroutine: Any) -> Any:
    """To its end, in a thread of its own: an event loop may be running in this one."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()
