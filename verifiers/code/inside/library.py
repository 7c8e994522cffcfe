"""What of the standard library means the same on both sides: exception classes, slices and paths.

They are written with these tags:

    "@x" [name]             a builtin exception class
    "@x" [name, module]     an exception class of a module of the library
    "@v" [kind, part...]    a slice, or a path without what the file system says of it
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Callable
from typing import Any

_ERROR_MODULES = frozenset(
    "_csv _pickle _queue argparse ast asyncio.exceptions asyncio.queues binascii concurrent.futures._base configparser "
    "copy csv dataclasses decimal email.errors enum getopt graphlib http.client inspect io json.decoder lzma netrc "
    "pickle queue re shutil socket sqlite3 ssl statistics string struct subprocess tarfile threading tokenize "
    "urllib.error uuid xml.etree.ElementTree xml.parsers.expat zipfile zlib zoneinfo zoneinfo._common".split()
)
_PATHS = ("PosixPath", "PurePosixPath", "PureWindowsPath")


def write_error_class(kind: type) -> list[Any] | None:
    """How an exception class is written that both sides have; None: it is no such class."""
    module, name = kind.__module__, kind.__name__
    if not issubclass(kind, BaseException):
        return None
    if module == "builtins":
        return ["@x", name] if getattr(builtins, name, None) is kind else None
    known = type(module) is str and module in _ERROR_MODULES
    return ["@x", name, module] if known and getattr(sys.modules.get(module), name, None) is kind else None


def library_error(name: Any, module: Any) -> type[Exception] | None:
    """The exception class of a name in a module of the library; only of modules that are safe to import."""
    if type(name) is not str or type(module) is not str or module not in _ERROR_MODULES:
        return None
    try:
        kind = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None
    usable = isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, (StopIteration, Warning))
    return kind if usable and kind.__module__ == module else None


def write_value(value: Any, encode: Callable[[Any], Any]) -> list[Any] | None:
    """How a slice or a path is written; None: it is neither."""
    if type(value) is slice:
        return ["@v", "slice", encode(value.start), encode(value.stop), encode(value.step)]
    name = type(value).__name__
    if name in _PATHS and type(value) is getattr(sys.modules.get("pathlib"), name, None):
        return ["@v", name, str(value)]
    return None


def read_value(data: list[Any], decode: Callable[[Any], Any]) -> Any:
    """The slice or path that was written.

    Raises:
        ValueError: it is neither.
    """
    if data[1] == "slice":
        return slice(*(decode(part) for part in data[2:5]))
    if data[1] not in _PATHS or type(data[2]) is not str:
        raise ValueError("neither a slice nor a path")
    return getattr(importlib.import_module("pathlib"), data[1])(data[2])
