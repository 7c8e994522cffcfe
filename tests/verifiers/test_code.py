"""The code verifier, part by part.

1. Plain data: exact base types travel, subclasses as their base; cycles, depth, size and colliding keys are refused.
2. Comparison: outputs by tokens, values by type.
3. Extraction: the last block of the language after the thinking, an unlabelled one, bare code, nothing.
4. Malformed tests are errors that name the key.
5. Each shape: passes, fails, fraction, outcomes; crashes and timeouts of one case leave the others.
6. The time for all tests together.
7. The judge: what the program's objects may decide and what not; its printing, exceptions, arguments changed in place.
8. A sandbox that fails is tried once more, and never a verdict on the program.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import json
import math
import re
import time
from collections.abc import Mapping
from typing import Any

import pytest

from sandbox import Limits, Result, Sandbox, Verdict
from verifiers.code import CodeVerdict, Outcome, extract_program, verify
from verifiers.code.compare import same_output, same_value
from verifiers.code.inside import plain
from verifiers.code.shapes import read_tests


def travel(value: Any) -> Any:
    return plain.decode(json.loads(json.dumps(plain.encode(value))))


class Liar(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


class Empty(list[int]):
    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Any:
        return iter(())


class Color(enum.IntEnum):
    RED = 1


class TestPlain:
    @pytest.mark.parametrize(
        "value",
        [
            None, True, 0, -1, 2**63, -(10**50), 1.5, -0.0, math.inf, "é\ud83d\ude00", "\ud800", b"\x00\xff",
            bytearray(b"x"),
            [1, [2, []]], (1, (2,)), {1: "a", (2, 3): None}, {1, 2}, frozenset({"a"}), 1j, range(3, 10**30, 2),
            decimal.Decimal("1.10"), fractions.Fraction(1, 3), collections.deque([1, 2], 5), collections.Counter("aab"),
            collections.OrderedDict(b=1, a=2), datetime.datetime(2024, 2, 29, 1, tzinfo=datetime.UTC),
            datetime.timedelta(1), int, Ellipsis, "\ud83d\ude00",
        ],
    )  # fmt: skip
    def test_values_keep_their_type(self, value: Any) -> None:
        back = travel(value)
        assert type(back) is type(value)
        assert back == value
        assert repr(back) == repr(value)

    def test_nan(self) -> None:
        assert math.isnan(travel(math.nan))

    def test_subclasses_travel_as_their_base(self) -> None:
        for value, base in ((Liar(3), 3), (Empty([1, 2]), [1, 2]), (Color.RED, 1)):
            assert type(travel(value)) is type(base)
            assert travel(value) == base
        assert travel(Liar(3)) != 4

    def test_namedtuple_is_a_tuple_with_names(self) -> None:
        back = travel(collections.namedtuple("Point", "x y")(1, 2))
        assert back == (1, 2) and back.x == 1

    def test_iterators_are_taken_to_their_end(self) -> None:
        back = travel(iter([1, 2]))
        assert list(back) == [1, 2] and back != [1, 2]

    def test_out_of_bounds(self) -> None:
        cycle: list[Any] = []
        cycle.append(cycle)
        deep: list[Any] = []
        for _ in range(100_000):
            deep = [deep]
        many: list[Any] = []
        for _ in range(60):
            many = [many, many]
        for value in (cycle, deep, many, object(), len, math):
            with pytest.raises(plain.PlainError):
                plain.encode(value)

    @pytest.mark.parametrize(
        "data",
        [{}, [], ["?"], ["i", "x"], ["i"], ["l", {}], ["d", 1], ["d", ["l"], 1], ["S", ["l"]], ["Q", "0x1", "0x0"],
         ["T", "eval"], ["E", "quit"], ["N", "x y", "a", 1], ["D", "9" * 200_000], [["l"]], ["b", "zz"], ["dt"],
         ["S", *(["i", hex(i * (2**61 - 1))] for i in range(5000))]],
    )  # fmt: skip
    def test_malformed_data_is_refused(self, data: Any) -> None:
        with pytest.raises(plain.PlainError):
            plain.decode(data)


class TestCompare:
    @pytest.mark.parametrize(
        ("expected", "got", "same"),
        [
            ("1 2\n", "1 2", True), ("1 2\n3", "1  2 \r\n3\n\n\n", True), ("1 2", "1\n2", False), ("a", "A", False),
            ("", "\n", True), ("1", "", False), ("1\n\n2", "1\n2", False), ("0.5", "0.50", False), ("nan", "nan", True),
        ],
    )  # fmt: skip
    def test_outputs(self, expected: str, got: str, same: bool) -> None:
        assert same_output(expected, got) is same

    @pytest.mark.parametrize(
        ("expected", "got", "same"),
        [
            ("0.5", "0.50", True), ("1000000", "1000000.5", True), ("1", "1.1", False), ("1", "nan", False),
            ("1", "inf", False), ("inf", "inf", True), ("1", "1_0", False), ("x 1", "x 1.0", True),
            ("x 1", "y 1", False),
            ("1e999", "2e999", False),
        ],
    )  # fmt: skip
    def test_outputs_within_a_tolerance(self, expected: str, got: str, same: bool) -> None:
        assert same_output(expected, got, 1e-6) is same

    @pytest.mark.parametrize(
        ("expected", "got", "same"),
        [
            ([1, [2]], (1, (2,)), True), (1, True, True), (1, 1.0, True), (3, "3", False), ("3", 3, False),
            (math.nan, math.nan, True), ([math.nan], [math.nan], True), ({"1": 2}, {1: 2}, True),
            ({"1": 2}, {1: 2, "1": 2}, False), ({1: 2}, {"1": 2}, False), ({"a": 1}, {"a": 1, "b": 2}, False),
            (None, 0, False), ([], None, False), ([1], {1}, False), ("a", b"a", False), ({"true": 1}, {True: 1}, True),
            (10**400, math.inf, False), (0.1, 0.1 + 1e-12, False), ([1, 2], plain.Eager([1, 2]), False),
        ],
    )  # fmt: skip
    def test_values(self, expected: Any, got: Any, same: bool) -> None:
        assert same_value(expected, got) is same

    def test_values_within_a_tolerance(self) -> None:
        assert same_value([0.1, {"a": 1}], [0.1 + 1e-9, {"a": 1.0000001}], 1e-6)
        assert not same_value(1.0, math.inf, 0.5)
        assert not same_value(10**400, 1.0, 0.5)


IN_DOCSTRING = "def f():\n    '''\n    ```python\n    f()\n    ```\n    '''\n"
TRYING = "try:\n    print(int(input()))\nexcept ValueError:\n    print(0)\n"


class TestExtract:
    @pytest.mark.parametrize(
        ("response", "program"),
        [
            ("```python\na = 1\n```\n```py\nb = 2\n```\nDone.", "b = 2\n"),
            ("```python\na = 1\n```\n```bash\nrun\n```", "a = 1\n"),
            ("Text.\n```\na = 1\n```", "a = 1\n"),
            ("```\nexample\n```\n```python\na = 1\n```\n```\noutput\n```", "a = 1\n"),
            ("<think>\n```python\nwrong = 1\n```\n</think>\n```python\na = 1\n```", "a = 1\n"),
            ("<think>\n```python\nwrong = 1\n```", None),
            ("1. Do:\n   ```python\n   def f():\n       pass\n   ```", "def f():\n    pass\n"),
            ("```python\na = 1", "a = 1\n"),
            ("~~~python\na = 1\n~~~", "a = 1\n"),
            ("````python\ns = '''\n```\n'''\n````", "s = '''\n```\n'''\n"),
            ("def f():\n    return 1\n", "def f():\n    return 1\n"),
            ("# solution\nimport sys\nprint(1)", "# solution\nimport sys\nprint(1)\n"),
            ("from typing import List\n\nx: List[int] = []", "from typing import List\n\nx: List[int] = []\n"),
            (IN_DOCSTRING, IN_DOCSTRING),
            (TRYING, TRYING),
            ("I think the answer is 5.", None),
            ("For this we need a loop over all items.", None),
            ("for this we need a loop.", None),
            ("", None),
            ("```python\n\n```", None),
            ("```cpp\nint main() {}\n```", None),
        ],
    )  # fmt: skip
    def test_python(self, response: str, program: str | None) -> None:
        assert extract_program(response) == program

    def test_other_languages(self) -> None:
        assert extract_program("```c++\nint main() {}\n```", "cpp") == "int main() {}\n"
        assert extract_program("#include <iostream>\nint main() {}", "cpp") == "#include <iostream>\nint main() {}\n"
        assert extract_program("```js\nf()\n```", "javascript") == "f()\n"
        assert extract_program("const a = 1;", "javascript") == "const a = 1;\n"
        assert extract_program("There is no such program.", "cpp") is None

    def test_size_is_no_problem(self) -> None:
        for text in ("`" * 500_000, "```\n" * 100_000, "(" * 1_000_000, "a," * 500_000, " " * 1_000_000 + "x"):
            extract_program(text)


@pytest.mark.parametrize(
    ("tests", "says"),
    [
        ({}, "tests['type']"),
        ({"type": "exam"}, "'stdio'"),
        ({"type": "stdio"}, "tests['cases']"),
        ({"type": "stdio", "cases": []}, "tests['cases'] is empty"),
        ({"type": "stdio", "cases": [{"input": "1"}]}, "tests['cases'][0] has no 'output'"),
        ({"type": "stdio", "cases": [{"input": 1, "output": ""}]}, "tests['cases'][0]['input']"),
        ({"type": "stdio", "cases": [{"input": "", "output": ""}], "float_tol": -1}, "tests['float_tol']"),
        ({"type": "stdio", "cases": [{"input": "", "output": ""}], "checker": "x"}, "tests['checker']"),
        ({"type": "call", "cases": [{"args": [], "output": 1}]}, "tests['fn_name'] is missing"),
        ({"type": "call", "fn_name": "f", "cases": [{"args": 3, "output": 1}]}, "tests['cases'][0]['args']"),
        ({"type": "call", "fn_name": "a.b", "cases": [{"args": [], "output": 1}]}, "tests['fn_name']"),
        ({"type": "assert"}, "tests['code'] is missing"),
        ({"type": "pytest", "code": " "}, "tests['code'] is empty"),
        ({"type": "assert", "code": "x", "language": "cpp"}, "tests['language']"),
        ({"type": "assert", "code": "x", "language": "cobol"}, "tests['language']"),
        ({"type": "assert", "code": "x", "time_limit_s": 0}, "tests['time_limit_s']"),
        ({"type": "assert", "code": "x", "tiem_limit_s": 1}, "tests['tiem_limit_s'] is unknown"),
    ],
)
def test_malformed_tests_name_the_key(tests: Mapping[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        read_tests(tests, 1.0)


def stdio(*cases: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"type": "stdio", "cases": [{"input": one, "output": other} for one, other in cases], **more}


def call(*cases: tuple[list[Any], Any], **more: Any) -> dict[str, Any]:
    return {"type": "call", "fn_name": "f", "cases": [{"args": a, "output": b} for a, b in cases], **more}


def outcomes(verdict: CodeVerdict) -> list[str]:
    return [str(case.outcome) for case in verdict.cases]


class TestStdio:
    def test_fraction_and_first_failure(self, code_sandbox: Sandbox) -> None:
        verdict = verify("print(int(input()) * 2)", stdio(("1", "2"), ("2", "5"), ("x", "1")), sandbox=code_sandbox)
        assert outcomes(verdict) == ["pass", "wrong answer", "runtime error"]
        assert verdict.outcome is Outcome.WRONG_ANSWER and verdict.fraction == pytest.approx(1 / 3)
        assert "expected: 5" in verdict.first_failure and "got: 4" in verdict.first_failure
        assert not verdict

    def test_right_output_and_an_error_status(self, code_sandbox: Sandbox) -> None:
        verdict = verify("print(1)\nraise SystemExit(3)", stdio(("", "1")), sandbox=code_sandbox)
        assert verdict.outcome is Outcome.RUNTIME_ERROR

    def test_two_timeouts_end_it(self, code_sandbox: Sandbox) -> None:
        cases = stdio(*[("", "1")] * 6, time_limit_s=0.5)
        verdict = verify("while True: pass", cases, sandbox=code_sandbox)
        assert outcomes(verdict) == ["timeout"] * 6
        assert "not run" in verdict.cases[5].detail

    def test_limits(self, code_sandbox: Sandbox) -> None:
        for program, outcome in (
            ("x = bytearray(1 << 29); print(len(x))", Outcome.MEMORY_LIMIT),
            ("while True: print('x' * 10000)", Outcome.OUTPUT_LIMIT),
            ("print(1", Outcome.COMPILE_ERROR),
        ):
            verdict = verify(program, stdio(("", "1"), memory_mb=128), sandbox=code_sandbox)
            assert verdict.outcome is outcome

    def test_checker(self, code_sandbox: Sandbox) -> None:
        checker = {
            "code": "import sys\nrun, out, answer = (open(p).read().split() for p in sys.argv[1:])\n"
            "print('sorted', sorted(out))\nsys.exit(sorted(out) != answer)"
        }
        tests = stdio(("1", "a b"), checker=checker)
        assert verify("print('b a')", tests, sandbox=code_sandbox).passed
        verdict = verify("print('b c')", tests, sandbox=code_sandbox)
        assert verdict.outcome is Outcome.WRONG_ANSWER and "sorted ['b', 'c']" in verdict.first_failure
        with pytest.raises(ValueError, match="checker"):
            verify("print(1)", stdio(("", ""), checker={"code": "def"}), sandbox=code_sandbox)

    def test_languages(self, code_sandbox: Sandbox) -> None:
        programs = {
            "cpp": "#include <iostream>\nint main() { int a; std::cin >> a; std::cout << a + 1; }",
            "javascript": "const a = require('fs').readFileSync(0, 'utf8');\nconsole.log(Number(a) + 1);",
        }
        for language, program in programs.items():
            if language in code_sandbox.languages:  # type: ignore[attr-defined]
                assert verify(program, stdio(("1\n", "2"), language=language), sandbox=code_sandbox).passed

    def test_no_program(self, code_sandbox: Sandbox) -> None:
        verdict = verify("It cannot be done.", stdio(("", "1")), sandbox=code_sandbox)
        assert verdict.outcome is Outcome.NO_PROGRAM and verdict.fraction == 0 and verdict.first_failure


class TestCall:
    def test_function_and_method(self, code_sandbox: Sandbox) -> None:
        tests = call(([1], 2), ([[1]], [1, 1]))
        for program in ("def f(x):\n    return x + x", "class Solution:\n    def f(self, x):\n        return x + x"):
            verdict = verify(program, tests, sandbox=code_sandbox)
            assert verdict.passed and verdict.first_failure == ""

    def test_others_go_on_after_a_crash_and_a_timeout(self, code_sandbox: Sandbox) -> None:
        program = (
            "import os\ndef f(x):\n    if x == 1: os._exit(0)\n    while x == 2: pass\n"
            "    if x == 3: raise KeyError(x)\n    return x"
        )
        tests = call(*(([x], x) for x in range(6)), time_limit_s=0.5)
        verdict = verify(program, tests, sandbox=code_sandbox)
        assert outcomes(verdict) == ["pass", "runtime error", "timeout", "runtime error", "pass", "pass"]

    def test_crashes_and_timeouts_are_bounded(self, code_sandbox: Sandbox) -> None:
        tests = call(*(([x], x) for x in range(20)), time_limit_s=0.5)
        crashed = verify("import os\ndef f(x):\n    os._exit(1)", tests, sandbox=code_sandbox)
        assert outcomes(crashed) == ["runtime error"] * 20 and "not run" in crashed.cases[-1].detail
        late = verify("def f(x):\n    while True: pass", tests, sandbox=code_sandbox)
        assert outcomes(late) == ["timeout"] * 20 and "not run" in late.cases[-1].detail

    @pytest.mark.parametrize(
        "answer",
        ["Any()", "AnyInt(7)", "'1'", "[1]", "None", "f", "iter([1])", "Any", "float('nan')", "exit()", "deep()"],
    )
    def test_wrong_answers(self, answer: str, code_sandbox: Sandbox) -> None:
        program = f"""
