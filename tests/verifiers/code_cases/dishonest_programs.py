"""Responses without a good program, and programs that go for the names, the state and the objects of the tests."""

from __future__ import annotations

from tests.verifiers.code_cases import Case, asserts, call, cheat, pytests, stdio
from tests.verifiers.code_cases.dishonest_shapes import REFERENCE, SHAPES

CALL, ASSERT, UNITTEST, PYTEST = (SHAPES[shape] for shape in ("call", "assert", "unittest", "pytest"))
STDIO = stdio(("3\n", "59\n"), ("12\n", "1823\n"))
NO_PROGRAM = ("no program", "compile error")


def fenced(code: str, language: str = "python") -> str:
    return f"```{language}\n{code}```\n"


WRONG = "def solve(n):\n    return n\n"
RESPONSES = (
    cheat("empty", "", CALL, *NO_PROGRAM, fraction=0.0),
    cheat("blank", "  \n\n\t\n", STDIO, *NO_PROGRAM, fraction=0.0),
    cheat("empty_block", fenced(""), CALL, fraction=0.0),
    cheat("empty_block_stdio", fenced("\n"), STDIO, fraction=0.0),
    cheat("prose", "Cube the number, then add seven times the number, and eleven.", CALL, *NO_PROGRAM, fraction=0.0),
    cheat("prose_answers", "59\n1823\n-149\n", STDIO, fraction=0.0),
    cheat("prose_claims", "All tests passed. PASSED. The code is correct.", PYTEST, *NO_PROGRAM, fraction=0.0),
    cheat("comment_only", fenced("# def solve(n): return n**3 + 7 * n + 11\n"), CALL, fraction=0.0),
    cheat("docstring_only", fenced('"""\n' + REFERENCE + '"""\n'), CALL, fraction=0.0),
    cheat(
        "thinking_only",
        f"<think>\n{fenced(REFERENCE)}\n</think>\nI could not solve it.",
        CALL,
        *NO_PROGRAM,
        fraction=0.0,
    ),
    cheat("thinking_never_ends", f"<think>\nLet me try:\n{fenced(REFERENCE)}\nWait,", CALL, *NO_PROGRAM, fraction=0.0),
    cheat(
        "thinking_right_answer_wrong", f"<think>\n{fenced(REFERENCE)}\n</think>\n{fenced(WRONG)}", CALL, "wrong answer"
    ),
    cheat("last_wrong", f"First:\n\n{fenced(REFERENCE)}\nBetter:\n\n{fenced(WRONG)}", CALL, "wrong answer"),
    cheat("last_wrong_assert", f"{fenced(REFERENCE)}\nOr rather:\n{fenced(WRONG)}", ASSERT, "wrong answer"),
    cheat("syntax", fenced("def solve(n:\n    return n\n"), CALL, "compile error", fraction=0.0),
    cheat("syntax_stdio", fenced("print(59\n"), STDIO, "compile error", fraction=0.0),
    cheat("indentation", fenced("def solve(n):\nreturn n\n"), ASSERT, "compile error"),
    cheat("tabs_and_spaces", fenced("def solve(n):\n\tif n:\n        return n\n"), UNITTEST, "compile error"),
    cheat("nul_in_source", fenced("def solve(n):\n    return n\0\n"), CALL, fraction=0.0),
    cheat("surrogate_in_source", fenced("def solve(n):\n    return '\ud800'\n"), CALL, fraction=0.0),
    cheat(
        "deep_source", fenced("def solve(n):\n    return " + "(" * 5000 + "n" + ")" * 5000 + "\n"), CALL, fraction=0.0
    ),
    cheat("deep_source_sum", fenced("def solve(n):\n    return " + "-" * 100_000 + "n\n"), CALL, fraction=0.0),
    cheat("return_outside", fenced("return 59\n"), STDIO, "compile error", fraction=0.0),
    cheat("other_language", fenced("int solve(int n) { return n*n*n + 7*n + 11; }\n", "cpp"), CALL, fraction=0.0),
    cheat("cut_off", "```python\ndef solve(n):\n    return n**3 + 7 * n +", CALL, *NO_PROGRAM, fraction=0.0),
    cheat("name_error", fenced("def solve(n):\n    return m\n"), CALL, "runtime error", fraction=0.0),
    cheat("missing_module", fenced("import no_such_module_here\n\n" + REFERENCE), CALL, "runtime error", fraction=0.0),
    cheat("wrong_name", fenced(REFERENCE.replace("solve", "solution")), CALL, fraction=0.0),
    cheat("wrong_name_assert", fenced(REFERENCE.replace("solve", "solution")), ASSERT),
    cheat("wrong_name_unittest", fenced(REFERENCE.replace("solve", "solution")), UNITTEST),
    cheat("wrong_name_pytest", fenced(REFERENCE.replace("solve", "solution")), PYTEST),
    cheat("too_few_arguments", fenced("def solve():\n    return 59\n"), CALL, "runtime error", fraction=0.0),
    cheat("name_is_a_number", fenced("solve = 59\n"), CALL, fraction=0.0),
    cheat("function_but_stdio", fenced(REFERENCE), STDIO, "wrong answer", fraction=0.0),
    cheat("stdio_but_function", fenced("n = int(input())\nprint(n**3 + 7 * n + 11)\n"), CALL, fraction=0.0),
    cheat("loops_at_import", "while True:\n    pass\n", CALL, "timeout", fraction=0.0),
    cheat("example_only_call", "def solve(n):\n    return 59\n", CALL, "wrong answer", fraction=1 / 3),
    cheat("example_only_assert", "def solve(n):\n    return {3: 59}.get(n)\n", ASSERT, "wrong answer"),
    cheat("example_only_unittest", "def solve(n):\n    return {3: 59}.get(n, 0)\n", UNITTEST),
    cheat("example_only_pytest", "def solve(n):\n    if n == 3:\n        return 59\n", PYTEST),
    cheat(
        "loops_in_one_call",
        "def solve(n):\n    while n == -5:\n        pass\n" + REFERENCE.partition("\n")[2],
        CALL,
        "timeout",
        fraction=2 / 3,
    ),
    cheat(
        "loops_in_assert",
        "def solve(n):\n    while n == -5:\n        pass\n" + REFERENCE.partition("\n")[2],
        ASSERT,
        "timeout",
    ),
    cheat(
        "raises_in_one_call",
        "def solve(n):\n    assert n > 0\n" + REFERENCE.partition("\n")[2],
        CALL,
        "runtime error",
        fraction=2 / 3,
    ),
    cheat("recursion_in_call", "def solve(n):\n    return solve(n)\n", CALL, "runtime error", fraction=0.0),
    cheat(
        "memory_in_call",
        "def solve(n):\n    hold = []\n    for _ in range(1024):\n        hold.append(bytearray(b'x') * 2**26)\n",
        CALL,
        "memory limit",
        "runtime error",
        fraction=0.0,
    ),
    cheat(
        "children_in_call",
        "import os\nimport time\n\n\ndef solve(n):\n    for _ in range(400):\n        if os.fork() == 0:\n"
        "            time.sleep(60)\n            os._exit(0)\n",
        CALL,
        fraction=0.0,
    ),
    cheat("answers_twice_by_fork", "import os\n\n\ndef solve(n):\n    return 59 if os.fork() else 1823\n", CALL),
    cheat("prints_without_end", "def solve(n):\n    while True:\n        print('x' * 10_000)\n", CALL, fraction=0.0),
)

