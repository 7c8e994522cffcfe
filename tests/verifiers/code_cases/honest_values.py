"""Good programs whose values JSON does not know, or whose argument the tests look at again."""

from __future__ import annotations

from tests.verifiers.code_cases import Case, good, shown

VALUES = (
    good(
        "tuple",
        *shown(
            "def f(a, b):\n    return b, a\n",
            "assert f(1, 2) == (2, 1)",
            "x, y = f(1, 2)",
            "assert (x, y) == (2, 1)",
            "assert f(1, 2) != [2, 1]",
            "assert isinstance(f(1, 2), tuple)",
        ),
    ),
    good(
        "set",
        *shown(
            "def f(x):\n    return {v % 3 for v in x}\n",
            "assert f([1, 4, 2]) == {1, 2}",
            "assert 1 in f([1])",
            "assert f({3, 6}) == {0}",
            "assert f([1]) | {5} == {1, 5}",
            "assert len(f([])) == 0",
        ),
    ),
    good(
        "frozenset",
        *shown(
            "def f(x):\n    return frozenset(x)\n",
            "assert f('aab') == frozenset('ab')",
            "assert {f('a'): 1}[frozenset('a')] == 1",
        ),
    ),
    good(
        "set_of_tuples",
        *shown("def f(n):\n    return {(i, n - i) for i in range(n)}\n", "assert f(2) == {(0, 2), (1, 1)}"),
    ),
    good(
        "dict_of_tuples",
        *shown(
            "def f(n):\n    return {(i, j): i * j for i in range(n) for j in range(n)}\n",
            "assert f(2)[1, 1] == 1",
            "assert f(2) == {(0, 0): 0, (0, 1): 0, (1, 0): 0, (1, 1): 1}",
        ),
    ),
    good(
        "int_keys",
        *shown(
            "def f(x):\n    return {k: len(k) for k in x} | {1: 'a', None: 'b', 2.5: 'c'}\n",
            "assert f(['xy']) == {'xy': 2, 1: 'a', None: 'b', 2.5: 'c'}",
        ),
    ),
    good(
        "complex",
        *shown(
            "def f(a, b):\n    return complex(a, b) ** 2\n",
            "assert f(1, 2) == -3 + 4j",
            "assert f(0, 1).real == -1",
            "assert abs(f(3, 4)) == 25.0",
        ),
    ),
    good(
        "bytes",
        *shown(
            "def f(s):\n    return s.encode()\n", "assert f('é') == b'\\xc3\\xa9'", "assert f('ab').hex() == '6162'"
        ),
    ),
    good(
        "bytes_argument",
        *shown("def f(b):\n    return bytearray(b[::-1])\n", "assert f(b'\\x00\\xff') == b'\\xff\\x00'"),
    ),
    good(
        "decimal",
        *shown(
            "from decimal import Decimal\n\n\ndef f(a, b):\n    return Decimal(a) + Decimal(b)\n",
            "from decimal import Decimal",
            "assert f('0.1', '0.2') == Decimal('0.3')",
            "assert f('1', '2') == 3",
        ),
    ),
    good(
        "fraction",
        *shown(
            "from fractions import Fraction\n\n\ndef f(a, b):\n    return Fraction(a, b)\n",
            "from fractions import Fraction",
            "assert f(6, 4) == Fraction(3, 2)",
            "assert f(6, 3) == 2",
            "assert f(1, 2) == 0.5",
            "assert f(1, 3) + f(2, 3) == 1",
        ),
    ),
    good(
        "datetime",
        *shown(
            "from datetime import date, timedelta\n\n\ndef f(y, m, d):\n    return date(y, m, d) + timedelta(days=1)\n",
            "import datetime",
            "assert f(2024, 2, 28) == datetime.date(2024, 2, 29)",
            "assert f(2023, 12, 31).year == 2024",
        ),
    ),
    good(
        "range",
        *shown(
            "def f(n):\n    return range(n)\n",
            "assert list(f(3)) == [0, 1, 2]",
            "assert len(f(3)) == 3",
            "assert f(3)[1] == 1",
        ),
    ),
    good(
        "generator",
        *shown(
            "def f(n):\n    for i in range(n):\n        yield i * i\n",
            "assert list(f(3)) == [0, 1, 4]",
            "assert sum(f(4)) == 14",
            "g = f(2)",
            "assert next(g) == 0",
            "assert next(g) == 1",
            "assert next(g, None) is None",
            "assert sorted(f(3), reverse=True) == [4, 1, 0]",
        ),
    ),
    good(
        "infinite_generator",
        *shown(
            "def naturals():\n    n = 0\n    while True:\n        yield n\n        n += 1\n",
            "from itertools import islice",
            "assert list(islice(naturals(), 4)) == [0, 1, 2, 3]",
        ),
    ),
    good(
        "generator_stops",
        *shown(
            "def f():\n    yield 1\n",
            "g = f()",
            "next(g)",
            "try:",
            "    next(g)",
            "except StopIteration:",
            "    pass",
            "else:",
            "    assert False",
        ),
    ),
    good(
        "map_and_zip",
        *shown(
            "def f(x):\n    return map(str, x)\n\n\ndef g(a, b):\n    return zip(a, b)\n",
            "assert list(f([1, 2])) == ['1', '2']",
            "assert dict(g('ab', [1, 2])) == {'a': 1, 'b': 2}",
        ),
    ),
    good(
        "counter",
        *shown(
            "from collections import Counter\n\n\ndef f(s):\n    return Counter(s)\n",
            "assert f('aab') == {'a': 2, 'b': 1}",
            "from collections import Counter",
            "assert f('aab') == Counter('aba')",
            "assert f('aab')['a'] == 2",
        ),
    ),
    good(
        "deque",
        *shown(
            "from collections import deque\n\n\ndef f(x, n):\n    d = deque(x)\n    d.rotate(n)\n    return d\n",
            "assert list(f([1, 2, 3], 1)) == [3, 1, 2]",
            "from collections import deque",
            "assert f([1, 2], 1) == deque([2, 1])",
        ),
    ),
    good(
        "defaultdict",
        *shown(
            "from collections import defaultdict\n\n\ndef f(words):\n    d = defaultdict(list)\n    for w in words:\n"
            "        d[len(w)].append(w)\n    return d\n",
            "assert f(['a', 'bb', 'c']) == {1: ['a', 'c'], 2: ['bb']}",
        ),
    ),
    good(
        "ordered_dict",
        *shown(
            "from collections import OrderedDict\n\n\ndef f(x):\n    return OrderedDict(sorted(x.items()))\n",
            "assert f({'b': 1, 'a': 2}) == {'a': 2, 'b': 1}",
            "assert list(f({'b': 1, 'a': 2})) == ['a', 'b']",
        ),
    ),
    good(
        "namedtuple",
        *shown(
            "from collections import namedtuple\n\nPoint = namedtuple('Point', ['x', 'y'])\n\n\n"
            "def f(a, b):\n    return Point(a, b)\n",
            "assert f(1, 2) == (1, 2)",
            "assert f(1, 2).x == 1",
            "assert f(1, 2).y == 2",
            "a, b = f(3, 4)",
            "assert a + b == 7",
        ),
    ),
    good(
        "big_int", *shown("def f(n):\n    return 7 ** n\n", "assert f(6000) == 7 ** 6000", "assert f(6000) % 10 == 1")
    ),
    good(
        "floats",
        *shown(
            "def f(x):\n    return x / 3\n",
            "assert abs(f(1.0) - 0.333333) < 1e-5",
            "assert round(f(2.0), 2) == 0.67",
            "assert f(float('inf')) == float('inf')",
            "assert 0.3 < f(1) < 0.34",
            "assert f(1) * 3 == 1.0",
        ),
    ),
    good(
        "nan",
        *shown("def f():\n    return float('nan')\n", "import math", "assert math.isnan(f())", "assert f() != f()"),
    ),
    good("none", *shown("def f(x):\n    pass\n", "assert f(1) is None", "assert f(1) == None")),
    good(
        "nested_200",
        *shown(
            "def f(n):\n    x = []\n    for _ in range(n):\n        x = [x]\n    return x\n",
            "x = f(200)",
            "n = 0",
            "while x:",
            "    x, n = x[0], n + 1",
            "assert n == 200",
        ),
    ),
    good(
        "strings",
        *shown(
            "def f(s):\n    return s.title()\n",
            "assert f('ab cd').split() == ['Ab', 'Cd']",
            "assert f('x').lower() == 'x'",
            "assert 'Ab' in f('ab')",
            "assert f('ñandú') == 'Ñandú'",
            "assert f'{f(\"a\")}!' == 'A!'",
            "assert f('ab')[0] == 'A'",
        ),
    ),
    good(
        "type_of",
        *shown(
            "def f(x):\n    return x\n",
            "assert type(f(1)) is int",
            "assert type(f(True)) is bool",
            "assert type(f(1.0)) == float",
            "assert type(f('a')) is str",
            "assert type(f([])) is list",
            "assert isinstance(f({}), dict)",
            "assert f(1) is not None",
        ),
    ),
    good(
        "no_names_of_json",
        *shown("def true():\n    return True\n\n\nnull = None\n", "assert true() is True", "assert null is None"),
    ),
)

