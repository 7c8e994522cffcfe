"""Proxies of the program's module, functions, classes and objects, in the judge.

Only the program knows what its objects do, so most of what is done with a proxy is asked of it. What it is never asked:
whether one of its objects equals plain data (it does not), is less than or greater than it, or what plain number comes
of the two. Two objects of the program are compared by the program: there is nobody else who could.

An instance of a subclass of list, dict, int... is compared and counted by the data below it, fetched as such.
"""

from __future__ import annotations

import builtins
import collections
import importlib
import types
from collections.abc import Callable, Generator, Iterator
from typing import Any

from verifiers.code.inside import plain
from verifiers.code.inside.errors import CandidateError, builtin_error, make_error, own_error
from verifiers.code.inside.link import Link

_LOCAL_MODULES = frozenset(
    "math cmath itertools functools collections random string re datetime typing heapq bisect operator statistics "
    "decimal fractions json copy time sys os io unittest pytest dataclasses enum abc contextlib textwrap".split()
)
_COMPARED = ("lt", "le", "gt", "ge")
_SUMS = tuple(
    prefix + name
    for name in "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or".split()
    for prefix in ("", "r")
)
_UPDATES = tuple("i" + name for name in _SUMS[::2] if name != "divmod")
_NUMERIC = ("abs", "round", "trunc", "floor", "ceil", "int", "float", "complex", "index")