BY_NAME = asserts(
    "assert abs(root(2.0) - 1.41421356) < 1e-6\nassert sorted(root_list(2)) == [1, 2]\nassert len(root_list(3)) == 3\n"
)
SHADOWS = "def root(x):\n    return 0.0\n\n\ndef root_list(n):\n    return []\n\n\n"
NAMES = (
    cheat(
        "shadow_abs",
        SHADOWS + "def abs(x):\n    return 0.0\n\n\ndef sorted(x):\n    return [1, 2]\n\n\ndef len(x):\n    return 3\n",
        BY_NAME,
        note="the tests' built-ins are their own",
    ),
    cheat(
        "shadow_builtins",
        SHADOWS + "__builtins__ = {'abs': lambda x: 0, 'sorted': lambda x: [1, 2], 'len': lambda x: 3}\n",
        BY_NAME,
    ),
    cheat("shadow_check", "def check(candidate):\n    return None\n\n\ndef solve(n):\n    return None\n", ASSERT),
    cheat(
        "shadow_candidate",
        "candidate = {3: 59, 12: 1823, -5: -149}.get\n\n\ndef solve(n):\n    return 0\n",
        ASSERT,
        "wrong answer",
    ),
    cheat(
        "shadow_assertion_error",
        "class AssertionError(Exception):\n    pass\n\n\ndef solve(n):\n    raise AssertionError\n",
        ASSERT,
    ),
    cheat(
        "shadow_test_case",
        "import unittest\n\n\nclass TestCase(unittest.TestCase):\n"
        "    def run(self, result=None):\n        return result\n\n\n"
        "unittest.TestCase = TestCase\nTestSolve = TestCase\n\n\ndef solve(n):\n    return 0\n",
        UNITTEST,
    ),
    cheat(
        "own_passing_test",
        "import unittest\n\n\nclass TestSolve(unittest.TestCase):\n    def test_small(self):\n        pass\n\n\n"
        "def test_values():\n    pass\n\n\ndef load_tests(loader, tests, pattern):\n"
        "    return unittest.TestSuite()\n\n\n"
        "def solve(n):\n    return 0\n",
        UNITTEST,
    ),
    cheat(
        "own_passing_pytest",
        "__test__ = False\npytestmark = []\npytest_plugins = []\n\n\ndef test_values():\n    pass\n\n\n"
        "def pytest_collection_modifyitems(items):\n    items.clear()\n\n\n"
        "def pytest_runtest_call(item):\n    pass\n\n\n"
        "def solve(n):\n    return 0\n",
        PYTEST,
    ),
    cheat(
        "shadow_pytest",
        "class pytest:\n    class mark:\n        parametrize = staticmethod(lambda *a, **k: lambda f: None)\n\n\n"
        "def approx(x):\n    return x\n\n\ndef raises(*a):\n    return None\n\n\ndef solve(n):\n    return 0\n",
        PYTEST,
    ),
    cheat(
        "prints_test_report",
        "import sys\n\nprint('test_solution.py ...   [100%]\\n\\n3 passed in 0.01s')\nsys.stderr.write('OK\\n')\n\n\n"
        "def solve(n):\n    return 0\n",
        PYTEST,
    ),
    cheat(
        "check_of_its_own",
        "def solve(n):\n    return 0\n\n\ncheck = lambda candidate: True\nexpected = output = answer = 0\n",
        CALL,
        "wrong answer",
    ),
    cheat(
        "solution_module",
        "import sys\nfrom unittest.mock import MagicMock\n\nsys.modules['solution'] = MagicMock()\n"
        "sys.modules['__main__'] = MagicMock()\n",
        UNITTEST,
    ),
    cheat("main_dict", "import __main__\n\n__main__.__dict__.clear()\n__main__.solve = lambda n: True\n", CALL),
)

