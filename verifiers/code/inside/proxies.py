"""Proxies of the program's functions, classes and objects, and of its module, in the judge.

Only the program knows what its objects do, so most of what is done with a proxy is asked of it. What it is never asked:
whether one of its objects equals plain data (it does not), is less than or greater than it, or what plain number comes
of the two, or, unless the tests name its class, what is in it, what it begins with, and so on. Two objects of the
program are compared by the program: there is nobody else who could.

An instance of a subclass of list, dict, int... is compared and counted by the data below it, fetched as such.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from verifiers.code.inside import plain
from verifiers.code.inside.errors import CandidateError

if TYPE_CHECKING:
    from verifiers.code.inside.remote import Remotes

_COMPARED = ("lt", "le", "gt", "ge")
_SUMS = tuple(
    prefix + name
    for name in "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or".split()
    for prefix in ("", "r")
)
_UPDATES = tuple("i" + name for name in _SUMS[::2] if name != "divmod")
_TELLING = frozenset(
    "startswith endswith find rfind rindex index count issubset issuperset isdisjoint difference symmetric_difference "
    "intersection is_integer".split()
) | {name for name in dir(str) if name.startswith("is")}
"""Methods of plain data that answer in view of what is expected, or with yes or no."""
_NUMERIC = ("abs", "round", "trunc", "floor", "ceil", "int", "float", "complex", "index")


class RemoteClass(type):
    """The class of proxies of one of the program's classes. Calling it makes an object there.

    A class statement of the tests over such a class makes a class there too, with the tests' functions as its methods.
    """

    def __new__(mcs, name: str, bases: tuple[type, ...], space: dict[str, Any], **options: Any) -> RemoteClass:
        made = super().__new__(mcs, name, bases, space)
        known = next((class_states[base] for base in bases if base in class_states), None)
        if known is not None:
            known.remotes.subclass(made, name, bases, space)
        return made

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        state = class_states[cls]
        return state.remotes.call(state.number, args, kwargs)

    def __getattr__(cls, name: str) -> Any:
        state = class_states.get(cls)
        if state is None or name in ("__abstractmethods__", "__set_name__"):
            raise AttributeError(name)
        return state.remotes.attribute(state.number, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        state = class_states[cls]
        state.remotes.link.request("setattr", ["@", state.number], name, state.remotes.link.encode(value))

    def __delattr__(cls, name: str) -> None:
        state = class_states[cls]
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


class ClassState:
    """What is known of a proxy's class."""

    def __init__(self, remotes: Remotes, number: int) -> None:
        self.remotes = remotes
        self.number = number
        self.named = False
        """Whether the tests speak of this class by its name, and not as if it were a function."""


class_states: dict[type, ClassState] = {}


class RemoteObject(metaclass=RemoteClass):
    """A proxy of an object."""

    def __getattribute__(self, name: str) -> Any:
        if name in LOCAL_NAMES:
            return object.__getattribute__(self, name)
        if name in METHODS:  # only the guarded one
            return object.__getattribute__(self, name)
        state = state_of(self)
        if name in _TELLING and not class_states[type(self)].named:
            if state.base:
                local = _base_of(self)
                if hasattr(local, name):
                    return getattr(local, name)
            value = state.remotes.attribute(state.number, name)
            if callable(value):
                raise TypeError(f"{name}() of an object whose class the tests do not name")
            return value
        return state.remotes.attribute(state.number, name)

    def __setattr__(self, name: str, value: Any) -> None:
        state = state_of(self)
        state.remotes.link.request("setattr", ["@", state.number], name, state.remotes.link.encode(value))

    def __delattr__(self, name: str) -> None:
        state = state_of(self)
        state.remotes.link.request("delattr", ["@", state.number], name)

    def __dir__(self) -> list[str]:
        state = state_of(self)
        return [
            str(name) for name in state.remotes.link.decode(state.remotes.link.request("dir", ["@", state.number])[0])
        ]

    def __copy__(self) -> Any:
        return state_of(self).remotes.copy(state_of(self).number, False)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return state_of(self).remotes.copy(state_of(self).number, True)

    def __eq__(self, other: object) -> Any:
        return _equal(self, other)

    def __ne__(self, other: object) -> Any:
        equal = _equal(self, other)
        return equal if equal is NotImplemented else not equal

    def __hash__(self) -> int:
        state = state_of(self)
        if state.base:
            return hash(_base_of(self))
        return int(_special(self, "__hash__", ()))