class Any:
    __eq__ = __lt__ = __instancecheck__ = lambda *_: True
class AnyInt(int):
    __eq__ = lambda *_: True
def deep():
    x = []
    for _ in range(100000): x = [x]
    return x
def f(x):
    return {answer}
"""
        assert not verify(program, call(([0], 1)), sandbox=code_sandbox).passed

    def test_a_program_that_writes_to_its_channel(self, code_sandbox: Sandbox) -> None:
        forged = 'import os\nos.write(3, b\'["","",["r",1]]\\n\' * 20)\ndef f(x):\n    return 0'
        assert not verify(forged, call(([0], 2)), sandbox=code_sandbox).passed
        endless = "import os\ndef f(x):\n    while True: os.write(3, b'x' * 100000)"
        verdict = verify(endless, call(([0], 2)), sandbox=code_sandbox)
        assert verdict.outcome in (Outcome.OUTPUT_LIMIT, Outcome.TIMEOUT)

    def test_errors(self, code_sandbox: Sandbox) -> None:
        for program, outcome, says in (
            ("def f(x)\n    return 1", Outcome.COMPILE_ERROR, "SyntaxError"),
            ("import nothing_there\ndef f(x): return 1", Outcome.RUNTIME_ERROR, "nothing_there"),
            ("def g(x): return 1", Outcome.RUNTIME_ERROR, "defines no function 'f'"),
            ("def f(x): return 1 / x", Outcome.RUNTIME_ERROR, "ZeroDivisionError"),
        ):
            verdict = verify(program, call(([0], 1), ([0], 1)), sandbox=code_sandbox)
            assert verdict.outcome is outcome and verdict.fraction == 0 and says in verdict.first_failure

    def test_what_a_program_prints_is_no_answer(self, code_sandbox: Sandbox) -> None:
        program = "import sys\ndef f(x):\n    print('noise')\n    sys.stdout.write('[\"r\",2]\\n')\n    return x"
        assert verify(program, call(([1], 1)), sandbox=code_sandbox).passed


def asserts(code: str, **more: Any) -> dict[str, Any]:
    return {"type": "assert", "code": code, **more}


class TestAssert:
    def test_each_assert_is_a_case(self, code_sandbox: Sandbox) -> None:
        verdict = verify("def f(x): return x", asserts("assert f(1) == 1\nassert f(2) == 3\nassert f(3) == 3"),
                         sandbox=code_sandbox)  # fmt: skip
        assert [case.name for case in verdict.cases] == ["line 1", "line 2", "line 3"]
        assert verdict.fraction == pytest.approx(2 / 3)
        assert "assert f(2) == 3" in verdict.first_failure

    def test_preamble_helps_and_its_stubs_do_not_hide_the_program(self, code_sandbox: Sandbox) -> None:
        preamble = "def helper(x):\n    return x * 2\n\ndef f(x):\n    '''Double.'''\n"
        tests = asserts("def check(candidate):\n    assert candidate(2) == helper(2) == f(2)", preamble=preamble)
        assert verify("def f(x): return x + x", tests, sandbox=code_sandbox).passed
        cheat = "def helper(x): return 0\ndef f(x): return 0"
        assert not verify(cheat, tests, sandbox=code_sandbox).passed

    def test_malformed(self, code_sandbox: Sandbox) -> None:
        for tests, says in (
            (asserts("assert f(1) =="), r"tests\['code'\] does not compile"),
            (asserts("def check(candidate):\n    assert candidate(1)"), r"tests\['fn_name'\] is missing"),
            (asserts("assert f(1)", preamble="1 / 0"), r"tests\['preamble'\]"),
        ):
            with pytest.raises(ValueError, match=says):
                verify("def f(x): return x", tests, sandbox=code_sandbox)

    def test_objects_decide_nothing_about_plain_data(self, code_sandbox: Sandbox) -> None:
        program = """