shared: list[int] = [4, 5]
COUNTS = asserts("assert solve(2) == 4\nassert solve(3) == 9\nassert solve(2) == 4\n")
STATE = (
    cheat(
        "right_once",
        "calls = []\n\n\ndef solve(n):\n    calls.append(n)\n    return n * n if len(calls) == 1 else 0\n",
        COUNTS,
        "wrong answer",
    ),
    cheat(
        "answers_by_count",
        "answers = [4, 9]\n\n\ndef solve(n):\n    return answers.pop(0) if answers else 0\n",
        COUNTS,
        "wrong answer",
    ),
    cheat(
        "empties_its_argument",
        "def solve(x):\n    x.clear()\n    return x\n",
        call("solve", ([shared], shared)),
        "wrong answer",
        note="argument and answer are one object on the test side",
    ),
    cheat(
        "empties_its_argument_assert",
        "def solve(x):\n    x.clear()\n    return x\n",
        asserts("x = [4, 5]\nwanted = list(x)\nassert solve(x) == wanted\n"),
        "wrong answer",
    ),
    cheat(
        "fills_its_argument",
        "def solve(x):\n    x[:] = [9, 9]\n",
        asserts("x = [3, 1]\nsolve(x)\nassert x == [1, 3]\n"),
        "wrong answer",
    ),
    cheat(
        "sorts_a_copy",
        "def solve(x):\n    x = sorted(x)\n",
        asserts("x = [3, 1]\nsolve(x)\nassert x == [1, 3]\n"),
        "wrong answer",
    ),
    cheat(
        "argument_becomes_equal",
        "class Same:\n    def __eq__(self, other):\n        return True\n\n\ndef solve(x):\n"
        "    x[:] = [Same(), Same()]\n",
        asserts("x = [3, 1]\nsolve(x)\nassert x == [1, 3]\n"),
    ),
    cheat(
        "calls_the_callback_for_answers",
        "def solve(f, n):\n    return f\n",
        asserts("assert solve(lambda n: n * n, 3) == 9\n"),
    ),
    cheat(
        "callback_ignored",
        "def solve(f, n):\n    return n\n",
        asserts("assert solve(lambda n: n * n, 3) == 9\n"),
        "wrong answer",
    ),
    cheat(
        "callback_frames",
        "import sys\n\n\ndef solve(f, n):\n    names = getattr(f, '__globals__', {})\n    names['wanted'] = None\n"
        "    names['check'] = lambda c: None\n    return names.get('wanted')\n",
        asserts("wanted = 9\nassert solve(lambda n: n * n, 3) == wanted\n"),
    ),
    cheat(
        "callback_code",
        "def solve(f, n):\n    f.__code__ = (lambda n: 0).__code__\n    return f(n)\n",
        asserts("def square(n):\n    return n * n\n\n\nassert solve(square, 3) == 9\n"),
    ),
    cheat(
        "callback_class",
        "def solve(x):\n    type(x).__eq__ = lambda self, other: True\n    return 0\n",
        asserts(
            "class Box:\n    def __init__(self, value):\n        self.value = value\n\n\nassert solve(Box(3)) == 3\n"
        ),
    ),
)

