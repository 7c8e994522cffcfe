"""Plain data as JSON: exact base types out, exact base types in, whatever classes stood in between.

None, bool, int, float and str are themselves; all else is a list that begins with a tag. A subclass is written as its
base, by the base's own methods, so that no overridden `__eq__`, `__len__` or `__iter__` travels. Depth and size are
bounded on both sides, and decoding never runs anything but constructors of the types named here.
"""

from __future__ import annotations

import builtins
import collections
import datetime
import decimal
import fractions
import functools
import math
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any

MAX_DEPTH = 256
MAX_ITEMS = 4_000_000
MAX_NUMBER = 100_000
"""Digits of a Decimal, bits of a Fraction's parts: what is computed with them takes longer than their length."""
MAX_SAME_HASH = 200
"""Keys of one dict or set that may share a hash; more would be made on purpose."""
MAX_ITERATED = 1_000_000

_WORD = 1 << 63
_ODD = {"Ellipsis": Ellipsis, "NotImplemented": NotImplemented}
_VIEWS = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}
_DICTS: dict[str, Callable[[], Any]] = {
    "d": dict,
    "C": collections.Counter,
    "O": collections.OrderedDict,
    "X": collections.defaultdict,
}

Hook = Callable[[Any], Any]
"""Encodes what is no exact base type, or returns None."""


class PlainError(Exception):
    """A value is no plain data, or out of bounds."""


class Eager(list[Any]):
    """What an iterator gave, in a place where iterators are taken to their end. Equal to nothing but itself."""

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other


def builtin_types() -> dict[str, type]:
    """Types that mean the same on both sides, by name: builtin ones, and some of the library."""
    found = {name: kind for name, kind in vars(builtins).items() if isinstance(kind, type) and not name.startswith("_")}
    for kind in (collections.Counter, collections.OrderedDict, collections.defaultdict, collections.deque,
                 decimal.Decimal, fractions.Fraction, datetime.date, datetime.datetime, datetime.time,
                 datetime.timedelta, types.NoneType):  # fmt: skip
        found[kind.__name__] = kind
    return found


_TYPES = builtin_types()
_TYPE_NAMES = {kind: name for name, kind in _TYPES.items()}


def encode(value: Any, other: Hook | None = None) -> Any:
    """A value as data for JSON.

    Args:
        value: anything.
        other: asked about whatever is not exactly of a base type.

    Raises:
        PlainError: something in it is no plain data, or it is too deep, too large or contains itself.
    """
    try:
        return _Encoder(other).encode(value, 0)
    except RecursionError:
        raise PlainError("too deeply nested") from None


def decode(data: Any, other: Callable[[list[Any]], Any] | None = None) -> Any:
    """The value that `encode` wrote.

    Args:
        data: what JSON gave; from a side that is not trusted it may be anything.
        other: asked about lists with an unknown tag; raises `PlainError` for those that it does not know.

    Raises:
        PlainError: it is malformed or out of bounds.
    """
    try:
        return _Decoder(other).decode(data, 0)
    except (TypeError, ValueError, LookupError, ArithmeticError, RecursionError, AttributeError) as error:
        raise PlainError(f"malformed data ({type(error).__name__})") from None