import math
class Any(float):
    pass
class Sly:
    def _self(self, *_): return self
    def _zero(self, *_): return 0.0
    def _true(self, *_): return True
    __sub__ = __rsub__ = __mod__ = _zero
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = _true
    __abs__ = __round__ = _zero
    __hash__ = lambda self: 0
    isclose = _true
math = Sly()
def isinstance(*_): return True
def abs(*_): return 0
def f(x):
    return Sly()
"""
        for code in ("assert f(1) == 5", "assert abs(f(1) - 5) < 1e-6", "assert f(1) < 6", "assert f(1) in [5]",
                     "assert math.isclose(f(1), 5)", "assert 5 - f(1) == 0", "assert isinstance(f(1), int)",
                     "assert not f(1) != 5"):  # fmt: skip
            assert not verify(program, asserts(code), sandbox=code_sandbox).passed, code

    def test_stop_iteration_ends_no_loop_of_the_tests(self, code_sandbox: Sandbox) -> None:
        program = "def f(x):\n    raise StopIteration"
        tests = asserts("results = list(map(f, [1, 2]))\nassert all(r == 1 for r in results)")
        assert not verify(program, tests, sandbox=code_sandbox).passed

    def test_callbacks_cannot_be_looked_into(self, code_sandbox: Sandbox) -> None:
        program = """
