"""Good programs under pytest modules."""

from __future__ import annotations

from tests.verifiers.code_cases import Case, good, pytests
from tests.verifiers.code_cases.honest_unittest import ACCOUNT, ADD

ACCOUNT_TESTS = """\
import pytest

from solution import BankAccount, InsufficientFunds


@pytest.fixture
def account():
    return BankAccount("Ann", 100)


@pytest.fixture
def history(account):
    account.deposit(1)
    yield account.history
    account.history.clear()


class TestAccount:
    def test_start(self, account):
        assert account.owner == "Ann"
        assert account.balance == 100

    @pytest.mark.parametrize("amount, left", [(10, 90), (100, 0)])
    def test_withdraw(self, account, amount, left):
        assert account.withdraw(amount) == left
        assert account.balance == left

    def test_history(self, history):
        assert history == [("deposit", 1)]


def test_errors(account):
    with pytest.raises(InsufficientFunds):
        account.withdraw(101)
    with pytest.raises(ValueError, match="must be positive"):
        account.deposit(-1)
    with pytest.raises(ValueError) as caught:
        account.deposit(0)
    assert "not 0" in str(caught.value)
    assert caught.type is ValueError


def test_transfer(account):
    other = BankAccount("Bob")
    account.transfer(other, 30)
    assert (account.balance, other.balance) == (70, 30)
"""
SAFE = (
    "def divide(a, b):\n    if b == 0:\n"
    "        raise ZeroDivisionError('division by zero is not allowed')\n    return a / b\n"
)


def module(*lines: str, imports: str = "from solution import *") -> dict[str, object]:
    body = "\n".join(f"    {line}" for line in lines)
    return pytests(f"import pytest\n{imports}\n\n\ndef test_it():\n{body}\n")


