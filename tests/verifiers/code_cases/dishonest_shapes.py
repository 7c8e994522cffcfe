"""One task under every shape of test that calls a function: solve(n) is n cubed plus 7 n plus 11."""

from __future__ import annotations

from typing import Any

from tests.verifiers.code_cases import asserts, call, pytests, unit

REFERENCE = "def solve(n):\n    return n**3 + 7 * n + 11\n"
"""What would pass."""

SHAPES: dict[str, dict[str, Any]] = {
    "call": call("solve", ([3], 59), ([12], 1823), ([-5], -149)),
    "assert": asserts(
        "def check(candidate):\n"
        "    assert candidate(3) == 59\n    assert candidate(12) == 1823\n    assert candidate(-5) == -149\n",
        fn_name="solve",
    ),
    "unittest": unit("""\
import unittest

from solution import solve


class TestSolve(unittest.TestCase):
    def test_small(self):
        self.assertEqual(solve(3), 59)

    def test_large(self):
        self.assertEqual(solve(12), 1823)

    def test_negative(self):
        self.assertTrue(solve(-5) == -149)


if __name__ == "__main__":
    unittest.main()
"""),
    "pytest": pytests("""\
import pytest

from solution import solve


@pytest.mark.parametrize("n, expected", [(3, 59), (12, 1823)])
def test_values(n, expected):
    assert solve(n) == expected


def test_negative():
    expected = -149
    assert solve(-5) == expected
"""),
}