def f(callback):
    for name in ('__globals__', '__code__', '__closure__', '__self__', 'gi_frame', '_ask'):
        value = getattr(callback, name, None)
        if name != '_ask' and value is not None and 'secret' in str(value):
            return 'secret'
    try:
        return callback._ask('hget', callback._number, ('__globals__',), {})['secret']
    except Exception:
        pass
    try:
        return callback._ask('hget', callback._number, ('f_globals',), {})['secret']
    except Exception:
        return callback(2)
"""
        tests = asserts("secret = 'sesame'\ndef double(x):\n    return x * 2\nassert f(double) == 4")
        assert verify(program, tests, sandbox=code_sandbox).passed

    def test_arguments_changed_in_place(self, code_sandbox: Sandbox) -> None:
        program = "def f(grid, seen, extra=None):\n    grid[0].reverse()\n    seen['x'] = 1\n    return grid"
        code = """
inner = [1, 2, 3]
grid, seen, other = [inner, [4]], {}, [5]
result = f(grid, seen, extra=other)
assert inner == [3, 2, 1]
assert result is grid
assert seen == {'x': 1} and other == [5]
"""
        assert verify(program, asserts(code), sandbox=code_sandbox).passed

    def test_objects_of_the_tests_own_classes(self, code_sandbox: Sandbox) -> None:
        loop = "while node:\n        total += node.value; node = node.next"
        program = f"def f(node):\n    total = 0\n    {loop}\n    return total"
        code = """