LOCAL_NAMES = frozenset({"__class__", "__dir__", "__eq__", "__ne__", "__hash__", "__setattr__", "__delattr__",
                          "__getattribute__", "__init_subclass__", "__subclasshook__", "__reduce__", "__reduce_ex__",
                          "__sizeof__", "__copy__", "__deepcopy__"})  # fmt: skip


class ObjectState:
    """What is known of a proxy; kept beside it, so that all its attributes are the real object's."""

    def __init__(self, remotes: Remotes, number: int, base: bool) -> None:
        self.remotes = remotes
        self.number = number
        self.base = base
        """Whether there is plain data below it."""
        self.mixed = False
        """Whether it came of an operation with plain data."""
        self.told: tuple[Any, int] | None = None
        """The length that it told last, and how often the program had been asked by then."""


object_states: dict[int, tuple[RemoteObject, ObjectState]] = {}


def state_of(proxy: RemoteObject) -> ObjectState:
    """The state of a proxy."""
    return object_states[id(proxy)][1]


def _base_of(proxy: RemoteObject) -> Any:
    state = state_of(proxy)
    data = state.remotes.link.request("base", ["@", state.number])[0]
    try:
        return plain.decode(data)
    except plain.PlainError as error:
        raise CandidateError(str(error)) from None


def _equal(one: RemoteObject, other: Any) -> Any:
    if one is other:
        return True
    state = state_of(one)
    if isinstance(other, RemoteObject):
        if state.base and state_of(other).base:
            return bool(_base_of(one) == _base_of(other))
        return bool(_special(one, "__eq__", (other,)) is True)
    if state.base:
        return bool(_base_of(one) == other)
    return NotImplemented


