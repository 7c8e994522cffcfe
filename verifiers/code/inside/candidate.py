"""The driver beside the program that is judged: it loads the program as the module `solution` and serves calls.

It knows nothing of the tests but the arguments of the call that is being made. The program can do to it what it likes:
whatever it answers is only an answer.
"""

from __future__ import annotations

import builtins
import copy
import inspect
import io
import os
import sys
import threading
import types
from typing import Any

from verifiers.code.inside import plain
from verifiers.code.inside.capture import Capture
from verifiers.code.inside.exports import Exports, describe_error
from verifiers.code.inside.handles import Ask, CallHandle, ObjectHandle, coroutine_function, iterate, make_attribute
from verifiers.code.inside.wire import SOURCE, Closed, Wire, pack


class JudgeError(Exception):
    """What the tests' own code raised while the program called it."""


class Server:
    """Serves one caller until it closes the channel."""

    def __init__(self) -> None:
        self._wire = Wire()
        self._lock = threading.RLock()
        self._module = types.ModuleType("solution")
        self._exports = Exports(self._module, self._handle)
        self._hook: plain.Hook | None = None
        self._stdout = Capture(1)
        self._stderr = Capture(2)
        sys.stdout, sys.stderr = self._stdout.stream, self._stderr.stream

    def serve(self) -> None:
        """Answer until there is nobody to answer."""
        while True:
            with self._lock:
                try:
                    request = self._wire.receive()
                except Closed:
                    return
            self._answer(request)

    def _answer(self, request: list[Any]) -> None:
        try:
            result = getattr(self, "_do_" + request[0])(*request[1:])
            reply: list[Any] = ["r", *result]
        except plain.PlainError as error:
            reply = ["n", str(error)]
        except BaseException as error:
            # Arguments and attributes of an exception may be objects too; the host wants none.
            reply = ["e", describe_error(error, self._exports if self._hook else None)]
        with self._lock:
            try:
                line = pack([self._stdout.take(), self._stderr.take(), reply])
            except (ValueError, RecursionError) as error:
                line = pack(["", "", ["n", str(error)]])
            self._send(line)

    def _send(self, line: bytes) -> None:
        data = memoryview(line)
        while data:
            data = data[os.write(3, data) :]

    # What may be asked ----------------------------------------------------------------------------------------

    def _do_load(self, objects: bool) -> list[Any]:
        self._hook = self._exports.encode if objects else None
        with open(SOURCE, "rb") as file:
            source = file.read()
        os.remove(SOURCE)
        try:
            code = compile(source, "solution.py", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError) as error:
            return ["compile error", f"{type(error).__name__}: {error}"]
        sys.modules["solution"] = self._module
        if objects:
            builtins.input = lambda *prompt: self._ask("input", 0, [str(part) for part in prompt], "input")
            sys.stdin = _TestsInput(self._ask)
        self._module.__dict__["__file__"] = "solution.py"
        try:
            exec(code, self._module.__dict__)
        except SystemExit as end:  # a program may end with exit()
            if end.code not in (None, 0):
                raise
        return ["loaded", ""]

    def _do_find(self, name: str) -> list[Any]:
        """The function of a name: of the module, else a method of its class Solution."""
        found = self._module.__dict__.get(name)
        if not callable(found):
            solution = self._module.__dict__.get("Solution")
            if not isinstance(solution, type) or not callable(getattr(solution, name, None)):
                raise NameError(f"the program defines no function {name!r}")
            return ["method"]
        return ["function"]

    def _do_call_name(self, name: str, args: Any, kwargs: Any) -> list[Any]:
        """Call the function of a name, a method on a fresh Solution."""
        function = self._module.__dict__.get(name)
        if not callable(function):
            function = getattr(self._module.__dict__["Solution"](), name)
        return self._call(function, args, kwargs)

    def _do_call(self, target: Any, args: Any, kwargs: Any) -> list[Any]:
        return self._call(self._decode(target), args, kwargs)

    def _do_getattr(self, target: Any, name: str) -> list[Any]:
        return [self._encode(getattr(self._decode(target), name))]

    def _do_setattr(self, target: Any, name: str, value: Any) -> list[Any]:
        setattr(self._decode(target), name, self._decode(value))
        return [None]

    def _do_delattr(self, target: Any, name: str) -> list[Any]:
        delattr(self._decode(target), name)
        return [None]

    def _do_special(self, target: Any, name: str, args: Any, kwargs: Any) -> list[Any]:
        """A method that Python looks up on the class."""
        value = self._decode(target)
        method = getattr(type(value), name)

        def call(*rest: Any, **named: Any) -> Any:
            if name == "__exit__" and len(rest) == 3 and isinstance(rest[1], BaseException):
                rest = (type(rest[1]), rest[1], rest[1].__traceback__)
            return method(value, *rest, **named)

        return self._call(call, args, kwargs)

    def _do_copy(self, target: Any, deep: bool) -> list[Any]:
        value = self._decode(target)
        return [self._encode(copy.deepcopy(value) if deep else copy.copy(value))]

    def _do_signature(self, target: Any) -> list[Any]:
        """The parameters of something that can be called: name, kind, and the default in a list."""
        signature = inspect.signature(self._decode(target))
        return [
            [one.name, int(one.kind), [] if one.default is one.empty else [self._encode(one.default)]]
            for one in signature.parameters.values()
        ]

    def _do_subclass(self, name: str, bases: list[Any], attributes: list[Any]) -> list[Any]:
        """A class of the tests over one of the program's: its methods are the tests'."""
        space: dict[str, Any] = {"__module__": "test_solution"}
        for attribute, kind, *parts in attributes:
            values = [self._decode(part) for part in parts]
            space[attribute] = make_attribute(kind, values)
        made = types.new_class(name, tuple(self._decode(base) for base in bases), {}, lambda into: into.update(space))
        return [self._exports.class_of(made)]

    def _do_base(self, target: Any) -> list[Any]:
        """An object as plain data, which an instance of a subclass of list, dict, int... is below."""
        return [plain.encode(self._decode(target))]

    def _do_names(self) -> list[Any]:
        names = [name for name in self._module.__dict__ if type(name) is str]
        listed = self._module.__dict__.get("__all__")
        if not isinstance(listed, (list, tuple)):
            listed = [name for name in names if not name.startswith("_")]
        return [names, [name for name in listed if type(name) is str]]

    def _do_dir(self, target: Any) -> list[Any]:
        return [self._encode(dir(self._decode(target)))]

    def _do_resume(self, target: Any, how: str, value: Any) -> list[Any]:
        """Go on with a generator: [item] or [] at its end, with what it returned."""
        generator = self._decode(target)
        try:
            if how == "close":
                generator.close()
                return [["l"]]
            item = generator.throw(self._decode(value)) if how == "throw" else generator.send(self._decode(value))
            return [["l", self._encode(item)]]
        except StopIteration as end:
            return [["l"], self._encode(end.value)]

    def _do_await(self, target: Any) -> list[Any]:
        awaited = self._decode(target)

        return [self._encode(_run_to_end(awaited))]

    # How ------------------------------------------------------------------------------------------------------

    def _call(self, function: Any, args: Any, kwargs: Any) -> list[Any]:
        """Call, and send back which arguments were changed in place."""
        values = [self._decode(arg) for arg in args]
        named = self._decode(kwargs)
        result = function(*values, **named)
        if not self._hook:
            return [self._encode(_run_to_end(result) if isinstance(result, types.CoroutineType) else result)]
        passed = [*values, *named.values()]
        sent = [*args, *kwargs[2::2]]
        encoded = self._encode(result)
        if isinstance(result, _MUTABLE):
            for index, value in enumerate(passed):
                if value is result:
                    encoded = ["@arg", index]
        changed = []
        for index, (value, before) in enumerate(zip(passed, sent, strict=True)):
            if isinstance(value, _MUTABLE) and isinstance(before, list) and before[0] in _MUTABLE_TAGS:
                try:
                    after = self._encode(value)
                except plain.PlainError:
                    continue
                if after != before:
                    changed.append([index, after])
        return [encoded, changed]

    def _encode(self, value: Any) -> Any:
        return plain.encode(value, self._hook)

    def _decode(self, data: Any) -> Any:
        return plain.decode(data, self._exports.decode)

    # What the program asks of the tests -----------------------------------------------------------------------

    def _handle(self, data: list[Any]) -> Any:
        _, number, kind, name = data
        if kind == "object":
            return ObjectHandle(self._ask, number)
        handle = CallHandle(self._ask, number, name)
        if kind == "iterator":
            return iterate(handle)
        return coroutine_function(handle) if kind == "coroutine" else handle

    def _ask(self, verb: str, number: int, args: Any, extra: Any) -> Any:
        with self._lock:
            sent = [self._encode(arg) for arg in args]
            extra = self._encode(extra)
            self._send(pack([self._stdout.take(), self._stderr.take(), ["q", verb, number, sent, extra]]))
            while True:
                try:
                    message = self._wire.receive()
                except Closed:
                    os._exit(1)
                if message[0] == "r":
                    return self._decode(message[1])
                if message[0] == "e":
                    error = _error_of(message[1], message[2])
                    self._exports.judge_errors[id(error)] = (error, message[3])
                    raise error
                self._answer(message)


_MUTABLE = (list, dict, set, bytearray, __import__("collections").deque)
_MUTABLE_TAGS = frozenset("l d C O X S B q".split())


def _error_of(name: str, text: str) -> BaseException:
    """The exception that the tests' code raised, as the builtin one of that name."""
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            return kind(text)
        except TypeError:
            pass
    return JudgeError(f"{name}: {text}")


class _TestsInput(io.TextIOBase):
    """The standard input that the tests give, read by asking for it."""

    def __init__(self, ask: Ask) -> None:
        super().__init__()
        self._ask = ask

    def readable(self) -> bool:
        return True

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        return str(self._ask("input", 0, (), "readline"))

    def read(self, size: int | None = -1, /) -> str:
        return str(self._ask("input", 0, (), "read"))


def _run_to_end(awaited: Any) -> Any:
    import asyncio  # slow to import, and few programs need it

    async def wait() -> Any:
        return await awaited

    return asyncio.run(wait())


def main() -> None:
    """The program of the job."""
    try:
        Server().serve()
    finally:
        os._exit(0)