class Node:
    def __init__(self, value, next=None):
        self.value, self.next = value, next
assert f(Node(1, Node(2))) == 3
"""
        assert verify(program, asserts(code), sandbox=code_sandbox).passed

    def test_classes_of_the_program(self, code_sandbox: Sandbox) -> None:
        program = """
from collections import OrderedDict
class Vector:
    def __init__(self, x): self.x = x
    def __mul__(self, k): return Vector(self.x * k)
    __rmul__ = __mul__
    def __add__(self, other): return Vector(self.x + (other.x if isinstance(other, Vector) else other))
    __radd__ = __add__
    def __eq__(self, other): return isinstance(other, Vector) and self.x == other.x
    def __lt__(self, other): return self.x < other.x
class LRU(OrderedDict):
    def __init__(self, size):
        super().__init__()
        self.size = size
    def put(self, key, value):
        self[key] = value
        if len(self) > self.size: self.popitem(last=False)
"""
        code = """
assert 3 * Vector(2) == Vector(2) * 3 == Vector(6) != Vector(7)
assert sum([Vector(1), Vector(2)]) == Vector(3)
assert sorted([Vector(2), Vector(1)])[0].x == 1
assert not Vector(1) == 1
cache = LRU(1)
cache.put(1, 2)
cache.put(3, 4)
assert cache == {3: 4} and 1 not in cache and len(cache) == 1
class Shifted(Vector):
    def __init__(self, x):
        super().__init__(x + 1)
