"""Attacks on the code verifier: wrong programs that must not pass, right ones that must, and texts that cost the host.

1. Wrong programs: objects that answer in view of the expected value, and objects of the tests that are overridden.
2. Right programs: exceptions and values of the standard library, generators, context managers, threads, fences.
3. The host: what a model wrote raises nothing, takes no long time, and no lasting state.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from sandbox import Sandbox
from verifiers.code import Outcome, extract_program, verify
from verifiers.code.inside import plain


def asserts(code: str, **more: Any) -> dict[str, Any]:
    return {"type": "assert", "code": code, **more}


def raises(kind: str, call: str, names: str = "f") -> dict[str, Any]:
    code = f"import dataclasses, decimal, json, pytest\nfrom solution import {names}\n\n"
    return {"type": "pytest", "code": f"{code}def test():\n    with pytest.raises({kind}):\n        {call}\n"}


def one_assertion(body: str) -> dict[str, Any]:
    head = "import unittest\nfrom solution import f\n\nclass T(unittest.TestCase):\n    def test(self):\n"
    return {"type": "unittest", "code": f"{head}        {body}\n"}


def call(output: Any, **more: Any) -> dict[str, Any]:
    return {"type": "call", "fn_name": "f", "cases": [{"args": [1], "output": output}], **more}


SLY_CLASS = """
class f:
    def __init__(self, x): pass
    def __sub__(self, other): return self
    __rsub__ = __sub__
    def __abs__(self): return 0.0
"""
FORGED_DESCRIPTION = """
import sys
sys.modules['verifiers.code.inside.exports'].SPECIAL = frozenset()
class R:
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __lt__(self, other): return True
def f(x): return R()
"""
YES = """
class R:
    def __contains__(self, x): return True
    def startswith(self, x): return True
    issuperset = startswith
def f(x): return R()
"""


EACH = asserts("r = f(3)\nassert len(r) == 3 and all(abs(a - b) < 1e-6 for a, b in zip(r, [0.1, 0.2, 0.3]))")
NOTHING = "def __iter__(self): return iter(())"
COUNTED = {
    "no items": f"def __len__(self): return 3\n    {NOTHING}",
    "no item by number": "def __len__(self): return 3\n    def __getitem__(self, at): raise IndexError",
    "a length that falls": f"left = 3\n    def __len__(self): n, self.left = self.left, 0; return n\n    {NOTHING}",
    "its own iterator": "def __len__(self): return 3\n    def __iter__(self): return self\n"
    "    def __next__(self): raise StopIteration",
    "a length below": f"{NOTHING}\nclass R(R):\n    def __len__(self): return 3",
}


@pytest.mark.parametrize("body", COUNTED.values(), ids=COUNTED)
def test_what_an_object_holds_agrees_with_its_length(body: str, code_sandbox: Sandbox) -> None:
    verdict = verify(f"class R:\n    {body}\ndef f(n): return R()", EACH, sandbox=code_sandbox)
    assert not verdict.passed and "TypeError" in verdict.first_failure


def test_backwards_too(code_sandbox: Sandbox) -> None:
    tests = asserts("r = f(3)\nassert len(r) == 3 and all(a == b for a, b in zip(reversed(r), [3, 2, 1]))")
    program = "class R:\n    def __len__(self): return 3\n    def __reversed__(self): return iter(())\n"
    assert not verify(program + "def f(n): return R()", tests, sandbox=code_sandbox).passed


@pytest.mark.parametrize(
    "items",
    [
        "def __iter__(self): return iter(self.items)",
        "def __iter__(self): yield from self.items",
        "def __getitem__(self, at): return self.items[at]",
    ],
)
def test_an_object_that_holds_what_it_says_is_looped_over(items: str, code_sandbox: Sandbox) -> None:
    program = (
        "class R:\n    def __init__(self): self.items = [0.1, 0.2, 0.3]\n    def __len__(self): return len(self.items)"
    )
    code = f"{EACH['code']}\nassert 0.2 in r and list(r) == [0.1, 0.2, 0.3]\nr.items.pop()\nassert len(r) == 3"
    verdict = verify(f"{program}\n    {items}\ndef f(n): return R()", asserts(code), sandbox=code_sandbox)
    assert verdict.passed, verdict.first_failure


HALF_CLOSED = """
import os, socket, time
channel = socket.socket(fileno=os.dup(3))
os.write(3, b'["","",["r","loaded",""]]\\n')
channel.recv(65536)
os.write(3, b'["","",["r","function"]]\\n')
channel.shutdown(1)
time.sleep(1)
while channel.recv(65536): pass
"""


def test_a_program_that_stops_talking_before_a_large_argument_is_wrong(code_sandbox: Sandbox) -> None:
    tests = {"type": "call", "fn_name": "f", "cases": [{"args": [[0] * 200_000], "output": 1}], "time_limit_s": 3.0}
    verdict = verify(HALF_CLOSED, tests, sandbox=code_sandbox)
    assert not verdict.passed and verdict.outcome is not Outcome.SANDBOX_ERROR, verdict.first_failure


@pytest.mark.parametrize(
    ("program", "tests"),
    [
        (SLY_CLASS, asserts("assert abs(f(1) - 5) < 1e-6")),
        (SLY_CLASS, one_assertion("self.assertAlmostEqual(f(1), 5.25)")),
    ],
    ids=["assert", "unittest"],
)
def test_function_that_is_a_class_is_no_number(program: str, tests: dict[str, Any], code_sandbox: Sandbox) -> None:
    assert not verify(program, tests, sandbox=code_sandbox).passed


@pytest.mark.parametrize("code", ["assert abs(f(1) - 5) < 1e-6", "assert f(1) < 6", "assert abs(5 - f(1)) < 1e-6"])
def test_operators_told_of_as_plain_methods(code: str, code_sandbox: Sandbox) -> None:
    assert not verify(FORGED_DESCRIPTION, asserts(code), sandbox=code_sandbox).passed


@pytest.mark.parametrize(
    "tests",
    [
        asserts("assert 5 in f(1)"),
        one_assertion("self.assertIn(5, f(1))"),
        asserts("assert f(1).startswith('abc')"),
        asserts("assert f(1).issuperset({1, 2})"),
    ],
    ids=["in", "assertIn", "startswith", "issuperset"],
)
def test_object_that_says_yes(tests: dict[str, Any], code_sandbox: Sandbox) -> None:
    assert not verify(YES, tests, sandbox=code_sandbox).passed


@pytest.mark.parametrize(
    "body",
    [
        "callback.assert_called_once_with = lambda *a, **k: None",
        "callback.configure_mock(assert_called_once_with=lambda *a, **k: None)",
    ],
    ids=["set", "configure"],
)
def test_assertions_of_a_mock_are_the_tests(body: str, code_sandbox: Sandbox) -> None:
    code = "from unittest.mock import Mock\ncb = Mock()\nf(1, cb)\ncb.assert_called_once_with(42)"
    assert not verify(f"def f(x, callback):\n    {body}", asserts(code), sandbox=code_sandbox).passed


def test_methods_of_an_object_of_the_tests_stay(code_sandbox: Sandbox) -> None:
    code = """
