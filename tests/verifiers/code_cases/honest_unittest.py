"""Good programs under unittest modules."""

from __future__ import annotations

from tests.verifiers.code_cases import Case, good, unit

ADD = "def add(a, b):\n    return a + b\n"
ACCOUNT = '''\
class InsufficientFunds(Exception):
    """Not enough money."""


class BankAccount:
    bank = "First"

    def __init__(self, owner: str, balance: float = 0.0) -> None:
        self.owner = owner
        self._balance = balance
        self.history = []

    @property
    def balance(self) -> float:
        return self._balance

    def deposit(self, amount: float) -> None:
        if amount <= 0:
            raise ValueError(f"amount must be positive, not {amount}")
        self._balance += amount
        self.history.append(("deposit", amount))

    def withdraw(self, amount: float) -> float:
        if amount > self._balance:
            raise InsufficientFunds(f"{amount} is more than {self._balance}")
        self._balance -= amount
        self.history.append(("withdraw", amount))
        return self._balance

    def transfer(self, other: "BankAccount", amount: float) -> None:
        self.withdraw(amount)
        other.deposit(amount)
'''
ACCOUNT_TESTS = """\
import unittest

from solution import BankAccount, InsufficientFunds


class TestBankAccount(unittest.TestCase):
    def setUp(self):
        self.account = BankAccount("Ann", 100)

    def tearDown(self):
        self.account = None

    def test_start(self):
        self.assertEqual(self.account.owner, "Ann")
        self.assertEqual(self.account.balance, 100)
        self.assertEqual(BankAccount("Bob").balance, 0.0)
        self.assertEqual(BankAccount.bank, "First")

    def test_deposit(self):
        self.account.deposit(50)
        self.assertEqual(self.account.balance, 150)
        self.assertEqual(self.account.history, [("deposit", 50)])

    def test_errors(self):
        with self.assertRaises(ValueError):
            self.account.deposit(-1)
        self.assertRaises(InsufficientFunds, self.account.withdraw, 101)
        with self.assertRaises(InsufficientFunds) as caught:
            self.account.withdraw(200)
        self.assertIn("200", str(caught.exception))
        with self.assertRaisesRegex(ValueError, r"positive, not -?\\d+"):
            self.account.deposit(0)
        self.assertEqual(self.account.balance, 100)

    def test_read_only(self):
        with self.assertRaises(AttributeError):
            self.account.balance = 5

    def test_transfer(self):
        other = BankAccount("Bob")
        self.account.transfer(other, 30)
        self.assertEqual((self.account.balance, other.balance), (70, 30))

    def test_kind(self):
        self.assertIsInstance(self.account, BankAccount)
        self.assertTrue(issubclass(InsufficientFunds, Exception))


if __name__ == "__main__":
    unittest.main()
"""


def cases(body: str, imports: str = "from solution import *") -> dict[str, object]:
    lines = "".join(f"        {line}\n" for line in body.strip().splitlines())
    return unit(f"import unittest\n{imports}\n\n\nclass TestIt(unittest.TestCase):\n    def test_it(self):\n{lines}")