HONEST: tuple[Case, ...] = (
    good("account", ACCOUNT, pytests(ACCOUNT_TESTS)),
    good("account_fenced", f"<think>Keep a list.</think>\nHere:\n```python\n{ACCOUNT}```\n", pytests(ACCOUNT_TESTS)),
    good("from_import", ADD, pytests("from solution import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n")),
    good("import_module", ADD, pytests("import solution\n\n\ndef test_add():\n    assert solution.add(1, 2) == 3\n")),
    good(
        "import_inside_test",
        ADD,
        pytests("def test_add():\n    from solution import add\n\n    assert add(1, 2) == 3\n"),
    ),
    good("names_used_directly", ADD, pytests("def test_add():\n    assert add(1, 2) == 3\n")),
    good("import_star", ADD, module("assert add([1], [2]) == [1, 2]")),
    good(
        "parametrize",
        ADD,
        pytests(
            "import pytest\nfrom solution import add\n\n\n@pytest.mark.parametrize('a', [1, 2])\n"
            "@pytest.mark.parametrize('b', [3, pytest.param(4, id='four')])\n"
            "def test(a, b):\n    assert add(a, b) == a + b\n"
        ),
    ),
    good(
        "parametrize_ids",
        ADD,
        pytests(
            "import pytest\nfrom solution import add\n\n"
            "CASES = [((1, 2), 3), (('a', 'b'), 'ab')]\n\n\n"
            "@pytest.mark.parametrize(('args', 'wanted'), CASES, ids=['numbers', 'text'])\n"
            "def test(args, wanted):\n    assert add(*args) == wanted\n"
        ),
    ),
    good(
        "approx",
        SAFE,
        module(
            "assert divide(1, 3) == pytest.approx(0.333333, rel=1e-4)",
            "assert divide(1, 2) == pytest.approx(0.5)",
            "assert pytest.approx(2.0) == divide(4, 2)",
            "assert [divide(1, 4), divide(1, 8)] == pytest.approx([0.25, 0.125])",
        ),
    ),
    good(
        "approx_values",
        "def stats(x):\n    return {'mean': sum(x) / len(x), 'max': max(x)}\n\n\ndef halves(x):\n"
        "    return [v / 2 for v in x]\n",
        module(
            "assert stats([0.1, 0.2]) == pytest.approx({'mean': 0.15, 'max': 0.2})",
            "assert halves([0.1, 0.3]) == pytest.approx([0.05, 0.15])",
        ),
    ),
    good(
        "raises", SAFE, module("with pytest.raises(ZeroDivisionError):", "    divide(1, 0)", "assert divide(4, 2) == 2")
    ),
    good(
        "raises_match",
        SAFE,
        module("with pytest.raises(ZeroDivisionError, match=r'by zero .* allowed$'):", "    divide(1, 0)"),
    ),
    good(
        "raises_value",
        SAFE,
        module(
            "with pytest.raises(ArithmeticError) as info:",
            "    divide(1, 0)",
            "assert str(info.value) == 'division by zero is not allowed'",
            "assert isinstance(info.value, ZeroDivisionError)",
            "assert info.value.args[0].startswith('division')",
        ),
    ),
    good("raises_several", SAFE, module("with pytest.raises((TypeError, ValueError)):", "    divide('a', 2)")),
    good(
        "raises_custom",
        "class Error(Exception):\n    pass\n\n\nclass NotFound(Error):\n"
        "    def __init__(self, key):\n        super().__init__(f'no {key}')\n"
        "        self.key = key\n\n\ndef find(d, key):\n    if key not in d:\n"
        "        raise NotFound(key)\n    return d[key]\n",
        module(
            "with pytest.raises(NotFound) as info:",
            "    find({}, 'x')",
            "assert info.value.key == 'x'",
            "with pytest.raises(Error, match='no y'):",
            "    find({'x': 1}, 'y')",
            "assert find({'x': 1}, 'x') == 1",
            "assert issubclass(NotFound, Error)",
        ),
    ),
    good(
        "raises_not_implemented",
        "from abc import ABC, abstractmethod\n\n\nclass Shape(ABC):\n    @abstractmethod\n"
        "    def area(self):\n        ...\n\n\nclass Square(Shape):\n    def __init__(self, a):\n"
        "        self.a = a\n\n"
        "    def area(self):\n        return self.a ** 2\n",
        module(
            "with pytest.raises(TypeError):",
            "    Shape()",
            "assert Square(3).area() == 9",
            "assert isinstance(Square(1), Shape)",
        ),
    ),
    good(
        "raises_type_error",
        ADD,
        module("with pytest.raises(TypeError):", "    add(1)", "with pytest.raises(TypeError):", "    add(1, None)"),
    ),
    good(
        "raises_assertion",
        "def positive(n):\n    assert n > 0, 'n must be positive'\n    return n\n",
        module("with pytest.raises(AssertionError, match='positive'):", "    positive(-1)", "assert positive(1) == 1"),
    ),
    good(
        "raises_system_exit",
        "import sys\n\n\ndef main(args):\n    if not args:\n        sys.exit(2)\n    return 0\n",
        module("assert main(['x']) == 0", "with pytest.raises(SystemExit):", "    main([])"),
    ),
    good(
        "raises_stop_iteration",
        "def one():\n    yield 1\n",
        module("g = one()", "assert next(g) == 1", "with pytest.raises(StopIteration):", "    next(g)"),
    ),
    good(
        "capsys",
        "def hello(name):\n    print(f'Hello, {name}!')\n",
        pytests(
            "from solution import hello\n\n\ndef test(capsys):\n    hello('Ann')\n"
            "    assert capsys.readouterr().out == 'Hello, Ann!\\n'\n    hello('日本')\n"
            "    out, err = capsys.readouterr()\n    assert out == 'Hello, 日本!\\n'\n    assert err == ''\n"
        ),
    ),
    good(
        "capsys_stderr",
        "import sys\n\n\ndef warn(x):\n    print('warning:', x, file=sys.stderr)\n    sys.stdout.write('done')\n",
        pytests(
            "from solution import warn\n\n\ndef test(capsys):\n    warn(5)\n"
            "    got = capsys.readouterr()\n    assert got.err == 'warning: 5\\n'\n"
            "    assert got.out == 'done'\n"
        ),
    ),
    good(
        "capsys_and_value",
        "def f(n):\n    print('n is', n)\n    return n + 1\n",
        pytests(
            "from solution import f\n\n\ndef test(capsys):\n    assert f(1) == 2\n"
            "    assert 'n is 1' in capsys.readouterr().out\n"
        ),
    ),
    good(
        "redirect_stdout",
        "def f():\n    print('a', 'b', sep='-')\n",
        module(
            "out = io.StringIO()",
            "with contextlib.redirect_stdout(out):",
            "    f()",
            "assert out.getvalue() == 'a-b\\n'",
            imports="import contextlib\nimport io\nfrom solution import f",
        ),
    ),
    good(
        "fixture_chain",
        ADD,
        pytests(
            "import pytest\nfrom solution import add\n\n\n@pytest.fixture(scope='module')\n"
            "def base():\n    return 10\n\n\n@pytest.fixture(params=[1, 2])\n"
            "def number(request, base):\n    return base + request.param\n\n\n"
            "def test(number):\n    assert add(number, 1) == number + 1\n"
        ),
    ),
    good(
        "set_up_method",
        ADD,
        pytests(
            "from solution import add\n\n\nclass TestAdd:\n    def setup_method(self):\n"
            "        self.n = 1\n\n    def test_one(self):\n        self.n = add(self.n, 1)\n"
            "        assert self.n == 2\n\n"
            "    def test_two(self):\n        assert add(self.n, 5) == 6\n"
        ),
    ),
    good(
        "marks",
        ADD,
        pytests(
            "import sys\n\nimport pytest\nfrom solution import add\n\n\n"
            "@pytest.mark.skipif(sys.version_info < (3,), reason='old')\ndef test():\n"
            "    assert add(1, 1) == 2\n\n\n"
            "@pytest.mark.xfail(reason='by the author of the tests')\ndef test_odd():\n    assert add(1, 1) == 3\n"
        ),
        note="expected to fail by the tests themselves",
    ),
    good(
        "custom_mark",
        ADD,
        pytests(
            "import pytest\nfrom solution import add\n\n\n@pytest.mark.slow\ndef test():\n    assert add(1, 1) == 2\n"
        ),
    ),
    good(
        "unittest_in_pytest",
        ADD,
        pytests(
            "import unittest\nfrom solution import add\n\n\nclass TestAdd(unittest.TestCase):\n"
            "    def test(self):\n        self.assertEqual(add(1, 1), 2)\n"
        ),
    ),
    good(
        "helpers_in_tests",
        ADD,
        pytests(
            "from solution import add\n\n\ndef total(values):\n    result = 0\n"
            "    for value in values:\n        result = add(result, value)\n    return result\n\n\n"
            "def test():\n    assert total([1, 2, 3]) == 6\n"
        ),
    ),
    good(
        "random_in_tests",
        "def order(x):\n    return sorted(x)\n",
        module(
            "rng = random.Random(0)",
            "for _ in range(20):",
            "    x = [rng.randint(0, 9) for _ in range(10)]",
            "    assert order(x) == sorted(x)",
            imports="import random\nfrom solution import order",
        ),
    ),
    good("message", ADD, module("assert add(1, 2) == 3, f'got {add(1, 2)}'")),
    good(
        "set_and_generator",
        "def f(x):\n    return set(x)\n\n\ndef g(n):\n    yield from range(n)\n",
        module("assert f([1, 1, 2]) == {1, 2}", "assert list(g(3)) == [0, 1, 2]", "assert all(v < 3 for v in g(3))"),
    ),
    good(
        "callback",
        "def group(x, key):\n    out = {}\n    for v in x:\n"
        "        out.setdefault(key(v), []).append(v)\n    return out\n",
        module(
            "assert group([1, 2, 3], lambda v: v % 2) == {1: [1, 3], 0: [2]}",
            "assert group(['a', 'bb'], key=len) == {1: ['a'], 2: ['bb']}",
        ),
    ),
    good(
        "callback_error_passes_through",
        "def call(f):\n    return f()\n",
        pytests(
            "import pytest\nfrom solution import call\n\n\nclass Mine(Exception):\n    pass\n\n\n"
            "def boom():\n    raise Mine('x')\n\n\ndef test():\n"
            "    with pytest.raises(Mine):\n        call(boom)\n    assert call(lambda: 4) == 4\n"
        ),
    ),
    good(
        "in_place",
        "def shift(x, k):\n    k %= len(x)\n    x[:] = x[-k:] + x[:-k]\n",
        module("x = [1, 2, 3]", "shift(x, 1)", "assert x == [3, 1, 2]"),
    ),
    good(
        "lru_class",
        "from collections import OrderedDict\n\n\nclass LRUCache:\n"
        "    def __init__(self, size):\n        self.size, self.d = size, OrderedDict()\n\n"
        "    def get(self, k):\n        if k not in self.d:\n            return -1\n"
        "        self.d.move_to_end(k)\n        return self.d[k]\n\n    def put(self, k, v):\n"
        "        self.d[k] = v\n        self.d.move_to_end(k)\n"
        "        if len(self.d) > self.size:\n            self.d.popitem(last=False)\n",
        module(
            "c = LRUCache(2)",
            "c.put(1, 'a')",
            "c.put(2, 'b')",
            "assert c.get(1) == 'a'",
            "c.put(3, 'c')",
            "assert c.get(2) == -1",
            "assert c.get(3) == 'c'",
            "assert len(c.d) == 2",
        ),
    ),
    good(
        "matrix_class",
        "class Matrix:\n    def __init__(self, rows):\n"
        "        self.rows = [list(r) for r in rows]\n\n    def __matmul__(self, o):\n"
        "        return Matrix([[sum(a * b for a, b in zip(r, c)) for c in zip(*o.rows)] for r in self.rows])\n\n"
        "    def __eq__(self, o):\n        return self.rows == o.rows\n\n"
        "    def __getitem__(self, ij):\n        i, j = ij\n        return self.rows[i][j]\n\n"
        "    @property\n    def T(self):\n        return Matrix(zip(*self.rows))\n\n"
        "    @classmethod\n    def eye(cls, n):\n"
        "        return cls([[int(i == j) for j in range(n)] for i in range(n)])\n",
        module(
            "m = Matrix([[1, 2], [3, 4]])",
            "assert m @ Matrix.eye(2) == m",
            "assert m.T[0, 1] == 3",
            "assert (m @ m).rows == [[7, 10], [15, 22]]",
            "assert not m == m.T",
        ),
    ),
    good(
        "tree_class",
        "class Tree:\n    def __init__(self):\n        self.root = None\n"
        "        self.size = 0\n\n    def insert(self, v):\n        if self.root is None:\n"
        "            self.root = Node(v)\n        else:\n            self.root.insert(v)\n"
        "        self.size += 1\n\n"
        "    def __iter__(self):\n        yield from self.root or ()\n\n\nclass Node:\n"
        "    def __init__(self, v):\n        self.v, self.left, self.right = v, None, None\n\n"
        "    def insert(self, v):\n        side = 'left' if v < self.v else 'right'\n"
        "        child = getattr(self, side)\n"
        "        child.insert(v) if child else setattr(self, side, Node(v))\n\n"
        "    def __iter__(self):\n        yield from self.left or ()\n        yield self.v\n"
        "        yield from self.right or ()\n",
        module(
            "t = Tree()",
            "assert list(t) == []",
            "for v in [3, 1, 2]:",
            "    t.insert(v)",
            "assert list(t) == [1, 2, 3]",
            "assert t.size == 3",
            "assert t.root.left.right.v == 2",
            "assert t.root.right is None",
        ),
    ),
    good(
        "context_manager",
        "from contextlib import contextmanager\n\nlog = []\n\n\n@contextmanager\n"
        "def step(name):\n    log.append(f'+{name}')\n    try:\n        yield name.upper()\n"
        "    finally:\n        log.append(f'-{name}')\n",
        module(
            "with solution.step('a') as name:",
            "    assert name == 'A'",
            "assert solution.log == ['+a', '-a']",
            imports="import solution",
        ),
    ),
    good(
        "context_manager_swallows",
        "class Ignore:\n    def __init__(self, *kinds):\n        self.kinds = kinds\n"
        "        self.seen = None\n\n    def __enter__(self):\n        return self\n\n"
        "    def __exit__(self, kind, error, trace):\n"
        "        self.seen = str(error)\n        return kind is not None and issubclass(kind, self.kinds)\n",
        module("with Ignore(ValueError) as i:", "    raise ValueError('x')", "assert i.seen == 'x'"),
    ),
    good(
        "bytes_and_complex",
        "def f(x):\n    return x * 2\n",
        module(
            "assert f(b'ab') == b'abab'",
            "assert f(1 + 2j) == 2 + 4j",
            "assert f((1, 'a')) == (1, 'a', 1, 'a')",
            "assert f(1.5) == 3.0",
        ),
    ),
    good(
        "temporary_path",
        "def count(path):\n    import os\n\n    return os.path.basename(path).count('a')\n",
        pytests(
            "from solution import count\n\n\ndef test(tmp_path):\n    assert count(str(tmp_path / 'banana')) == 3\n"
        ),
        note="only the text of the path is used",
    ),
    good(
        "doc_and_name",
        "def area(r):\n    '''The area of a circle.'''\n    return 3.14159 * r * r\n",
        module(
            "assert area.__name__ == 'area'",
            "assert 'circle' in area.__doc__",
            "assert area(2) == pytest.approx(12.566, abs=1e-3)",
        ),
    ),
)