assert Shifted(1) + Vector(1) == Vector(3) and isinstance(Shifted(1), Vector)
"""
        verdict = verify(program, asserts(code), sandbox=code_sandbox)
        assert verdict.passed, verdict.first_failure

    def test_generators_and_coroutines(self, code_sandbox: Sandbox) -> None:
        program = """
def naturals():
    n = 0
    while True:
        n += (yield n) or 1
async def later(x):
    return x + 1
"""
        code = """
import asyncio, itertools
g = naturals()
assert [next(g), next(g), g.send(5)] == [0, 1, 6]
assert list(itertools.islice(naturals(), 3)) == [0, 1, 2]
assert asyncio.run(later(1)) == 2
"""
        verdict = verify(program, asserts(code), sandbox=code_sandbox)
        assert verdict.passed, verdict.first_failure

    def test_no_verdict_without_the_judge(self, code_sandbox: Sandbox) -> None:
        for code in ("import os\nf(1)\nos._exit(0)", "import sys\nf(1)\nsys.exit(0)"):
            assert not verify("def f(x): return x", asserts(code), sandbox=code_sandbox).passed

    def test_outcomes_of_a_lost_program(self, code_sandbox: Sandbox) -> None:
        for body, outcome in (
            ("while True: pass", Outcome.TIMEOUT),
            ("import os; os._exit(0)", Outcome.RUNTIME_ERROR),
            ("x = bytearray(1 << 30)", Outcome.MEMORY_LIMIT),
        ):
            tests = asserts("assert f(1) == 1\nassert f(2) == 2", time_limit_s=1.0, memory_mb=256)
            verdict = verify(f"def f(x):\n    {body}\n    return x", tests, sandbox=code_sandbox)
            assert verdict.outcome is outcome, verdict.first_failure


class TestRunners:
    UNITTEST = """
import io, unittest
from contextlib import redirect_stdout
import solution
from solution import Stack

class T(unittest.TestCase):
    def test_stack(self):
        s = Stack()
        s.push(1)
        self.assertEqual(len(s), 1)
        self.assertEqual([*s], [1])
        self.assertIsInstance(s, Stack)
        with self.assertRaises(solution.Full):
            s.push(2)
    def test_print(self):
        out = io.StringIO()
        with redirect_stdout(out):
            solution.hello()
        self.assertEqual(out.getvalue(), 'hello\\n')
    @unittest.skip('not now')
    def test_later(self):
        self.fail()
"""
    PROGRAM = """