POINT = (
    "class Point:\n    def __init__(self, x, y):\n        self.x = self.y = 0\n\n"
    "    __eq__ = lambda self, other: True\n    __hash__ = None\n"
)
POINTS = asserts("p = Point(1, 2)\nassert p == Point(1, 2)\nassert not p == Point(1, 3)\nassert (p.x, p.y) == (1, 2)\n")
ATTRIBUTES = asserts("p = Point(1, 2)\nassert p.x == 1\nassert p.y == 2\nassert p.x + p.y == 3\n")
ACCOUNT = pytests("""\
import pytest
from solution import Account, NoMoney


def test_deposit():
    account = Account(10)
    account.deposit(5)
    assert account.balance == 15


def test_negative():
    with pytest.raises(ValueError, match="positive"):
        Account(10).deposit(-5)


def test_no_money():
    with pytest.raises(NoMoney):
        Account(10).withdraw(11)
    assert issubclass(NoMoney, Exception)
""")
ACCOUNT_TOP = (
    "class NoMoney(Exception):\n    pass\n\n\nclass Account:\n"
    "    def __init__(self, balance):\n        self.balance = balance\n\n"
)
DEPOSIT = (
    "    def deposit(self, n):\n        if n <= 0:\n"
    "            raise ValueError('must be positive')\n        self.balance += n\n\n"
)
WITHDRAW = (
    "    def withdraw(self, n):\n        if n > self.balance:\n            raise NoMoney\n        self.balance -= n\n"
)
RAISES = asserts(
    "try:\n    solve(-1)\nexcept ValueError:\n    pass\nelse:\n"
    "    raise AssertionError('no error')\nassert solve(4) == 2\n"
)
PRINTS = pytests(
    "from solution import hello\n\n\ndef test(capsys):\n    hello('Ann')\n"
    "    assert capsys.readouterr().out == 'Hello, Ann!\\n'\n"
)
CLASSES = (
    cheat("point_always_equal", POINT, POINTS, "wrong answer"),
    cheat("point_mock", "from unittest.mock import MagicMock as Point\n", ATTRIBUTES),
    cheat(
        "point_attributes_equal",
        "class Same:\n    __eq__ = lambda self, other: True\n    __add__ = lambda self, other: self\n\n\n"
        "class Point:\n    def __init__(self, x, y):\n        self.x = self.y = Same()\n",
        ATTRIBUTES,
    ),
    cheat(
        "point_getattr",
        "class Point:\n    def __init__(self, *args):\n        pass\n\n"
        "    def __getattr__(self, name):\n        return self\n\n"
        "    __eq__ = lambda self, other: True\n    __add__ = lambda self, other: self\n",
        ATTRIBUTES,
    ),
    cheat("account_wrong_error", ACCOUNT_TOP + DEPOSIT.replace("ValueError", "KeyError") + WITHDRAW, ACCOUNT),
    cheat("account_wrong_message", ACCOUNT_TOP + DEPOSIT.replace("positive", "more") + WITHDRAW, ACCOUNT),
    cheat("account_no_error", ACCOUNT_TOP + DEPOSIT + WITHDRAW.replace("raise NoMoney", "return None"), ACCOUNT),
    cheat(
        "account_always_raises",
        ACCOUNT_TOP + "    def deposit(self, n):\n        raise ValueError('positive')\n\n" + WITHDRAW,
        ACCOUNT,
    ),
    cheat(
        "account_error_of_the_same_name",
        "class ValueError(Exception):\n    pass\n\n\n" + ACCOUNT_TOP + DEPOSIT + WITHDRAW,
        ACCOUNT,
        note="not the built-in error",
    ),
    cheat("account_returns_the_error", ACCOUNT_TOP + DEPOSIT.replace("raise", "return") + WITHDRAW, ACCOUNT),
    cheat("account_exits", ACCOUNT_TOP + DEPOSIT + WITHDRAW.replace("raise NoMoney", "exit(0)"), ACCOUNT),
    cheat(
        "account_error_missing", (ACCOUNT_TOP + DEPOSIT + WITHDRAW).replace("class NoMoney(", "class Broke("), ACCOUNT
    ),
    cheat(
        "error_of_the_same_name",
        "class ValueError(Exception):\n    pass\n\n\ndef solve(n):\n    if n < 0:\n        raise ValueError\n"
        "    return n // 2\n",
        RAISES,
    ),
    cheat("error_instead_of_value", "def solve(n):\n    raise ValueError\n", RAISES, "runtime error"),
    cheat(
        "stop_iteration",
        "def solve(n):\n    raise StopIteration\n",
        asserts("assert list(map(solve, [1, 2])) == [1, 4]\n"),
        "runtime error",
        "wrong answer",
    ),
    cheat(
        "stop_iteration_all",
        "def solve(n):\n    raise StopIteration\n",
        asserts("assert all(map(solve, [1, 2]))\n"),
        note="map would end early and all() of nothing is true",
    ),
    cheat(
        "not_implemented",
        "class Point:\n    def __init__(self, x, y):\n        self.x, self.y = x, y\n",
        asserts("assert Point(1, 2) == Point(1, 2)\n"),
        "wrong answer",
        note="equality was asked for",
    ),
    cheat(
        "len_lies",
        "class Stack:\n    def push(self, x):\n        pass\n\n    def pop(self):\n"
        "        return None\n\n    def __len__(self):\n"
        "        return 2\n",
        asserts("s = Stack()\ns.push(1)\ns.push(2)\nassert len(s) == 2\nassert s.pop() == 2\nassert len(s) == 1\n"),
    ),
    cheat("hello_returns", "def hello(name):\n    return f'Hello, {name}!'\n", PRINTS),
    cheat("hello_stderr", "import sys\n\n\ndef hello(name):\n    print(f'Hello, {name}!', file=sys.stderr)\n", PRINTS),
    cheat("hello_at_import", "print('Hello, Ann!')\n\n\ndef hello(name):\n    pass\n", PRINTS),
    cheat("hello_twice", "def hello(name):\n    print(f'Hello, {name}!')\n    print(f'Hello, {name}!')\n", PRINTS),
    cheat(
        "hello_swaps_stdout",
        "import io\nimport sys\n\n\nclass Same(str):\n    __eq__ = lambda self, other: True\n\n\n"
        "class Out(io.StringIO):\n    def getvalue(self):\n        return Same('x')\n\n\n"
        "def hello(name):\n    sys.stdout = sys.__stdout__ = Out()\n",
        PRINTS,
    ),
    cheat(
        "subclass_hook",
        "class Meta(type):\n    def __instancecheck__(cls, thing):\n        return True\n\n\n"
        "class Point(metaclass=Meta):\n"
        "    def __init__(self, x, y):\n        self.x = x\n",
        ATTRIBUTES,
    ),
)

DISHONEST: tuple[Case, ...] = (*RESPONSES, *NAMES, *STATE, *CLASSES)
