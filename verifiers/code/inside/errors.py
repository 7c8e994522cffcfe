"""The program's exceptions, made anew on the judge's side.

An exception of the library is the one of its name; one of the program's own classes is a local class of that name over
the nearest such base. Nothing that skips a test or ends a runner can be made this way: `KeyboardInterrupt`,
`unittest.SkipTest`, pytest's outcomes all become `CandidateError`, and so does StopIteration, which would silently end
a loop of the tests. `SystemExit` and `AssertionError` are what they are, so that tests may expect them; every runner
counts them against the program.
"""

from __future__ import annotations

import builtins
from typing import Any


class CandidateError(Exception):
    """The program raised what may not be raised among the tests, or answered what cannot be understood."""


class CandidateGone(BaseException):
    """The program's process has ended; no test code may catch this by `except Exception`."""


class CandidateAssertion(AssertionError):
    """An assert of the program failed: an error of the program, not a wrong answer."""


class CandidateExit(SystemExit):
    """The program called `sys.exit`."""


_REFUSED = (StopIteration, StopAsyncIteration)


def builtin_error(name: str) -> type[BaseException]:
    """The builtin exception of a name, where the tests may see it; else `CandidateError`."""
    if name in ("SystemExit", "AssertionError"):
        return CandidateExit if name == "SystemExit" else CandidateAssertion
    kind = getattr(builtins, str(name), None)
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, _REFUSED):
        return kind
    return CandidateError


def own_error(name: str, bases: list[type]) -> type[Exception]:
    """A class for one of the program's exception classes.

    Args:
        name: its name.
        bases: what its bases are here; those that are no permitted exceptions are left out.
    """
    usable = [base for base in bases if issubclass(base, Exception) and not issubclass(base, _REFUSED)]
    # A class of an `except*` group needs arguments that nobody knows here.
    usable = [base for base in usable if not issubclass(base, ExceptionGroup)] or [CandidateError]
    try:
        return type(name, tuple(dict.fromkeys(usable)), {"__module__": "solution"})
    except TypeError:  # layouts that do not go together
        return type(name, (usable[0],), {"__module__": "solution"})


def make_error(
    kind: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any], text: str
) -> BaseException:
    """An exception object, without running constructors that want more than is known."""
    made_of: tuple[Any, ...] = args if issubclass(kind, (OSError, ExceptionGroup)) else ()
    error: BaseException = kind.__new__(kind, *made_of)
    error.args = args
    if isinstance(error, SystemExit):
        error.code = args[0] if args else None
    for name, value in attributes.items():
        if not name.startswith("__"):
            try:
                setattr(error, name, value)
            except (AttributeError, TypeError):
                continue
    if type(error).__module__ == "solution" and text:
        _own_text[id(error)] = (error, text)
        if "__str__" not in type(error).__dict__:
            type(error).__str__ = _str_of  # type: ignore[method-assign]
    return error


_own_text: dict[int, tuple[BaseException, str]] = {}


def _str_of(error: BaseException) -> str:
    """The text that the program's own `__str__` gave."""
    known = _own_text.get(id(error))
    return known[1] if known else BaseException.__str__(error)