class Full(ValueError): pass
class Stack:
    def __init__(self): self.items = []
    def push(self, x):
        if self.items: raise Full('full')
        self.items.append(x)
    def __len__(self): return len(self.items)
    def __iter__(self): return iter(self.items)
def hello(): print('hello')
"""

    def test_unittest(self, code_sandbox: Sandbox) -> None:
        verdict = verify(self.PROGRAM, {"type": "unittest", "code": self.UNITTEST}, sandbox=code_sandbox)
        assert verdict.passed, verdict.first_failure
        assert [case.name for case in verdict.cases] == ["T.test_print", "T.test_stack"]
        broken = self.PROGRAM.replace("hello')", "bye')")
        verdict = verify(broken, {"type": "unittest", "code": self.UNITTEST}, sandbox=code_sandbox)
        assert verdict.fraction == 0.5 and verdict.outcome is Outcome.WRONG_ANSWER

    def test_pytest(self, code_sandbox: Sandbox) -> None:
        code = """
import pytest
from solution import Full, Stack, hello

@pytest.fixture
def stack():
    return Stack()

def test_raises(stack):
    stack.push(1)
    with pytest.raises(Full, match='^full$'):
        stack.push(2)

@pytest.mark.parametrize('times', [1, 2])
def test_prints(times, capsys):
    for _ in range(times):
        hello()
    assert capsys.readouterr().out == 'hello\\n' * times
"""
        verdict = verify(self.PROGRAM, {"type": "pytest", "code": code}, sandbox=code_sandbox)
        assert verdict.passed, verdict.first_failure
        assert len(verdict.cases) == 3
        verdict = verify(
            self.PROGRAM.replace("hello')", "bye')"), {"type": "pytest", "code": code}, sandbox=code_sandbox
        )
        assert verdict.fraction == pytest.approx(1 / 3)

    def test_what_tests_put_in_place_of_the_programs_names(self, code_sandbox: Sandbox) -> None:
        program = """
import time
def helper(): return 1
def double():
    time.sleep(0)
    return 2 * helper()
def main():
    print(int(input()) + 1)
"""
        code = """
from unittest.mock import Mock, patch
import solution

def test_patch():
    with patch('solution.helper', return_value=5) as helper, patch('solution.time.sleep') as sleep:
        assert solution.double() == 10
    helper.assert_called_once_with()
    sleep.assert_called_once_with(0)
    assert solution.double() == 2

def test_set(monkeypatch):
    monkeypatch.setattr(solution, 'helper', lambda: 3)
    assert solution.double() == 6

def test_input(monkeypatch, capsys):
    monkeypatch.setattr('builtins.input', lambda *prompt: '4')
    solution.main()
    assert capsys.readouterr().out == '5\\n'