ARGUMENTS = (
    good(
        "sorts_in_place",
        *shown("def f(x):\n    x.sort()\n", "x = [3, 1, 2]", "assert f(x) is None", "assert x == [1, 2, 3]"),
    ),
    good(
        "reverses_in_place",
        *shown("def f(s):\n    s[:] = s[::-1]\n", "s = list('abc')", "f(s)", "assert s == ['c', 'b', 'a']"),
    ),
    good(
        "changes_a_dict",
        *shown(
            "def f(d):\n    d['n'] = d.get('n', 0) + 1\n    d.pop('old', None)\n",
            "d = {'old': 1}",
            "f(d)",
            "f(d)",
            "assert d == {'n': 2}",
        ),
    ),
    good(
        "changes_a_set",
        *shown(
            "def f(s, x):\n    s.add(x)\n    return len(s)\n", "s = {1}", "assert f(s, 2) == 2", "assert s == {1, 2}"
        ),
    ),
    good(
        "changes_a_matrix",
        *shown(
            "def f(m):\n    for row in m:\n        row.reverse()\n",
            "m = [[1, 2], [3, 4]]",
            "f(m)",
            "assert m == [[2, 1], [4, 3]]",
        ),
    ),
    good(
        "leaves_its_argument",
        *shown("def f(x):\n    return sorted(x)\n", "x = [2, 1]", "assert f(x) == [1, 2]", "assert x == [2, 1]"),
    ),
    good(
        "removes_duplicates_in_place",
        *shown(
            "def f(x):\n    k = 0\n    for v in x:\n        if k == 0 or x[k - 1] != v:\n"
            "            x[k] = v\n            k += 1\n"
            "    return k\n",
            "x = [1, 1, 2]",
            "k = f(x)",
            "assert k == 2",
            "assert x[:k] == [1, 2]",
        ),
    ),
    good(
        "callback",
        *shown(
            "def apply(f, x):\n    return [f(v) for v in x]\n",
            "assert apply(lambda v: v * 2, [1, 2]) == [2, 4]",
            "assert apply(str, [1]) == ['1']",
            "assert apply(len, ['ab']) == [2]",
        ),
    ),
    good(
        "callback_key",
        *shown(
            "def order(x, key):\n    return sorted(x, key=key)\n",
            "assert order(['bb', 'a'], len) == ['a', 'bb']",
            "assert order([1, -2], lambda v: -v) == [1, -2]",
        ),
    ),
    good(
        "callback_state",
        *shown("def twice(f):\n    f(1)\n    f(2)\n", "seen = []", "twice(seen.append)", "assert seen == [1, 2]"),
    ),
    good(
        "callback_raises",
        *shown(
            "def safe(f):\n    try:\n        return f()\n    except ZeroDivisionError:\n        return 'zero'\n",
            "assert safe(lambda: 1 / 0) == 'zero'",
            "assert safe(lambda: 5) == 5",
        ),
    ),
    good(
        "returns_a_function",
        *shown(
            "def adder(n):\n    return lambda x: x + n\n",
            "add = adder(3)",
            "assert add(4) == 7",
            "assert adder(1)(1) == 2",
            "assert callable(add)",
        ),
    ),
    good(
        "compose",
        *shown(
            "def compose(*fs):\n    def inner(x):\n        for f in reversed(fs):\n"
            "            x = f(x)\n        return x\n    return inner\n",
            "assert compose(lambda x: x + 1, lambda x: x * 2)(5) == 11",
            "assert compose()(3) == 3",
        ),
    ),
    good(
        "decorator",
        *shown(
            "import functools\n\n\ndef memo(f):\n    cache = {}\n\n    @functools.wraps(f)\n"
            "    def inner(*a):\n        if a not in cache:\n"
            "            cache[a] = f(*a)\n        return cache[a]\n\n    return inner\n",
            "calls = []",
            "@memo",
            "def slow(n):",
            "    calls.append(n)",
            "    return n + 1",
            "assert slow(1) == 2",
            "assert slow(1) == 2",
            "assert calls == [1]",
        ),
    ),
    good(
        "iterator_argument",
        *shown(
            "def take(it, n):\n    return [next(it) for _ in range(n)]\n",
            "it = iter([1, 2, 3])",
            "assert take(it, 2) == [1, 2]",
        ),
    ),
    good(
        "mutable_default",
        *shown(
            "def f(x, seen=None):\n    seen = [] if seen is None else seen\n    seen.append(x)\n    return seen\n",
            "assert f(1) == [1]",
            "assert f(2) == [2]",
            "assert f(3, [0]) == [0, 3]",
        ),
    ),
)

HONEST: tuple[Case, ...] = (*VALUES, *ARGUMENTS)