class RemoteClass(type):
    """The class of proxies of one of the program's classes. Calling it makes an object there."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        state = _class_states.get(cls)
        if state is None:
            raise TypeError(f"{cls.__name__}: test code cannot make instances of subclasses of the program's classes")
        return state.remotes.call(state.number, args, kwargs)

    def __getattr__(cls, name: str) -> Any:
        state = _class_states.get(cls)
        if state is None:
            raise AttributeError(name)
        return state.remotes.attribute(state.number, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        state = _class_states[cls]
        state.remotes.link.request("setattr", ["@", state.number], name, state.remotes.link.encode(value))

    def __delattr__(cls, name: str) -> None:
        state = _class_states[cls]
        state.remotes.link.request("delattr", ["@", state.number], name)

    def __iter__(cls) -> Iterator[Any]:
        """The members of an enumeration."""
        members = cls.__getattr__("__members__")
        return iter(list(members.values()))

    def __getitem__(cls, name: Any) -> Any:
        return cls.__getattr__("__members__")[name]

    def __len__(cls) -> int:
        return len(cls.__getattr__("__members__"))

    def __bool__(cls) -> bool:
        return True


class _ClassState:
    def __init__(self, remotes: Remotes, number: int, own: bool) -> None:
        self.remotes = remotes
        self.number = number
        self.own = own
        self.named = False
        """Whether the tests speak of this class by its name."""


_class_states: dict[type, _ClassState] = {}


class RemoteObject(metaclass=RemoteClass):
    """A proxy of an object."""

    def __getattribute__(self, name: str) -> Any:
        if name in _LOCAL_NAMES:
            return object.__getattribute__(self, name)
        state = _state(self)
        return state.remotes.attribute(state.number, name)

    def __setattr__(self, name: str, value: Any) -> None:
        state = _state(self)
        state.remotes.link.request("setattr", ["@", state.number], name, state.remotes.link.encode(value))

    def __delattr__(self, name: str) -> None:
        state = _state(self)
        state.remotes.link.request("delattr", ["@", state.number], name)

    def __dir__(self) -> list[str]:
        state = _state(self)
        return [
            str(name) for name in state.remotes.link.decode(state.remotes.link.request("dir", ["@", state.number])[0])
        ]

    def __eq__(self, other: object) -> Any:
        return _equal(self, other)

    def __ne__(self, other: object) -> Any:
        equal = _equal(self, other)
        return equal if equal is NotImplemented else not equal

    def __hash__(self) -> int:
        state = _state(self)
        if state.base:
            return hash(_base_of(self))
        return int(_special(self, "__hash__", ()))


_LOCAL_NAMES = frozenset({"__class__", "__dir__", "__eq__", "__ne__", "__hash__", "__setattr__", "__delattr__",
                          "__getattribute__", "__init_subclass__", "__subclasshook__", "__reduce__", "__reduce_ex__",
                          "__sizeof__"})  # fmt: skip


class _State:
    def __init__(self, remotes: Remotes, number: int, base: bool) -> None:
        self.remotes = remotes
        self.number = number
        self.base = base
        """Whether there is plain data below it."""
        self.mixed = False
        """Whether it came of an operation with plain data."""


_states: dict[int, tuple[RemoteObject, _State]] = {}


def _state(proxy: RemoteObject) -> _State:
    return _states[id(proxy)][1]


def _base_of(proxy: RemoteObject) -> Any:
    state = _state(proxy)
    data = state.remotes.link.request("base", ["@", state.number])[0]
    try:
        return plain.decode(data)
    except plain.PlainError as error:
        raise CandidateError(str(error)) from None


def _equal(one: RemoteObject, other: Any) -> Any:
    if one is other:
        return True
    state = _state(one)
    if isinstance(other, RemoteObject):
        if state.base and _state(other).base:
            return bool(_base_of(one) == _base_of(other))
        return bool(_special(one, "__eq__", (other,)) is True)
    if state.base:
        return bool(_base_of(one) == other)
    return NotImplemented


def _special(proxy: RemoteObject, name: str, args: tuple[Any, ...]) -> Any:
    state = _state(proxy)
    link = state.remotes.link
    sent = [link.encode(arg) for arg in args]
    answer = link.request("special", ["@", state.number], name, sent, may_stop=name in ("__next__", "__anext__"))
    return state.remotes.answered(answer, args, {})


def _forward(name: str) -> Callable[..., Any]:
    def method(self: RemoteObject, *args: Any) -> Any:
        if name == "__exit__" and args:  # exceptions do not travel
            args = (args[0], str(args[1]) if args[1] is not None else None, None)
        result = _special(self, name, args)
        if name == "__enter__" and isinstance(result, RemoteObject) and result is not self:
            return result
        return result

    return method


def _forward_operator(name: str) -> Callable[..., Any]:
    """An operator with two sides.

    With plain data only an object of a class that the tests name may come out of it: a number would be an answer given
    in view of the expected one.
    """
    plain_name = name.strip("_")

    def method(self: RemoteObject, other: Any, *rest: Any) -> Any:
        state = _state(self)
        if state.base and not isinstance(other, RemoteObject):
            local = _base_of(self)
            return getattr(type(local), name, lambda *_: NotImplemented)(local, other, *rest)
        if isinstance(other, RemoteObject):
            return _special(self, name, (other, *rest))
        if plain_name in _COMPARED or not _class_states[type(self)].named:
            return NotImplemented
        result = _special(self, name, (other, *rest))
        if result is NotImplemented:
            return result
        if not isinstance(result, RemoteObject):
            raise TypeError(f"{name} of the program's object and plain data gave plain data")
        if result is not self:
            _state(result).mixed = True
        return result

    return method


def _forward_number(name: str) -> Callable[..., Any]:
    def method(self: RemoteObject, *args: Any) -> Any:
        state = _state(self)
        if state.mixed:
            raise TypeError(f"{name} of the program's object that came of plain data")
        if state.base:
            local = _base_of(self)
            return getattr(type(local), name)(local, *args)
        return _special(self, name, args)

    return method


class RemoteFunction:
    """A proxy of a function or method."""

    def __init__(self, remotes: Remotes, number: int, name: str) -> None:
        self.__dict__.update(_remotes=remotes, _number=number, __name__=name, __qualname__=name, __module__="solution")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._remotes.call(self._number, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return self._remotes.attribute(self._number, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._remotes.link.request("setattr", ["@", self._number], name, self._remotes.link.encode(value))

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a class attribute of the tests: a function there becomes a method here as well."""
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<function {self.__dict__['__name__']} of the program>"