HONEST: tuple[Case, ...] = (
    good("account", ACCOUNT, unit(ACCOUNT_TESTS)),
    good(
        "account_fenced", f"Here is the class.\n\n```python\n{ACCOUNT}```\n\nIt keeps a history.", unit(ACCOUNT_TESTS)
    ),
    good(
        "account_main",
        ACCOUNT + '\n\nif __name__ == "__main__":\n    print(BankAccount("x").balance)\n    exit()\n',
        unit(ACCOUNT_TESTS),
    ),
    good("from_import", ADD, cases("self.assertEqual(add(1, 2), 3)", "from solution import add")),
    good("import_module", ADD, cases("self.assertEqual(solution.add(1, 2), 3)", "import solution")),
    good("import_as", ADD, cases("self.assertEqual(s.add('a', 'b'), 'ab')", "import solution as s")),
    good("import_name_as", ADD, cases("self.assertEqual(plus([1], [2]), [1, 2])", "from solution import add as plus")),
    good("names_used_directly", ADD, cases("self.assertEqual(add(1, 2), 3)", "")),
    good(
        "sub_test",
        ADD,
        cases(
            "for a, b in [(1, 2), (0, 0), (-5, 5)]:\n    with self.subTest(a=a, b=b):\n"
            "        self.assertEqual(add(a, b), a + b)"
        ),
    ),
    good(
        "main_at_end",
        ADD,
        unit(
            "import unittest\nfrom solution import add\n\n\nclass T(unittest.TestCase):\n"
            "    def test(self):\n        self.assertEqual(add(1, 1), 2)\n\n\n"
            "unittest.main()\n"
        ),
    ),
    good(
        "main_with_options",
        ADD,
        unit(
            "import unittest\nfrom solution import add\n\n\nclass T(unittest.TestCase):\n"
            "    def test(self):\n        self.assertEqual(add(1, 1), 2)\n\n\n"
            "if __name__ == '__main__':\n    unittest.main(argv=['first'], exit=False, verbosity=2)\n"
        ),
    ),
    good(
        "two_classes",
        ADD,
        unit(
            "from unittest import TestCase\nfrom solution import add\n\n\nclass A(TestCase):\n"
            "    def test(self):\n        self.assertEqual(add(1, 1), 2)\n\n\n"
            "class B(TestCase):\n    def test(self):\n        self.assertNotEqual(add(1, 1), 3)\n"
        ),
    ),
    good(
        "class_set_up",
        ADD,
        unit(
            "import unittest\nimport solution\n\n\nclass A(unittest.TestCase):\n    @classmethod\n"
            "    def setUpClass(cls):\n        cls.add = staticmethod(solution.add)\n\n"
            "    def helper(self, a):\n        return self.add(a, a)\n\n    def test(self):\n"
            "        self.assertEqual(self.helper(2), 4)\n"
        ),
    ),
    good(
        "a_test_is_skipped",
        ADD,
        unit(
            "import unittest\nfrom solution import add\n\n\nclass A(unittest.TestCase):\n"
            "    def test(self):\n        self.assertEqual(add(1, 1), 2)\n\n"
            "    @unittest.skip('by the author of the tests')\n    def test_later(self):\n        self.fail()\n"
        ),
        note="skipped by the tests themselves",
    ),
    good(
        "almost_equal",
        "def half(x):\n    return x / 2.0\n",
        cases(
            "self.assertAlmostEqual(half(0.3), 0.15)\nself.assertAlmostEqual(half(1), 0.5001, places=3)\n"
            "self.assertAlmostEqual(half(3), 1.4, delta=0.2)"
        ),
    ),
    good(
        "count_equal", "def parts(x):\n    return [*set(x)]\n", cases("self.assertCountEqual(parts([3, 1, 3]), [1, 3])")
    ),
    good(
        "typed_equal",
        "def f():\n    return [1], (2,), {'a': 3}, {4}, 'x'\n",
        cases(
            "a, b, c, d, e = f()\nself.assertListEqual(a, [1])\nself.assertTupleEqual(b, (2,))\n"
            "self.assertDictEqual(c, {'a': 3})\nself.assertSetEqual(d, {4})\n"
            "self.assertMultiLineEqual(e, 'x')\nself.assertSequenceEqual(a, (1,))"
        ),
    ),
    good(
        "other_assertions",
        "def f(x):\n    return x\n",
        cases(
            "self.assertTrue(f(True))\nself.assertFalse(f(0))\nself.assertIsNone(f(None))\n"
            "self.assertIsNotNone(f(1))\nself.assertIs(f(True), True)\n"
            "self.assertIn(f(1), [1, 2])\nself.assertNotIn(f(3), [1, 2])\n"
            "self.assertGreater(f(2), 1)\nself.assertLessEqual(f(2), 2)\n"
            "self.assertIsInstance(f('x'), str)\n"
            "self.assertRegex(f('abc'), 'b')"
        ),
    ),
    good(
        "raises",
        "def root(x):\n    if x < 0:\n        raise ValueError('negative')\n    return x ** 0.5\n",
        cases(
            "with self.assertRaises(ValueError) as c:\n    root(-1)\n"
            "self.assertEqual(str(c.exception), 'negative')\n"
            "self.assertEqual(c.exception.args, ('negative',))\nself.assertEqual(root(4), 2)"
        ),
    ),
    good(
        "raises_several",
        "def f(x):\n    return 10 / x\n",
        cases(
            "with self.assertRaises((ZeroDivisionError, TypeError)):\n    f(0)\n"
            "with self.assertRaises(TypeError):\n    f('a')\n"
            "self.assertRaises(ArithmeticError, f, 0)"
        ),
    ),
    good(
        "raises_wrong_arguments",
        ADD,
        cases("with self.assertRaises(TypeError):\n    add(1)\nwith self.assertRaises(TypeError):\n    add(1, 'a')"),
    ),
    good(
        "redirect_stdout",
        "def table(n):\n    for i in range(1, n + 1):\n        print(i, i * i, sep='\\t')\n",
        cases(
            "out = io.StringIO()\nwith contextlib.redirect_stdout(out):\n    table(2)\n"
            "self.assertEqual(out.getvalue(), '1\\t1\\n2\\t4\\n')",
            "import contextlib\nimport io\nfrom solution import table",
        ),
    ),
    good(
        "patched_stdout",
        "def hello():\n    print('hi')\n",
        unit(
            "import io\nimport unittest\nfrom unittest.mock import patch\n"
            "from solution import hello\n\n\nclass T(unittest.TestCase):\n"
            "    @patch('sys.stdout', new_callable=io.StringIO)\n    def test(self, out):\n"
            "        hello()\n        self.assertEqual(out.getvalue().strip(), 'hi')\n"
        ),
    ),
    good(
        "mock_callback",
        "def each(x, f):\n    for v in x:\n        f(v)\n",
        cases(
            "f = Mock()\neach([1, 2], f)\nself.assertEqual(f.call_count, 2)\nf.assert_called_with(2)",
            "from unittest.mock import Mock\nfrom solution import each",
        ),
    ),
    good(
        "in_place",
        "def move_zeroes(x):\n    k = 0\n    for i, v in enumerate(x):\n        if v:\n"
        "            x[k], x[i] = x[i], x[k]\n            k += 1\n",
        cases("x = [0, 1, 0, 3]\nself.assertIsNone(move_zeroes(x))\nself.assertEqual(x, [1, 3, 0, 0])"),
    ),
    good(
        "stack",
        "class Stack:\n    def __init__(self):\n        self._x = []\n\n    def push(self, v):\n"
        "        self._x.append(v)\n        return self\n\n    def pop(self):\n"
        "        if not self._x:\n"
        "            raise IndexError('pop from empty stack')\n        return self._x.pop()\n\n"
        "    def __len__(self):\n        return len(self._x)\n\n    def __contains__(self, v):\n"
        "        return v in self._x\n",
        cases(
            "s = Stack().push(1).push('b')\nself.assertEqual(len(s), 2)\nself.assertIn('b', s)\n"
            "self.assertEqual(s.pop(), 'b')\nself.assertEqual(s.pop(), 1)\n"
            "with self.assertRaisesRegex(IndexError, 'empty'):\n    s.pop()"
        ),
    ),
    good(
        "objects_equal",
        "class Money:\n    def __init__(self, n):\n        self.n = n\n\n"
        "    def __eq__(self, o):\n        return isinstance(o, Money) and self.n == o.n\n\n"
        "    def __add__(self, o):\n        return Money(self.n + o.n)\n\n"
        "    def __lt__(self, o):\n        return self.n < o.n\n",
        cases(
            "self.assertEqual(Money(1) + Money(2), Money(3))\n"
            "self.assertNotEqual(Money(1), Money(2))\nself.assertLess(Money(1), Money(2))\n"
            "self.assertEqual(sorted([Money(3), Money(1)])[0].n, 1)"
        ),
    ),
    good(
        "subclass_in_test",
        "class Shape:\n    def __init__(self, name='shape'):\n        self.name = name\n\n"
        "    def area(self):\n        raise NotImplementedError\n\n    def describe(self):\n"
        "        return f'{self.name}: {self.area()}'\n",
        unit(
            "import unittest\nfrom solution import Shape\n\n\nclass Square(Shape):\n"
            "    def __init__(self, a):\n        super().__init__('square')\n        self.a = a\n\n"
            "    def area(self):\n        return self.a ** 2\n\n\n"
            "class T(unittest.TestCase):\n    def test(self):\n"
            "        self.assertEqual(Square(3).describe(), 'square: 9')\n"
            "        self.assertIsInstance(Square(1), Shape)\n"
            "        with self.assertRaises(NotImplementedError):\n            Shape().area()\n"
        ),
    ),
    good(
        "warnings",
        "import warnings\n\n\ndef old():\n    warnings.warn('use new', DeprecationWarning)\n    return 1\n",
        cases("self.assertEqual(old(), 1)"),
    ),
    good(
        "constants",
        "PI = 3.14\nPRIMES = (2, 3, 5)\n__version__ = '1.0'\n",
        cases("self.assertEqual(solution.PI, 3.14)\nself.assertEqual(solution.PRIMES[-1], 5)", "import solution"),
    ),
    good(
        "generator",
        "def fib():\n    a, b = 0, 1\n    while True:\n        yield a\n        a, b = b, a + b\n",
        cases(
            "g = fib()\nself.assertEqual([next(g) for _ in range(6)], [0, 1, 1, 2, 3, 5])", "from solution import fib"
        ),
    ),
)