class Ledger:
    def __init__(self): self.items = []
    def balanced(self): return self.items == [3, 7]
ledger = Ledger()
f(ledger)
assert ledger.balanced()
"""
    program = "def f(ledger):\n    ledger.balanced = lambda: True"
    assert not verify(program, asserts(code), sandbox=code_sandbox).passed


CATCHES = (
    "def f():\n    while True:\n        try:\n            yield 1\n        except ValueError:\n            yield 2\n"
)


def test_what_is_thrown_into_a_generator_reaches_it(code_sandbox: Sandbox) -> None:
    code = "g = f()\nnext(g)\nassert g.throw(ValueError('x')) == 2"
    verdict = verify(CATCHES, asserts(code), sandbox=code_sandbox)
    assert verdict.passed, verdict.first_failure


def test_generator_that_does_not_raise_what_was_thrown(code_sandbox: Sandbox) -> None:
    code = "import pytest\nfrom solution import f\ndef test():\n    g = f()\n    next(g)\n"
    code += "    with pytest.raises(ValueError):\n        g.throw(ValueError('x'))\n"
    assert not verify(CATCHES, {"type": "pytest", "code": code}, sandbox=code_sandbox).passed


FROZEN = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass P:\n    x: int\n"


@pytest.mark.parametrize(
    ("program", "tests"),
    [
        ("import json\ndef f(s): return json.loads(s)", raises("json.JSONDecodeError", "f('{')")),
        (FROZEN, raises("dataclasses.FrozenInstanceError", "P(1).x = 2", "P")),
        ("from decimal import Decimal\ndef f(s): return Decimal(s)", raises("decimal.InvalidOperation", "f('abc')")),
        ("def f(): raise ExceptionGroup('x', [ValueError(1)])", raises("ExceptionGroup", "f()")),
    ],
    ids=["json", "frozen", "decimal", "group"],
)
def test_exceptions_of_the_library(program: str, tests: dict[str, Any], code_sandbox: Sandbox) -> None:
    verdict = verify(program, tests, sandbox=code_sandbox)
    assert verdict.passed, verdict.first_failure


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("def f(e): return f'{type(e).__name__}: {e}'", "assert f(ValueError('bad')) == 'ValueError: bad'"),
        ("def f(a, s): return a[s]", "assert f([1, 2, 3], slice(0, 2)) == [1, 2]"),
        ("def f(p): return p.suffix", "from pathlib import Path\nassert f(Path('a.txt')) == '.txt'"),
        ("from pathlib import Path\ndef f(p): return Path(p)", "from pathlib import Path\nassert f('a') == Path('a')"),
        ("def f(a): return a.x", "from types import SimpleNamespace\nassert f(SimpleNamespace(x=3)) == 3"),
        (FROZEN, "import dataclasses\nassert dataclasses.asdict(P(1)) == {'x': 1}"),
        ("class P:\n    def __init__(self): self.x = [1]", "import copy\np = P()\nassert copy.deepcopy(p).x == [1]"),
        ("def f(a, b=1): return a", "import inspect\nassert list(inspect.signature(f).parameters) == ['a', 'b']"),
    ],
    ids=["exception", "slice", "path_in", "path_out", "namespace", "asdict", "deepcopy", "signature"],
)
def test_values_of_the_library(program: str, code: str, code_sandbox: Sandbox) -> None:
    verdict = verify(program, asserts(code), sandbox=code_sandbox)
    assert verdict.passed, verdict.first_failure


def test_exit_sees_an_exception(code_sandbox: Sandbox) -> None:
    program = "class f:\n    def __enter__(self): return self\n"
    program += "    def __exit__(self, kind, error, trace): return isinstance(error, ValueError)\n"
    verdict = verify(program, asserts("with f():\n    raise ValueError('x')"), sandbox=code_sandbox)
    assert verdict.passed, verdict.first_failure


def test_exit_forgives_no_assertion_of_the_tests(code_sandbox: Sandbox) -> None:
    program = "class f:\n    def __enter__(self): return self\n    def __exit__(self, *_): return True\n"
    assert not verify(
        program, asserts("def test():\n    with f():\n        assert 1 == 2\ntest()"), sandbox=code_sandbox
    ).passed


def test_exception_of_the_tests_comes_back_as_itself(code_sandbox: Sandbox) -> None:
    code = """
