"""Things of the judge, as the program sees them: what may be called, iterated, or looked at by public names.

A handle carries a number and nothing else; whatever is done with it is done by the judge, which refuses private names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Ask = Callable[..., Any]
"""Ask the judge: a verb, the number of the thing, the rest."""


class Handle:
    """Stands for something of the judge. Its own state is out of the program's namespace."""

    __slots__ = ("__weakref__", "_ask", "_number")

    def __init__(self, ask: Ask, number: int) -> None:
        self._ask: Ask
        self._number: int
        object.__setattr__(self, "_ask", ask)
        object.__setattr__(self, "_number", number)

    @staticmethod
    def number_of(handle: Handle) -> int:
        """Its number."""
        number: int = object.__getattribute__(handle, "_number")
        return number


class CallHandle(Handle):
    """A function of the tests: it can be called."""

    __slots__ = ("__name__", "__qualname__")

    def __init__(self, ask: Ask, number: int, name: str) -> None:
        super().__init__(ask, number)
        self.__name__ = self.__qualname__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("hcall", self._number, args, kwargs)


def _special(name: str) -> Any:
    def method(self: Handle, *args: Any) -> Any:
        return self._ask("hop", self._number, args, name)

    method.__name__ = name
    return method


class ObjectHandle(Handle):
    """An object of the tests' own class: public attributes and methods."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._ask("hget", self._number, (name,), {})

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("hset", self._number, (name, value), {})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("hcall", self._number, args, kwargs)


OBJECT_SPECIAL = tuple(f"__{name}__" for name in (
    "len iter next getitem setitem delitem contains str repr bool hash eq ne lt le gt ge add sub mul truediv radd rsub "
    "rmul neg abs int float index enter exit"
).split())  # fmt: skip
for _name in OBJECT_SPECIAL:
    setattr(ObjectHandle, _name, _special(_name))


def iterate(handle: CallHandle) -> Iterator[Any]:
    """A generator over an iterator of the tests."""
    while True:
        more = handle._ask("hnext", handle._number, (), {})
        if not more:
            return
        yield more[0]


def coroutine_function(handle: CallHandle) -> Callable[..., Any]:
    """A coroutine function of the tests."""

    async def call(*args: Any, **kwargs: Any) -> Any:
        return handle(*args, **kwargs)

    return call


def make_attribute(kind: str, values: list[Any]) -> Any:
    """An attribute for a class of the tests, out of handles."""
    if kind == "property":
        return property(*values)
    if kind == "static":
        return staticmethod(values[0])
    if kind == "plain":
        return values[0]
    function = values[0]

    def method(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return classmethod(method) if kind == "class" else method
