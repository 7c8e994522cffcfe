"""Good programs under assert statements, as the known problem sets write them."""

from __future__ import annotations

from tests.verifiers.code_cases import Case, asserts, good, shown

CHECK = asserts(
    "METADATA = {'author': 'x'}\n\n\ndef check(candidate):\n    assert candidate(3) == 9\n"
    "    assert candidate(-4) == 16, 'negative'\n"
    "    for n in range(20):\n        assert candidate(n) == n * n\n",
    fn_name="square",
)
SQUARE = "def square(n):\n    return n * n\n"


HONEST: tuple[Case, ...] = (
    good("check", SQUARE, CHECK),
    good("check_fenced", f"The function:\n```python\n{SQUARE}```\nDone.", CHECK),
    good("check_helper", "def times(a, b):\n    return a * b\n\n\ndef square(n):\n    return times(n, n)\n", CHECK),
    good(
        "check_called_at_end",
        SQUARE,
        asserts("def check(candidate):\n    assert candidate(3) == 9\n\n\ncheck(square)\n", fn_name="square"),
    ),
    good(
        "check_solution_class",
        "class Solution:\n    def square(self, n):\n        return n * n\n",
        asserts("def check(candidate):\n    assert candidate(3) == 9\n\n\ncheck(Solution().square)\n"),
    ),
    good(
        "check_with_imports",
        "import math\n\n\ndef root(x):\n    return math.sqrt(x)\n",
        asserts(
            "import math\nimport random\n\n\ndef check(candidate):\n    for _ in range(20):\n"
            "        x = random.random()\n"
            "        assert abs(candidate(x) - math.sqrt(x)) < 1e-6\n    assert math.isclose(candidate(2), 2**0.5)\n",
            fn_name="root",
        ),
    ),
    good(
        "check_returns_true",
        "def even(n):\n    return n % 2 == 0\n",
        asserts(
            "def check(candidate):\n    assert candidate(2) is True\n"
            "    assert candidate(3) is False\n    assert candidate(4)\n"
            "    assert not candidate(5)\n    assert True, 'prints if it fails'\n",
            fn_name="even",
        ),
    ),
    good(
        "preamble",
        "def decode_shift(s):\n    return ''.join(chr((ord(c) - 102) % 26 + 97) for c in s)\n",
        asserts(
            "def check(candidate):\n    for s in ('abc', 'xyz', 'hello'):\n"
            "        assert candidate(encode_shift(s)) == s\n",
            fn_name="decode_shift",
            preamble="def encode_shift(s: str):\n"
            "    return ''.join([chr(((ord(ch) + 5 - ord('a')) % 26) + ord('a')) for ch in s])\n\n\n"
            "def decode_shift(s: str):\n    '''Undo encode_shift.'''\n",
        ),
    ),
    good(
        "preamble_repeated",
        "import math\n\n\ndef poly(xs, x):\n    return sum(c * math.pow(x, i) for i, c in enumerate(xs))\n\n\n"
        "def find_zero(xs):\n    lo, hi = -1.0, 1.0\n    while poly(xs, lo) * poly(xs, hi) > 0:\n"
        "        lo, hi = 2 * lo, 2 * hi\n"
        "    while hi - lo > 1e-10:\n        mid = (lo + hi) / 2\n"
        "        if poly(xs, mid) * poly(xs, lo) > 0:\n            lo = mid\n"
        "        else:\n            hi = mid\n    return lo\n",
        asserts(
            "def check(candidate):\n    for xs in ([1, 2], [-6, 11, -6, 1]):\n"
            "        assert abs(poly(xs, candidate(list(xs)))) < 1e-4\n",
            fn_name="find_zero",
            preamble="import math\n\n\ndef poly(xs: list, x: float):\n"
            "    return sum([c * math.pow(x, i) for i, c in enumerate(xs)])\n\n\n"
            "def find_zero(xs: list):\n    '''Find a root.'''\n",
        ),
    ),
    good("bare", *shown(SQUARE, "assert square(3) == 9", "assert square(0) == 0")),
    good(
        "bare_two_functions",
        *shown("def inc(n):\n    return n + 1\n\n\ndef dec(n):\n    return n - 1\n", "assert dec(inc(3)) == 3"),
    ),
    good(
        "bare_constant",
        *shown(
            "LIMIT = 10\nNAMES = ['a', 'b']\n",
            "assert LIMIT == 10",
            "assert NAMES == ['a', 'b']",
            "assert LIMIT * 2 == 20",
        ),
    ),
    good(
        "bare_loop",
        *shown(SQUARE, "for n, wanted in [(1, 1), (2, 4)]:", "    assert square(n) == wanted, (n, square(n))"),
    ),
    good("bare_prints", *shown(SQUARE, "print(square(2))", "assert square(2) == 4", "print('ok')")),
    good("prints_at_import", *shown("print('hi')\n" + SQUARE + "print(square(2))\n", "assert square(2) == 4")),
    good(
        "keywords",
        *shown(
            "def f(a, b=2, *rest, c, d=4, **more):\n    return [a, b, list(rest), c, d, more]\n",
            "assert f(1, c=3) == [1, 2, [], 3, 4, {}]",
            "assert f(1, 5, 6, c=3, e=9) == [1, 5, [6], 3, 4, {'e': 9}]",
        ),
    ),
)
