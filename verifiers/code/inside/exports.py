"""The program's objects that the judge holds: numbers for them, and how they are written in a message.

What is no plain data is written as a list with one of these tags:

    "@"  [number]                              an object that the judge holds (judge to program only)
    "@o" [number, class, is plain below]       an instance of the program's own class
    "@c" [number, description or null]         a class; the description comes along the first time
    "@f" [number, name, is coroutine function, docstring] a function or method
    "@g" [number], "@a" [number]               a generator, something to await
    "@m" [name, number]                        a module
    "@x" and "@v"                              see `library`
    "@e" [exception]                           an exception as a value (of the judge: see `link`)
    "@s" []                                    the program's module itself
    "@h" [number, ...]                         something of the judge (see `handles`)
"""

from __future__ import annotations

import inspect
import types
from typing import Any

from verifiers.code.inside import plain
from verifiers.code.inside.handles import Handle
from verifiers.code.inside.library import library_error, read_value, write_error_class, write_value

SPECIAL = frozenset(f"__{name}__" for name in (
    "len length_hint iter next reversed getitem setitem delitem contains call str repr format bool hash eq ne lt le gt "
    "ge add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or radd rsub rmul rmatmul rtruediv "
    "rfloordiv rmod rdivmod rpow rlshift rrshift rand rxor ror iadd isub imul imatmul itruediv ifloordiv imod ipow "
    "ilshift irshift iand ixor ior neg pos abs invert round trunc floor ceil int float complex index enter exit "
    "aenter aexit aiter anext await bytes missing get set"
).split())  # fmt: skip
"""Methods that Python looks up on the class: a proxy's class has those that the real class has."""

MAX_TEXT = 20_000


class Exports:
    """A table of objects and the two hooks of the codec."""

    def __init__(self, module: types.ModuleType, handles: Any) -> None:
        self._module = module
        self._handles = handles
        self._numbers: dict[int, int] = {}
        self._objects: list[Any] = []
        self._described: set[type] = set()
        self.judge_errors: dict[int, tuple[BaseException, int]] = {}
        """Exceptions of the judge, by their id here, with their numbers there."""

    def number(self, value: Any) -> int:
        """The number of an object, which lives from now on."""
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        return self._numbers[id(value)]

    def get(self, number: int) -> Any:
        """The object of a number."""
        return self._objects[number]

    def decode(self, data: list[Any]) -> Any:
        """What a tag of the judge stands for."""
        tag = data[0]
        if tag == "@":
            return self._objects[data[1]]
        if tag == "@x":
            return _error_class(data)
        if tag == "@v":
            return read_value(data, lambda part: plain.decode(part, self.decode))
        if tag == "@e":
            return self._error(data)
        if tag == "@s":
            return self._module
        if tag == "@h":
            return self._handles(data)
        raise plain.PlainError("an unknown tag")

    def encode(self, value: Any) -> Any:
        """How a value is written that is not exactly of a base type; None: as its base."""
        if value is self._module:
            return ["@s"]
        if isinstance(value, Handle):
            return ["@h", Handle.number_of(value)]
        if isinstance(value, type):
            return write_error_class(value) or (None if value in plain._TYPE_NAMES else self.class_of(value))
        kind = type(value)
        if issubclass(kind, tuple(plain._BASES)):
            if not any(base in self._described for base in kind.__mro__[:-1]):
                return None
            return ["@o", self.number(value), self.class_of(kind), True]
        if isinstance(value, types.ModuleType):
            return ["@m", value.__name__, self.number(value)]
        if isinstance(value, types.GeneratorType):
            return ["@g", self.number(value)]
        if inspect.isawaitable(value):
            return ["@a", self.number(value)]
        if isinstance(value, BaseException):
            return ["@e", describe_error(value, self)]
        by_parts = write_value(value, lambda part: plain.encode(part, self.encode))
        if by_parts is not None:
            return by_parts
        if isinstance(value, _FUNCTIONS):
            name = getattr(value, "__name__", kind.__name__)
            text = getattr(value, "__doc__", None)
            text = text[:MAX_TEXT] if isinstance(text, str) else None
            return ["@f", self.number(value), str(name), inspect.iscoroutinefunction(value), text]
        return ["@o", self.number(value), self.class_of(kind), False]

    def class_of(self, kind: type) -> list[Any]:
        """How a class is written."""
        if kind in self._described:
            return ["@c", self.number(kind), None]
        self._described.add(kind)
        special = [name for name in SPECIAL if getattr(kind, name, None) is not None]
        bases = [write_error_class(base) or self.class_of(base) for base in kind.__bases__ if base is not object]
        own_hash = kind.__hash__ is not None
        described = {
            "name": kind.__name__,
            "bases": bases if len(kind.__mro__) < 50 else [],
            "special": special,
            "hash": own_hash,
            "error": issubclass(kind, BaseException),
            "doc": str(kind.__doc__)[:MAX_TEXT] if kind.__doc__ else None,
            "methods": [name for name, value in vars(kind).items() if isinstance(value, types.FunctionType)][:500],
        }
        return ["@c", self.number(kind), described]

    def _error(self, data: list[Any]) -> BaseException:
        """An exception of the judge; raised or sent again it is the judge's own."""
        _, number, described, args, attributes = data
        kind = plain.decode(described, self.decode)
        values = [plain.decode(arg, self.decode) for arg in args]
        try:
            error: BaseException = kind.__new__(kind, *values) if kind.__module__ == "solution" else kind(*values)
        except Exception:
            error = kind.__new__(kind)
            error.args = tuple(values)
        for name, value in plain.decode(attributes, self.decode).items():
            try:
                setattr(error, name, value)
            except (AttributeError, TypeError):
                continue
        self.judge_errors[id(error)] = (error, number)
        return error


def _error_class(data: list[Any]) -> type:
    if len(data) > 2:
        return library_error(*data[1:]) or Exception
    kind: type = plain._TYPES[data[1]]
    return kind


_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.MethodWrapperType,
              types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType,
              type(__import__("functools").partial(int)), type(__import__("functools").lru_cache(int)))  # fmt: skip


def describe_error(error: BaseException, exports: Exports | None) -> dict[str, Any]:
    """An exception as data: its class, its arguments and attributes as far as they are plain, and a text."""
    kind = type(error)

    def value(what: Any) -> Any:
        try:
            return plain.encode(what, exports.encode if exports else None)
        except Exception:
            return str(type(what).__name__)

    try:
        text = str(error)[:MAX_TEXT]
    except BaseException:
        text = ""
    names = [base.__name__ for base in kind.__mro__ if base.__module__ == "builtins"]
    described: dict[str, Any] = {"name": kind.__name__, "builtin": names, "text": text, "trace": _trace(error)}
    described["args"] = [value(part) for part in list(error.args)[:20]]
    if exports is not None and kind.__module__ != "builtins":
        described["class"] = write_error_class(kind) or exports.class_of(kind)
    if exports is not None and id(error) in exports.judge_errors:
        described["of_tests"] = exports.judge_errors[id(error)][1]
    own = {name: value(part) for name, part in list(vars(error).items())[:20]}
    described["attributes"] = own
    return described


def _trace(error: BaseException) -> str:
    """Where in the program it was raised."""
    lines: list[str] = []
    trace = error.__traceback__
    while trace is not None and len(lines) < 1000:
        code = trace.tb_frame.f_code
        if code.co_filename == "solution.py":
            lines.append(f"line {trace.tb_lineno} in {code.co_name}")
        trace = trace.tb_next
    return ", ".join(lines[:2] + lines[-3:] if len(lines) > 5 else lines)