class _Encoder:
    def __init__(self, other: Hook | None) -> None:
        self.other = other
        self.items = 0
        self.inside: set[int] = set()

    def encode(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return value if -_WORD < value < _WORD else ["i", hex(value)]
        if kind is str:
            return _text(value)
        if kind is float:
            return value if math.isfinite(value) else ["f", repr(value)]
        self.items += 1
        if depth > MAX_DEPTH or self.items > MAX_ITEMS:
            raise PlainError("too deeply nested" if depth > MAX_DEPTH else "too large")
        if kind not in _ENCODERS and self.other is not None:
            replaced = self.other(value)
            if replaced is not None:
                return replaced
        if id(value) in self.inside:
            raise PlainError("it contains itself")
        self.inside.add(id(value))
        try:
            if kind is list or kind is tuple:  # one frame a level
                encoded: list[Any] = ["l" if kind is list else "t"]
                for item in value:
                    encoded.append(self.encode(item, depth + 1))  # noqa: PERF401
                self.items += len(encoded)
                return encoded
            encoder = _ENCODERS.get(kind) or _base_encoder(value)
            return encoder(self, value, depth + 1)
        finally:
            self.inside.discard(id(value))

    def each(self, tag: str, values: Iterable[Any], depth: int) -> list[Any]:
        encoded: list[Any] = [tag]
        for value in values:
            kind = type(value)
            if kind is bool or (kind is int and -_WORD < value < _WORD):
                encoded.append(value)
                self.items += 1
            else:
                encoded.append(self.encode(value, depth))
        if self.items > MAX_ITEMS:
            raise PlainError("too large")
        return encoded

    def pairs(self, tag: str, value: dict[Any, Any], depth: int) -> list[Any]:
        return self.each(tag, (part for pair in dict.items(value) for part in pair), depth)


def _text(value: str) -> Any:
    try:
        value.isascii() or value.encode()
    except UnicodeEncodeError:
        return ["s", value.encode("utf-8", "surrogatepass").hex()]
    return value


def _sequence(tag: str, base: type) -> Callable[[_Encoder, Any, int], Any]:
    iterate = base.__iter__  # type: ignore[attr-defined]
    return lambda encoder, value, depth: encoder.each(tag, iterate(value), depth)


def _deque(encoder: _Encoder, value: Any, depth: int) -> Any:
    maxlen = collections.deque.maxlen.__get__(value)
    return encoder.each("q", [maxlen, *collections.deque.__iter__(value)], depth)


def _offset(value: Any) -> Any:
    offset = value.utcoffset() if value.tzinfo is not None else None
    return None if offset is None else [offset.days, offset.seconds, offset.microseconds]


_numerator: Callable[[Any], int] = vars(fractions.Fraction)["numerator"].fget
_denominator: Callable[[Any], int] = vars(fractions.Fraction)["denominator"].fget


def _datetime(_: _Encoder, v: Any, __: int) -> Any:
    return ["dt", v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond, _offset(v), v.fold]


def _time(_: _Encoder, v: Any, __: int) -> Any:
    return ["tm", v.hour, v.minute, v.second, v.microsecond, _offset(v), v.fold]


def _type(_: _Encoder, value: Any, __: int) -> Any:
    if value not in _TYPE_NAMES:
        raise PlainError(f"the class {value.__name__} is no plain data")
    return ["T", _TYPE_NAMES[value]]


_BASES: dict[type, Callable[[_Encoder, Any, int], Any]] = {
    # In this order for subclasses: the most special base first.
    int: lambda e, v, d: e.encode(int.__add__(v, 0), d),
    float: lambda e, v, d: e.encode(float.__float__(v), d),
    complex: lambda e, v, d: ["c", *(e.encode(part.__get__(v), d) for part in (complex.real, complex.imag))],
    str: lambda e, v, d: _text(str.__str__(v)),
    bytes: lambda e, v, d: ["b", bytes.hex(v)],
    bytearray: lambda e, v, d: ["B", bytearray.hex(v)],
    list: _sequence("l", list),
    tuple: _sequence("t", tuple),
    collections.Counter: lambda e, v, d: e.pairs("C", v, d),
    collections.OrderedDict: lambda e, v, d: e.pairs("O", v, d),
    collections.defaultdict: lambda e, v, d: e.pairs("X", v, d),
    dict: lambda e, v, d: e.pairs("d", v, d),
    set: _sequence("S", set),
    frozenset: _sequence("F", frozenset),
    collections.deque: _deque,
    decimal.Decimal: lambda e, v, d: ["D", decimal.Decimal.__str__(v)],
    fractions.Fraction: lambda e, v, d: [
        "Q",
        hex(int(_numerator(v))),
        hex(int(_denominator(v))),
    ],
    datetime.datetime: _datetime,
    datetime.date: lambda e, v, d: ["da", v.year, v.month, v.day],
    datetime.time: _time,
    datetime.timedelta: lambda e, v, d: ["td", v.days, v.seconds, v.microseconds],
}
_ENCODERS: dict[type, Callable[[_Encoder, Any, int], Any]] = {
    **_BASES,
    range: lambda e, v, d: ["r", *(hex(part) for part in (v.start, v.stop, v.step))],
    type(Ellipsis): lambda e, v, d: ["E", "Ellipsis"],
    type(NotImplemented): lambda e, v, d: ["E", "NotImplemented"],
    **dict.fromkeys(_VIEWS, lambda e, v, d: e.each("K", [_VIEWS[type(v)], *v], d)),
}


def _base_encoder(value: Any) -> Callable[[_Encoder, Any, int], Any]:
    kind = type(value)
    if issubclass(kind, tuple) and _fields_of(kind):
        return _named_tuple
    for base, encoder in _BASES.items():
        if issubclass(kind, base):
            return encoder
    if issubclass(kind, type):
        return _type
    if hasattr(kind, "__next__") and hasattr(kind, "__iter__"):
        return _iterator
    raise PlainError(f"an object of the class {kind.__name__} is no plain data")


def _fields_of(kind: type) -> tuple[str, ...]:
    fields = getattr(kind, "_fields", None)
    return fields if isinstance(fields, tuple) and all(type(name) is str for name in fields) else ()


def _named_tuple(encoder: _Encoder, value: Any, depth: int) -> Any:
    kind = type(value)
    return encoder.each("N", [kind.__name__, ",".join(_fields_of(kind)), *tuple.__iter__(value)], depth)


def _iterator(encoder: _Encoder, value: Iterator[Any], depth: int) -> Any:
    taken = []
    for item in value:
        taken.append(item)
        if len(taken) > MAX_ITERATED:
            raise PlainError(f"an iterator of more than {MAX_ITERATED} items")
    return encoder.each("I", taken, depth)


class _Decoder:
    def __init__(self, other: Callable[[list[Any]], Any] | None) -> None:
        self.other = other
        self.left = 2 * MAX_ITEMS + 2  # an item, and the tag of the one that holds it

    def decode(self, data: Any, depth: int) -> Any:
        if not isinstance(data, list):
            if isinstance(data, dict):
                raise PlainError("malformed data (dict)")
            return data
        if depth > MAX_DEPTH + 2:
            raise PlainError("too deeply nested")
        self.left -= len(data)
        if self.left < 0:
            raise PlainError(f"more than {MAX_ITEMS} items")
        tag = data[0]
        if tag == "l" or tag == "t":  # one frame a level
            items: list[Any] = []
            for item in data[1:]:
                items.append(self.decode(item, depth + 1))  # noqa: PERF401
            return items if tag == "l" else tuple(items)
        if tag in _DICTS:
            return self.mapping(_DICTS[tag](), data, depth)
        decoder = _DECODERS.get(tag)
        if decoder is not None:
            return decoder(self, data, depth)
        if self.other is None:
            raise PlainError(f"{str(tag)[:20]} is no plain data")
        return self.other(data)

    def rest(self, data: list[Any], depth: int, start: int = 1) -> list[Any]:
        return [self.decode(x, depth + 1) if isinstance(x, (list, dict)) else x for x in data[start:]]

    def mapping(self, into: Any, data: list[Any], depth: int) -> Any:
        items = self.rest(data, depth)
        keys = items[0::2]
        _check_hashes(keys)
        for key, value in zip(keys, items[1::2], strict=True):
            into[key] = value
        return into

    def keys(self, data: list[Any], depth: int) -> list[Any]:
        items = self.rest(data, depth)
        _check_hashes(items)
        return items


def _check_hashes(keys: list[Any]) -> None:
    """Many keys of one hash would take time by their number squared."""
    if len(keys) > MAX_SAME_HASH:
        counts: dict[int, int] = collections.Counter(map(hash, keys))
        if max(counts.values()) > MAX_SAME_HASH:
            raise PlainError("keys that all have one hash")


def _number(text: str) -> int:
    return int(text, 16)


def _small_number(text: str) -> int:
    if len(text) > MAX_NUMBER // 4:
        raise PlainError("a number too large")
    return int(text, 16)


def _decimal(_: _Decoder, data: list[Any], __: int) -> decimal.Decimal:
    if len(data[1]) > MAX_NUMBER:
        raise PlainError("a number too large")
    return decimal.Decimal(str(data[1]))


def _named(decoder: _Decoder, data: list[Any], depth: int) -> Any:
    name, fields, *values = decoder.rest(data, depth)
    if len(fields) > _MAX_FIELDS:
        return tuple(values)
    kind = _tuple_class(str(name), str(fields))
    return tuple.__new__(kind, values) if len(values) == len(kind._fields) else tuple(values)  # type: ignore[attr-defined]


_MAX_FIELDS = 2000


@functools.lru_cache(maxsize=100)
def _tuple_class(name: str, fields: str) -> type:
    return collections.namedtuple(name, fields.split(","))  # checks that the names are identifiers and no keywords


def _view(decoder: _Decoder, data: list[Any], depth: int) -> Any:
    name, *items = decoder.rest(data, depth)
    if name == "values":
        return dict(enumerate(items)).values()
    _check_hashes([item[0] for item in items] if name == "items" else items)
    return dict(items).items() if name == "items" else dict.fromkeys(items).keys()


def _zone(offset: list[Any] | None) -> datetime.tzinfo | None:
    return None if offset is None else datetime.timezone(datetime.timedelta(*offset))


_DECODERS: dict[Any, Callable[[_Decoder, list[Any], int], Any]] = {
    "i": lambda d, x, n: _number(x[1]),
    "f": lambda d, x, n: {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[x[1]],
    "s": lambda d, x, n: bytes.fromhex(x[1]).decode("utf-8", "surrogatepass"),
    "b": lambda d, x, n: bytes.fromhex(x[1]),
    "B": lambda d, x, n: bytearray.fromhex(x[1]),
    "c": lambda d, x, n: complex(float(d.decode(x[1], n)), float(d.decode(x[2], n))),
    "S": lambda d, x, n: set(d.keys(x, n)),
    "F": lambda d, x, n: frozenset(d.keys(x, n)),
    "q": lambda d, x, n: collections.deque(d.rest(x, n, 2), x[1]),
    "D": _decimal,
    "Q": lambda d, x, n: fractions.Fraction(_small_number(x[1]), _small_number(x[2])),
    "r": lambda d, x, n: range(*map(_number, x[1:])),
    "N": _named,
    "I": lambda d, x, n: Eager(d.rest(x, n)),
    "K": _view,
    "E": lambda d, x, n: _ODD[x[1]],
    "T": lambda d, x, n: _TYPES[x[1]],
    "dt": lambda d, x, n: datetime.datetime(*x[1:8]).replace(tzinfo=_zone(x[8]), fold=x[9]),
    "da": lambda d, x, n: datetime.date(*x[1:]),
    "tm": lambda d, x, n: datetime.time(*x[1:5]).replace(tzinfo=_zone(x[5]), fold=x[6]),
    "td": lambda d, x, n: datetime.timedelta(*x[1:]),
}
