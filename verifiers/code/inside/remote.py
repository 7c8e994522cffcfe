"""The table of all proxies, and how what the program sends becomes one of them."""

from __future__ import annotations

import builtins
import collections
import dataclasses
import importlib
import inspect
import types
import unittest
from collections.abc import Generator
from typing import Any

from verifiers.code.inside import plain
from verifiers.code.inside.errors import CandidateError, CandidateExit, builtin_error, make_error, own_error
from verifiers.code.inside.library import library_error, read_value
from verifiers.code.inside.link import Link
from verifiers.code.inside.proxies import (
    LOCAL_NAMES,
    METHODS,
    ClassState,
    ObjectState,
    RemoteClass,
    RemoteFunction,
    RemoteObject,
    SolutionModule,
    class_states,
    object_states,
    state_of,
    unbound,
)

_LOCAL_MODULES = frozenset(
    "math cmath itertools functools collections random string re datetime typing heapq bisect operator statistics "
    "decimal fractions json copy time sys os io unittest pytest dataclasses enum abc contextlib textwrap".split()
)

_DUNDERS = frozenset({"__init__", "__post_init__", "__call__"})
"""What else of this form a class may have that is asked of the program, for `super()` in a class of the tests."""


class Remotes:
    """All proxies: one for each object, so that identity is kept."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.module = SolutionModule(self)
        self._objects: dict[int, RemoteObject] = {}
        self._functions: dict[int, Any] = {}
        self._classes: dict[int, type] = {}
        self._class_numbers: dict[type, int] = {}
        self._mentioned: set[str] = set()
        link.encode_other = self._encode
        link.decode_other = self._decode
        link.make_error = self._error

    def names(self) -> list[str]:
        """All global names of the program."""
        return [str(name) for name in self.link.request("names")[0]]

    def listed_names(self) -> list[str]:
        """What `from solution import *` brings: no name that tests may mean for a builtin or a module."""
        return [
            str(name)
            for name in self.link.request("names")[1]
            if not hasattr(builtins, str(name)) and name not in _LOCAL_MODULES
        ]

    def lend(self, mentioned: set[str]) -> None:
        """Make names of the program that test code uses known everywhere, as if the test code stood below the program.

        Never one that means a builtin; one that means a module of the library is that module, whatever else it is.
        """
        self._mentioned = mentioned
        for name in self.names():
            if name not in mentioned or hasattr(builtins, name):
                continue
            try:
                value = importlib.import_module(name) if name in _LOCAL_MODULES else self.global_name(name)
            except Exception:  # nothing that can be sent or stood for: the tests see no such name
                continue
            setattr(builtins, name, value)

    def global_name(self, name: str) -> Any:
        """What the program calls by a name."""
        value = self.link.decode(self.link.request("getattr", ["@s"], name)[0])
        # What is written as a function is one to the tests, and `Solution` only holds functions.
        is_class = name in self._mentioned and name.lstrip("_")[:1].isupper() and name != "Solution"
        if isinstance(value, RemoteClass) and is_class:
            self._name(value)
        return value

    def _name(self, kind: type) -> None:
        for one in kind.__mro__:
            if one in class_states:
                class_states[one].named = True

    def attribute(self, number: int, name: str) -> Any:
        """An attribute of an object."""
        if name == "__signature__":
            return self._signature(number)
        if name == "__dataclass_fields__":  # with the library's own markers, which are known by identity
            names = [str(field) for field in self.link.decode(self.link.request("getattr", ["@", number], name)[0])]
            return vars(dataclasses.make_dataclass("Fields", names))[name]
        return self.link.decode(self.link.request("getattr", ["@", number], name)[0])

    def _signature(self, number: int) -> inspect.Signature:
        try:
            parameters = []
            for name, kind, default in self.link.request("signature", ["@", number]):
                value = self.link.decode(default[0]) if default else inspect.Parameter.empty
                parameters.append(inspect.Parameter(str(name), inspect._ParameterKind(kind), default=value))
            return inspect.Signature(parameters)
        except Exception:
            raise AttributeError("__signature__") from None

    def copy(self, number: int, deep: bool) -> Any:
        """A copy of an object, which the program makes."""
        return self.link.decode(self.link.request("copy", ["@", number], deep)[0])

    def call(self, number: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call something; arguments that it changed in place are changed here too."""
        sent, named = self.arguments(args, kwargs)
        return self.answered(self.link.request("call", ["@", number], sent, named), args, kwargs)

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], list[Any]]:
        """Arguments as a message has them."""
        named = [part for name, value in kwargs.items() for part in (name, self.link.encode(value))]
        return [self.link.encode(arg) for arg in args], ["d", *named]

    def subclass(self, made: type, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> None:
        """Make a class of the tests known to the program."""
        attributes = []
        for attribute, value in space.items():
            if attribute in ("__module__", "__qualname__", "__classcell__", "__doc__", "__annotations__", "__dict__"):
                continue
            if isinstance(value, types.FunctionType):
                parts: list[Any] = ["method", value]
            elif isinstance(value, property):
                parts = ["property", value.fget, value.fset, value.fdel]
            elif isinstance(value, (staticmethod, classmethod)):
                parts = ["static" if isinstance(value, staticmethod) else "class", value.__func__]
            else:
                parts = ["plain", value]
            attributes.append([attribute, parts[0], *(self.link.encode(part) for part in parts[1:])])
        sent = [self.link.encode(base) for base in bases if base in class_states]
        number = int(self.link.request("subclass", name, sent, attributes)[0][1])
        class_states[made] = ClassState(self, number)
        class_states[made].named = True
        self._classes[number] = made
        self._class_numbers[made] = number

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
        if type(value) in class_states:
            return ["@", state_of(value).number]
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
            return self._function(int(data[1]), str(data[2]), data[3] is True, data[4])
        if tag == "@g":
            return self._generator(int(data[1]))
        if tag == "@a":
            return self._await(int(data[1]))
        if tag == "@m":
            return self._function(int(data[2]), str(data[1]), False, None)
        if tag == "@x":
            return builtin_error(data[1]) if len(data) < 3 else library_error(data[1], data[2]) or CandidateError
        if tag == "@v":
            return read_value(data, self.link.decode)
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
            if kind not in class_states:
                raise CandidateError("an object of no class")
            proxy: RemoteObject = object.__new__(kind)
            object_states[id(proxy)] = (proxy, ObjectState(self, number, base))
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
            special = [one for one in about["special"] if one in METHODS]
            space: dict[str, Any] = {one: METHODS[one] for one in special}
            for one in list(about["methods"])[:500]:
                method = str(one)
                if not method.startswith("__") or not method.endswith("__") or method in _DUNDERS:
                    space.setdefault(method, METHODS.get(method) or unbound(self, number, method))
            for one in LOCAL_NAMES & space.keys():
                del space[one]
            if about["hash"] is not True:
                space["__hash__"] = None
            space["__doc__"] = about["doc"] if isinstance(about["doc"], str) else None
            space["__module__"] = "solution"
            usable = tuple(base for base in bases if base in class_states) or (RemoteObject,)
            try:
                kind = type.__new__(RemoteClass, name, usable, space)
            except TypeError:
                kind = type.__new__(RemoteClass, name, (RemoteObject,), space)
            class_states[kind] = ClassState(self, number)
        self._classes[number] = kind
        self._class_numbers[kind] = number
        return kind

    def _function(self, number: int, name: str, is_coroutine: bool, text: Any) -> Any:
        if number not in self._functions:
            function: Any = RemoteFunction(self, number, name, text if isinstance(text, str) else None)
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

    def _error(self, error: Any, may_stop: bool) -> BaseException:
        """The program's exception as one of the judge's."""
        try:
            if "of_tests" in error:
                own = self.link.errors[int(error["of_tests"])]
                if isinstance(own, Exception) and not isinstance(own, (StopIteration, unittest.SkipTest)):
                    return own
            name, text, where = str(error["name"]), str(error["text"]), str(error.get("trace") or "")
            if may_stop and error["builtin"][:1] in (["StopIteration"], ["StopAsyncIteration"]):
                return (StopIteration if error["builtin"][0] == "StopIteration" else StopAsyncIteration)()
            described = error.get("class", ["@x", error["builtin"][0]])
            if described[0] not in ("@c", "@x"):
                raise ValueError("no class")
            kind: type = self._decode(described)
            if kind is CandidateError or not issubclass(kind, (Exception, CandidateExit)):
                made: BaseException = CandidateError(f"{name}: {text}")
            else:
                args = tuple(self.link.decode(arg) for arg in error["args"])
                attributes = {str(key): self.link.decode(value) for key, value in error["attributes"].items()}
                made = make_error(kind, args, attributes, text)
            made._where = where[:600]  # type: ignore[attr-defined]
            return made
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as failure:
            return CandidateError(f"a malformed exception ({type(failure).__name__})")


def _generate(link: Link, number: int) -> Generator[Any, Any, Any]:
    how: str = "send"
    sent: Any = None
    while True:
        answer = link.request("resume", ["@", number], how, link.encode(sent))
        item = link.decode(answer[0])
        if not item:
            return link.decode(answer[1]) if len(answer) > 1 else None
        try:
            how, sent = "send", (yield item[0])
        except GeneratorExit:
            if not link.gone:
                link.request("resume", ["@", number], "close", None)
            raise
        except BaseException as error:
            how, sent = "throw", error


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