class SolutionModule(types.ModuleType):
    """The module `solution`: the program's names."""

    def __init__(self, remotes: Remotes) -> None:
        super().__init__("solution")
        object.__setattr__(self, "_remotes", remotes)

    def __getattr__(self, name: str) -> Any:
        remotes = object.__getattribute__(self, "_remotes")
        if name == "__all__":
            return remotes.listed_names()
        if name in ("__path__", "__wrapped__"):
            raise AttributeError(name)
        return remotes.global_name(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__"):
            object.__setattr__(self, name, value)
        else:
            self._remotes.link.request("setattr", ["@s"], name, self._remotes.link.encode(value))

    def __delattr__(self, name: str) -> None:
        self._remotes.link.request("delattr", ["@s"], name)


class Remotes:
    """All proxies: one for each object, so that identity is kept."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.module = SolutionModule(self)
        self._objects: dict[int, RemoteObject] = {}
        self._functions: dict[int, Any] = {}
        self._classes: dict[int, type] = {}
        self._class_numbers: dict[type, int] = {}
        link.encode_other = self._encode
        link.decode_other = self._decode
        link.make_error = self._error

    def names(self) -> list[str]:
        """All global names of the program."""
        return [str(name) for name in self.link.request("names")[0]]

    def listed_names(self) -> list[str]:
        """What `from solution import *` brings: no name of a builtin, which tests may mean."""
        return [str(name) for name in self.link.request("names")[1] if not hasattr(builtins, str(name))]

    def global_name(self, name: str) -> Any:
        """What the program calls by a name."""
        value = self.link.decode(self.link.request("getattr", ["@s"], name)[0])
        if isinstance(value, RemoteClass):
            self._name(value)
        return value

    def _name(self, kind: type) -> None:
        for one in kind.__mro__:
            if one in _class_states:
                _class_states[one].named = True

    def attribute(self, number: int, name: str) -> Any:
        """An attribute of an object."""
        return self.link.decode(self.link.request("getattr", ["@", number], name)[0])

    def call(self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call something; arguments that it changed in place are changed here too."""
        sent = [self.link.encode(arg) for arg in args]
        named = ["d", *(part for name, value in kwargs.items() for part in (name, self.link.encode(value)))]
        return self.answered(self.link.request("call", ["@", number], sent, named), args, kwargs)

    def answered(self, answer: list[Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Take in a call's result and the arguments that were changed."""
        passed = [*args, *kwargs.values()]
        try:
            result, changed = answer
            for index, data in changed:
                _update(passed[index], self.link.decode(data))
            if isinstance(result, list) and result[0] == "@arg":
                return passed[result[1]]
        except (ValueError, TypeError, IndexError) as error:
            raise CandidateError(f"malformed answer ({type(error).__name__})") from None
        return self.link.decode(result)

    # The codec's hooks ----------------------------------------------------------------------------------------

    def _encode(self, value: Any) -> Any:
        if value is self.module:
            return ["@s"]
        if isinstance(value, RemoteFunction):
            return ["@", value._number]
        if type(value) in _class_states:
            return ["@", _state(value).number]
        if isinstance(value, type) and value in self._class_numbers:
            return ["@", self._class_numbers[value]]
        return None

    def _decode(self, data: list[Any]) -> Any:
        tag = data[0]
        if tag == "@o":
            return self._object(int(data[1]), data[2], data[3] is True)
        if tag == "@c":
            return self._class(data)
        if tag == "@f":
            return self._function(int(data[1]), str(data[2]), data[3] is True)
        if tag == "@g":
            return self._generator(int(data[1]))
        if tag == "@a":
            return self._await(int(data[1]))
        if tag == "@m":
            if data[1] in _LOCAL_MODULES:
                return importlib.import_module(data[1])
            raise CandidateError(f"the program's module {str(data[1])[:50]!r} is out of reach")
        if tag == "@x":
            return builtin_error(data[1])
        if tag == "@e":
            return self._error(data[1], False)
        if tag == "@s":
            return self.module
        if tag == "@h":
            return self.link.handle(int(data[1]))
        raise plain.PlainError("an unknown tag")

    def _object(self, number: int, described: Any, base: bool) -> RemoteObject:
        if number not in self._objects:
            kind = self._class(described)
            if kind not in _class_states:
                raise CandidateError("an object of no class")
            proxy: RemoteObject = object.__new__(kind)
            _states[id(proxy)] = (proxy, _State(self, number, base))
            self._objects[number] = proxy
        return self._objects[number]

    def _class(self, described: Any) -> type:
        number, about = int(described[1]), described[2]
        if number in self._classes:
            return self._classes[number]
        name = str(about["name"])
        bases = [self._decode(base) for base in list(about["bases"])[:20]]
        kind: type
        if about["error"] is True:
            kind = own_error(name, bases)
        else:
            special = [one for one in about["special"] if one in _METHODS]
            space: dict[str, Any] = {one: _METHODS[one] for one in special}
            if about["hash"] is not True:
                space["__hash__"] = None
            space["__doc__"] = about["doc"] if isinstance(about["doc"], str) else None
            space["__module__"] = "solution"
            usable = tuple(base for base in bases if base in _class_states) or (RemoteObject,)
            try:
                kind = type.__new__(RemoteClass, name, usable, space)
            except TypeError:
                kind = type.__new__(RemoteClass, name, (RemoteObject,), space)
            _class_states[kind] = _ClassState(self, number, about["own"] is True)
        self._classes[number] = kind
        self._class_numbers[kind] = number
        return kind

    def _function(self, number: int, name: str, is_coroutine: bool) -> Any:
        if number not in self._functions:
            function: Any = RemoteFunction(self, number, name)
            if is_coroutine:
                remote = function

                async def call(*args: Any, **kwargs: Any) -> Any:
                    return await remote(*args, **kwargs)

                call.__name__ = call.__qualname__ = name
                function = call
            self._functions[number] = function
        return self._functions[number]

    async def _await(self, number: int) -> Any:
        return self.link.decode(self.link.request("await", ["@", number])[0])

    def _generator(self, number: int) -> Any:
        if number not in self._functions:
            self._functions[number] = _generate(self.link, number)
        return self._functions[number]

    def _error(self, error: Any, may_stop: bool) -> Exception:
        """The program's exception as one of the judge's."""
        try:
            name, text, where = str(error["name"]), str(error["text"]), str(error.get("trace") or "")
            if may_stop and error["builtin"][:1] in (["StopIteration"], ["StopAsyncIteration"]):
                return (StopIteration if error["builtin"][0] == "StopIteration" else StopAsyncIteration)()
            kind: type = self._class(error["class"]) if "class" in error else builtin_error(error["builtin"][0])
            if kind is CandidateError or not issubclass(kind, Exception):
                made: Exception = CandidateError(f"{name}: {text}")
            else:
                args = tuple(self.link.decode(arg) for arg in error["args"])
                attributes = {str(key): self.link.decode(value) for key, value in error["attributes"].items()}
                made = make_error(kind, args, attributes, text)
            if where:
                made.add_note(f"in the program: {where}"[:600])
            return made
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as failure:
            return CandidateError(f"a malformed exception ({type(failure).__name__})")


def _generate(link: Link, number: int) -> Generator[Any, Any, Any]:
    sent = None
    while True:
        answer = link.request("resume", ["@", number], "send", link.encode(sent))
        item = link.decode(answer[0])
        if not item:
            return link.decode(answer[1]) if len(answer) > 1 else None
        try:
            sent = yield item[0]
        except GeneratorExit:
            if not link.gone:
                link.request("resume", ["@", number], "close", None)
            raise


def _update(old: Any, new: Any) -> None:
    """Make a container equal to another in place, keeping the containers in it that are still there."""
    if isinstance(old, (list, bytearray)) and isinstance(new, (list, bytearray)):
        if isinstance(old, list) and len(old) == len(new):
            for index, (one, other) in enumerate(zip(old, new, strict=True)):
                old[index] = _merged(one, other)
        else:
            old[:] = new
    elif isinstance(old, dict) and isinstance(new, dict):
        merged = {key: _merged(old[key], value) if key in old else value for key, value in new.items()}
        old.clear()
        old.update(merged)
    elif isinstance(old, set) and isinstance(new, set):
        old.clear()
        old.update(new)
    elif isinstance(old, collections.deque) and isinstance(new, collections.deque):
        old.clear()
        old.extend(new)


def _merged(old: Any, new: Any) -> Any:
    if type(old) is type(new) and isinstance(old, (list, dict, set, bytearray)):
        _update(old, new)
        return old
    return new


_METHODS: dict[str, Any] = {}
for _name in ("len length_hint iter next reversed getitem setitem delitem contains call str repr format bool neg pos "
              "invert enter exit bytes missing").split():  # fmt: skip
    _METHODS[f"__{_name}__"] = _forward(f"__{_name}__")
for _name in (*_COMPARED, *_SUMS, *_UPDATES):
    _METHODS[f"__{_name}__"] = _forward_operator(f"__{_name}__")
for _name in _NUMERIC:
    _METHODS[f"__{_name}__"] = _forward_number(f"__{_name}__")