def _special(proxy: RemoteObject, name: str, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Any:
    state = state_of(proxy)
    link = state.remotes.link
    named = kwargs or {}
    sent, sent_named = state.remotes.arguments(args, named)
    may_stop = name in ("__next__", "__anext__")
    answer = link.request("special", ["@", state.number], name, sent, sent_named, may_stop=may_stop)
    return state.remotes.answered(answer, args, named)


def _forward(name: str) -> Callable[..., Any]:
    def method(self: RemoteObject, *args: Any, **kwargs: Any) -> Any:
        if name != "__exit__" or not args:
            return _special(self, name, args, kwargs)
        error = args[1] if len(args) > 1 else None
        handled = _special(self, name, (None, error, None), kwargs)
        # A failed assertion of the tests is not for the program to forgive.
        return handled if isinstance(error, Exception) and not isinstance(error, AssertionError) else False

    return method


def unbound(remotes: Remotes, number: int, name: str) -> Callable[..., Any]:
    """A method as its class has it, for `super()` in a class of the tests."""

    def method(*args: Any, **kwargs: Any) -> Any:
        function = remotes.attribute(number, name)
        return function(*args, **kwargs)

    method.__name__ = method.__qualname__ = name
    return method


def _forward_operator(name: str) -> Callable[..., Any]:
    """An operator with two sides.

    With plain data only an object of a class that the tests name may come out of it: a number would be an answer given
    in view of the expected one.
    """
    plain_name = name.strip("_")

    def method(self: RemoteObject, other: Any, *rest: Any) -> Any:
        state = state_of(self)
        if state.base and not isinstance(other, RemoteObject):
            local = _base_of(self)
            return getattr(type(local), name, lambda *_: NotImplemented)(local, other, *rest)
        if isinstance(other, RemoteObject):
            return _special(self, name, (other, *rest))
        if plain_name in _COMPARED or not class_states[type(self)].named:
            return NotImplemented
        result = _special(self, name, (other, *rest))
        if result is NotImplemented:
            return result
        if not isinstance(result, RemoteObject):
            raise TypeError(f"{name} of the program's object and plain data gave plain data")
        if result is not self or plain_name not in _UPDATES:
            state_of(result).mixed = True
        return result

    return method


def _contains(self: RemoteObject, item: Any) -> Any:
    """Whether plain data is in an object of an unnamed class is found here, from what it gives when iterated."""
    if isinstance(item, RemoteObject) or class_states[type(self)].named:
        return _special(self, "__contains__", (item,))
    if state_of(self).base:
        return item in _base_of(self)
    return any(one is item or one == item for one in iter(self))


def _has_length(proxy: RemoteObject) -> bool:
    """Whether its class has a length, and is not named: what such an object holds has to agree with it.

    Else a test that counts first and then looks at each would be passed by nothing at all.
    """
    kind = type(proxy)
    return not class_states[kind].named and any("__len__" in vars(one) for one in kind.__mro__)


def _length(self: RemoteObject) -> Any:
    """Asked twice in a row, an object cannot tell two lengths."""
    state = state_of(self)
    before = state.told
    asked = state.remotes.link.requests
    length = _special(self, "__len__", ())
    if _has_length(self):
        if before is not None and before[1] == asked and before[0] != length:
            raise TypeError("an object whose class the tests do not name told two lengths")
        state.told = (length, state.remotes.link.requests)
    return length


def _all_items(name: str) -> Callable[..., Any]:
    def method(self: RemoteObject) -> Any:
        if not _has_length(self):
            return _special(self, name, ())
        length = len(self)
        items = _special(self, name, ())
        found: list[Any] = []
        while len(found) <= length and (one := next(items, _NO_MORE)) is not _NO_MORE:
            found.append(one)
        if len(found) != length:
            raise TypeError(f"{name} of an object whose class the tests do not name gave not as many as its length")
        return iter(found)

    return method


_NO_MORE = object()


def _item(self: RemoteObject, index: Any) -> Any:
    try:
        return _special(self, "__getitem__", (index,))
    except IndexError:  # ends the loop over an object without `__iter__`
        if isinstance(index, int) and _has_length(self) and -len(self) <= index < len(self):
            raise TypeError("no item at an index below the length, and the tests do not name the class") from None
        raise


def _truth(self: RemoteObject) -> Any:
    if state_of(self).mixed:
        raise TypeError("the truth of the program's object that came of plain data")
    return _special(self, "__bool__", ())


def _same_sign(name: str) -> Callable[..., Any]:
    def method(self: RemoteObject) -> Any:
        mixed = state_of(self).mixed
        result = _special(self, name, ())
        if mixed:
            if not isinstance(result, RemoteObject):
                raise TypeError(f"{name} of the program's object that came of plain data")
            state_of(result).mixed = True
        return result

    return method


def _forward_number(name: str) -> Callable[..., Any]:
    def method(self: RemoteObject, *args: Any) -> Any:
        state = state_of(self)
        if state.mixed:
            raise TypeError(f"{name} of the program's object that came of plain data")
        if state.base:
            local = _base_of(self)
            return getattr(type(local), name)(local, *args)
        return _special(self, name, args)

    return method


class RemoteFunction:
    """A proxy of a function or method."""

    def __init__(self, remotes: Remotes, number: int, name: str, text: str | None = None) -> None:
        self.__dict__.update(_remotes=remotes, _number=number, __name__=name, __qualname__=name, __module__="solution")
        self.__dict__["__doc__"] = text

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._remotes.call(self._number, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return self._remotes.attribute(self._number, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._remotes.link.request("setattr", ["@", self._number], name, self._remotes.link.encode(value))

    def __delattr__(self, name: str) -> None:
        self._remotes.link.request("delattr", ["@", self._number], name)

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


METHODS: dict[str, Any] = {}
for _name in "length_hint next setitem delitem call str repr format enter exit bytes missing".split():
    METHODS[f"__{_name}__"] = _forward(f"__{_name}__")
METHODS |= {"__contains__": _contains, "__bool__": _truth, "__len__": _length, "__getitem__": _item}
for _name in ("iter", "reversed"):
    METHODS[f"__{_name}__"] = _all_items(f"__{_name}__")
for _name in ("neg", "pos", "invert"):
    METHODS[f"__{_name}__"] = _same_sign(f"__{_name}__")
for _name in (*_COMPARED, *_SUMS, *_UPDATES):
    METHODS[f"__{_name}__"] = _forward_operator(f"__{_name}__")
for _name in _NUMERIC:
    METHODS[f"__{_name}__"] = _forward_number(f"__{_name}__")
