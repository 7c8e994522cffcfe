"""Test code of asserts, bare or in `check(candidate)`: each assert of the outermost level is a case of its own."""

from __future__ import annotations

import ast
import time
from typing import Any

from verifiers.code.inside.cases import PASS, PREAMBLE, TESTS, Case, Malformed, outcome_of, text_of
from verifiers.code.inside.errors import CandidateGone
from verifiers.code.inside.remote import Remotes

_CASE = "__case__"


class _Cases:
    """Context managers for the asserts: an assert that fails is noted, and the next one is tried."""

    def __init__(self) -> None:
        self.found: list[Case] = []
        self._line = 0
        self._start = 0.0

    def __call__(self, line: int) -> _Cases:
        self._line, self._start = line, time.monotonic()
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        seconds = time.monotonic() - self._start
        name = f"line {self._line}"
        if error is None:
            self.found.append(Case(name, PASS, "", seconds))
            return True
        self.found.append(Case(name, outcome_of(error), text_of(error), seconds))
        return isinstance(error, Exception)


def run(code: str, preamble: str, fn_name: str | None, remotes: Remotes) -> list[Case]:
    """Run test code.

    Raises:
        Malformed: it does not compile, or has a `check` and nothing to check.
    """
    tree = _parse(code, "code")
    before = _parse(preamble, "preamble")
    checks = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check"]
    called = any(_calls_check(node) for node in tree.body)
    stubs = [node.name for node in before.body if isinstance(node, ast.FunctionDef) and _is_stub(node)]
    if checks and not called and fn_name is None:
        if not stubs:
            raise Malformed("tests['fn_name'] is missing: the code defines check(candidate); name the function")
        fn_name = stubs[-1]

    cases = _Cases()
    space: dict[str, Any] = {"__name__": "test_solution", "__file__": TESTS}
    stage = "preamble"
    try:
        exec(compile(before, PREAMBLE, "exec"), space)
        stage = "tests"
        names = set(remotes.names())
        for name in stubs:
            if name in names:
                space.pop(name, None)
        candidate = None
        if fn_name is not None:
            candidate = _find(remotes, fn_name, names)
            space[fn_name] = candidate
            space["candidate"] = candidate
        space[_CASE] = cases
        exec(compile(_instrument(tree, checks), TESTS, "exec"), space)
        if checks and not called:
            space["check"](candidate)
    except BaseException as error:
        if stage == "preamble" and not isinstance(error, CandidateGone):
            raise Malformed(f"tests['preamble'] fails: {type(error).__name__}: {error}") from None
        if not (isinstance(error, CandidateGone) and cases.found and cases.found[-1].outcome != PASS):
            cases.found.append(Case("the test code", outcome_of(error), text_of(error)))
    return cases.found or [Case("the test code", PASS)]


def _parse(code: str, key: str) -> ast.Module:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError) as error:
        raise Malformed(f"tests[{key!r}] does not compile: {error}") from None


def _calls_check(node: ast.stmt) -> bool:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
        return False
    return any(
        isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id == "check"
        for one in ast.walk(node)
    )


def _is_stub(node: ast.FunctionDef) -> bool:
    """Whether a function is only announced: a docstring, `pass`, `...` or `raise NotImplementedError`."""
    for part in node.body:
        if isinstance(part, ast.Pass) or (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)):
            continue
        if isinstance(part, ast.Raise) and part.exc is not None and "NotImplementedError" in ast.dump(part.exc):
            continue
        return False
    return True


def _instrument(tree: ast.Module, checks: list[ast.FunctionDef]) -> ast.Module:
    tree.body = _with_cases(tree.body)
    for check in checks:
        check.body = _with_cases(check.body)
    return ast.fix_missing_locations(tree)


def _with_cases(body: list[ast.stmt]) -> list[ast.stmt]:
    wrapped: list[ast.stmt] = []
    for node in body:
        if isinstance(node, ast.Assert):
            call = ast.Call(ast.Name(_CASE, ast.Load()), [ast.Constant(node.lineno)], [])
            block = ast.With([ast.withitem(call)], [node])
            wrapped.append(ast.copy_location(block, node))
        else:
            wrapped.append(node)
    return wrapped


def _find(remotes: Remotes, name: str, names: set[str]) -> Any:
    """The function of a name: of the module, else a method of its class Solution."""
    if name in names:
        return remotes.global_name(name)
    if "Solution" in names:
        return getattr(remotes.global_name("Solution")(), name)
    raise NameError(f"the program defines no function {name!r}")