"""
        verdict = verify(program, {"type": "pytest", "code": code}, sandbox=code_sandbox)
        assert verdict.passed, verdict.first_failure

    @pytest.mark.parametrize(
        ("kind", "code"),
        [
            ("unittest", "import solution"),
            ("pytest", "import solution"),
            (
                "unittest",
                "import unittest\nclass T(unittest.TestCase):\n    @unittest.skip('')\n    def test(self): pass",
            ),
            ("pytest", "import pytest\n@pytest.mark.skip\ndef test(): pass"),
            ("pytest", "import pytest\ndef test(): pytest.skip('no')"),
            ("unittest", "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.skipTest('no')"),
            ("pytest", "from solution import nothing\ndef test(): pass"),
            ("unittest", "from solution import nothing"),
        ],
    )
    def test_nothing_run_is_no_pass(self, kind: str, code: str, code_sandbox: Sandbox) -> None:
        verdict = verify("def f(): pass", {"type": kind, "code": code}, sandbox=code_sandbox)
        assert not verdict.passed and verdict.fraction == 0

    @pytest.mark.parametrize(
        "body",
        [
            "import unittest; raise unittest.SkipTest('x')",
            "raise KeyboardInterrupt",
            "raise SystemExit(0)",
            "raise AssertionError",
            "raise GeneratorExit",
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        ],
    )
    def test_no_exception_of_the_program_skips_or_ends(self, body: str, code_sandbox: Sandbox) -> None:
        program = f"def f(x):\n    {body}"
        unit = "class T(unittest.TestCase):\n    def test(self): self.assertEqual(f(1), 1)"
        unit = f"import unittest\nfrom solution import f\n{unit}"
        for kind, code in (("unittest", unit), ("pytest", "from solution import f\ndef test(): assert f(1) == 1")):
            verdict = verify(program, {"type": kind, "code": code}, sandbox=code_sandbox)
            assert verdict.outcome is Outcome.RUNTIME_ERROR and verdict.fraction == 0


class TestTotalTime:
    """The program is late when the time for all tests is over, whatever its cases were allowed."""

    @pytest.mark.parametrize(
        ("program", "tests", "count"),
        [
            ("import time; time.sleep(0.4); print(1)", stdio(*[("", "1")] * 20), 20),
            ("import time\ndef f(x):\n    time.sleep(0.4)\n    return x", call(*[([1], 1)] * 20), 20),
            ("import time\nclass Solution:\n    time.sleep(9)", call(*[([1], 1)] * 20), 20),
            ("import time\ndef f(x):\n    time.sleep(0.4)\n    return x", asserts("assert f(1) == 1\n" * 20), 1),
            ("import time\ntime.sleep(9)", asserts("assert f(1) == 1\n"), 1),
        ],
        ids=["stdio", "call", "call loading", "assert", "assert loading"],
    )
    def test_many_slow_cases(self, program: str, tests: dict[str, Any], count: int, code_sandbox: Sandbox) -> None:
        started = time.monotonic()
        verdict = verify(program, tests, sandbox=code_sandbox, total_s=2.0)
        assert time.monotonic() - started < 3.5
        assert verdict.outcome is Outcome.TIMEOUT and verdict.fraction < 0.5, verdict.first_failure
        assert len(verdict.cases) >= count

    def test_a_slow_checker(self, code_sandbox: Sandbox) -> None:
        tests = stdio(*[("", "1")] * 3, checker={"code": "import time; time.sleep(9)"})
        started = time.monotonic()
        assert verify("print(1)", tests, sandbox=code_sandbox, total_s=1.0).outcome is Outcome.TIMEOUT
        assert time.monotonic() - started < 2.5

    @pytest.mark.parametrize("kind", ["stdio", "call"])
    def test_once_a_case_has_failed(self, kind: str, code_sandbox: Sandbox) -> None:
        """The others have the time of one case, unless each of them matters."""
        cases = {"stdio": stdio(*[("", "2")] * 6, time_limit_s=1.0), "call": call(*[([1], 2)] * 6, time_limit_s=1.0)}
        program = "import time\ndef f(x):\n    time.sleep(0.6)\n    return x\n"
        program += "print(f(1))\n" if kind == "stdio" else ""
        verdict = verify(program, cases[kind], sandbox=code_sandbox, every_case=False)
        assert outcomes(verdict)[0] == "wrong answer" and outcomes(verdict)[3:] == ["timeout"] * 3
        verdict = verify(program, cases[kind], sandbox=code_sandbox)
        assert outcomes(verdict) == ["wrong answer"] * 6


class Failing:
    """A sandbox whose first runs fail."""

    def __init__(self, real: Sandbox, failures: int) -> None:
        self.real, self.left = real, failures

    def run(self, program: str, *, limits: Limits | None = None, **more: Any) -> Result:
        if self.left:
            self.left -= 1
            return Result(Verdict.SANDBOX_ERROR, detail="broken")
        return self.real.run(program, limits=limits, **more)


def test_a_failing_sandbox_is_tried_once_more(code_sandbox: Sandbox) -> None:
    tests = stdio(("", "1"))
    once: Any = Failing(code_sandbox, 1)
    assert verify("print(1)", tests, sandbox=once).passed
    ever: Any = Failing(code_sandbox, 99)
    verdict = verify("print(1)", tests, sandbox=ever)
    assert verdict.outcome is Outcome.SANDBOX_ERROR and "broken" in verdict.first_failure


def test_a_program_may_serve_itself(code_sandbox: Sandbox) -> None:
    program = (
        "import socket, threading\n"
        "def shout(text):\n"
        "    server = socket.create_server(('127.0.0.1', 0))\n"
        "    def serve():\n"
        "        connection, _ = server.accept()\n"
        "        connection.sendall(connection.recv(100).upper())\n"
        "    threading.Thread(target=serve).start()\n"
        "    client = socket.create_connection(server.getsockname())\n"
        "    client.sendall(text.encode())\n"
        "    return client.recv(100).decode()\n"
    )
    tests = {"type": "unittest", "code": "import unittest, solution\nclass T(unittest.TestCase):\n"
             "    def test_it(self):\n        self.assertEqual(solution.shout('abc'), 'ABC')\n"}  # fmt: skip
    assert verify(program, tests, sandbox=code_sandbox).passed