class Mine(Exception): pass
error = Mine('x')
assert f(error) is error
try:
    g(error)
except Mine as caught:
    assert caught is error
else:
    assert False
"""
    verdict = verify("def f(e): return e\ndef g(e): raise e", asserts(code), sandbox=code_sandbox)
    assert verdict.passed, verdict.first_failure


def test_class_called_as_a_function_does_not_say_what_is_in_it(code_sandbox: Sandbox) -> None:
    program = "class f:\n    def __init__(self, x): pass\n    def __contains__(self, x): return True\n"
    assert not verify(program, asserts("assert 5 in f(1)"), sandbox=code_sandbox).passed


def test_all_names_of_the_program_are_not_names_of_the_tests(code_sandbox: Sandbox) -> None:
    code = "from solution import *\ndef test():\n    assert 5 in f(1)\n"
    assert not verify(YES, {"type": "pytest", "code": code}, sandbox=code_sandbox).passed


DOCSTRING = "def f(x):\n    '''\n    ```\n    f(1)\n    ```\n    '''\n    return x\n"


@pytest.mark.parametrize(
    ("response", "program"),
    [
        (f"```python\n{DOCSTRING}```\n", DOCSTRING),
        ("1. ```python\n   a = 1\n   ```\nDone", "a = 1\n"),
        ("```python:main.py\na = 1\n```", "a = 1\n"),
        ("```python3.12\na = 1\n```", "a = 1\n"),
        ("```python\ns = '''a\n   \nb'''\n```", "s = '''a\n   \nb'''\n"),
    ],
    ids=["indented_fence_in_docstring", "list_item", "path_label", "version_label", "blanks_in_string"],
)
def test_extraction(response: str, program: str) -> None:
    assert extract_program(response) == program


@pytest.mark.parametrize(
    ("response", "language"),
    [("\n" * 50_000 + "x", "cpp"), ("\n" * 50_000 + "x", "javascript"), ("x = 1\n'''\n" + "```\n" * 40_000, "python")],
    ids=["cpp", "javascript", "fences_in_string"],
)
def test_extraction_takes_no_square_time(response: str, language: str) -> None:
    started = time.process_time()
    extract_program(response, language)
    assert time.process_time() - started < 1


def test_signalling_nan_is_only_a_wrong_answer(code_sandbox: Sandbox) -> None:
    program = "from decimal import Decimal\ndef f(x): return Decimal('sNaN')"
    assert not verify(program, call(Decimal(1)), sandbox=code_sandbox).passed


def test_output_that_a_checker_cannot_parse_is_no_broken_checker(code_sandbox: Sandbox) -> None:
    code = "import ast, sys\nsys.exit(ast.literal_eval(open(sys.argv[2]).read()) != [1])"
    tests = {"type": "stdio", "cases": [{"input": "", "output": "[1]"}], "checker": {"code": code}}
    assert not verify("print('[1')", tests, sandbox=code_sandbox).passed


def test_first_failure_can_be_written(code_sandbox: Sandbox) -> None:
    verdict = verify("def f(x): raise ValueError('\\ud800')", call(1), sandbox=code_sandbox)
    verdict.first_failure.encode()


def test_named_tuples_do_not_run_out() -> None:
    for index in range(150):
        assert plain.decode(["N", f"P{index}", "x,y", 1, 2]) == (1, 2)


def test_decoding_is_bounded() -> None:
    with pytest.raises(plain.PlainError):
        plain.decode(["l", *([["l"]] * (plain.MAX_ITEMS + 1))])
