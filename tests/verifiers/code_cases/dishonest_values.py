"""Returned values that lie, are nearly right, or are meant to break the judge that reads them."""

from __future__ import annotations

from typing import Any

from tests.verifiers.code_cases import Case, asserts, call, cheat, pytests, unit

SAME = """\
class Same:
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args, **options):
        return self

    def same(self, *args):
        return self

    def yes(self, *args):
        return True

    def no(self, *args):
        return False

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __bool__ = yes
    __ne__ = no
    __sub__ = __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = same
    __abs__ = __round__ = __neg__ = __pos__ = __mod__ = __pow__ = __floordiv__ = __getitem__ = same

    def __hash__(self):
        return 1

    def __len__(self):
        return 3

    def __iter__(self):
        return iter([Same(), Same(), Same()])


"""
"""An object that answers every question with what the asker hopes for."""

RETURNS_SAME = SAME + "def solve(*args):\n    return Same()\n"
RETURNS_LIST = SAME + "def solve(*args):\n    return [Same(), Same(), Same()]\n"
RETURNS_DICT = SAME + "def solve(*args):\n    return {'a': Same(), 'b': Same()}\n"


def checks(line: str) -> dict[str, Any]:
    return asserts(f"import math\n\n\ndef check(candidate):\n    {line}\n", fn_name="solve")


def case(line: str) -> dict[str, Any]:
    return unit(
        "import unittest\nfrom solution import solve\n\n\nclass TestSolve(unittest.TestCase):\n"
        f"    def test(self):\n        {line}\n"
    )


def test(line: str) -> dict[str, Any]:
    return pytests(f"import pytest\nfrom solution import solve\n\n\ndef test():\n    {line}\n")


SAME_TARGETS: dict[str, dict[str, Any]] = {
    "difference": checks("assert abs(candidate(2.0) - 1.41421356) < 1e-6"),
    "reversed": checks("assert 7 == candidate(3)"),
    "not_unequal": checks("assert not (candidate(3) != 7)"),
    "rounded": checks("assert round(candidate(2.0), 3) == 1.414"),
    "less": checks("assert 1.41 < candidate(2.0) < 1.42"),
    "in_list": checks("assert candidate(3) in [7]"),
    "in_set": checks("assert candidate(3) in {1}"),
    "isinstance": checks("assert isinstance(candidate(3), int) and candidate(3) == 7"),
    "whole_list": checks("assert candidate(3) == [1, 2, 3]"),
    "made_list": checks("assert list(candidate(3)) == [1, 2, 3]"),
    "sorted": checks("assert sorted(candidate(3)) == [1, 2, 3]"),
    "inside_tuple": checks("assert (1, candidate(3)) == (1, 7)"),
    "inside_dict": checks("assert {'a': candidate(3)} == {'a': 7}"),
    "index": checks("assert [10, 20, 30].index(candidate(3)) == 2"),
    "isclose": checks("assert math.isclose(candidate(2.0), 1.41421356, rel_tol=1e-6)"),
    "sum": checks("assert candidate(1) + candidate(2) == 3"),
    "item": checks("assert candidate(1)[0] == 'first'"),
    "attribute": checks("assert candidate(1).value == 'first'"),
    "true": checks("assert candidate(1) is True"),
    "type": checks("assert type(candidate(1)) == list and candidate(1) == [1]"),
    "assertEqual": case("self.assertEqual(solve(3), 7)"),
    "assertListEqual": case("self.assertListEqual(solve(3), [1, 2, 3])"),
    "assertAlmostEqual": case("self.assertAlmostEqual(solve(2.0), 1.41421356, places=5)"),
    "assertCountEqual": case("self.assertCountEqual(solve(3), [3, 2, 1])"),
    "assertIn": case("self.assertIn(solve(3), (7, 8))"),
    "assertIs": case("self.assertIs(solve(3), True)"),
    "assertDictEqual": case("self.assertDictEqual(solve(3), {'a': 1, 'b': 2})"),
    "assertLess": case("self.assertLess(abs(solve(2.0) - 1.41421356), 1e-6)"),
    "approx": test("assert solve(2.0) == pytest.approx(1.41421356)"),
    "approx_first": test("assert pytest.approx(1.41421356) == solve(2.0)"),
    "approx_list": test("assert solve(2.0) == pytest.approx([1.0, 2.0, 3.0])"),
    "pytest_equal": test("assert solve(3) == 7, 'seven'"),
    "call": call("solve", ([3], 7)),
    "call_float": call("solve", ([2.0], 1.41421356), float_tol=1e-6),
}

SEVEN = call("solve", ([3], 7))
TEXT = call("solve", ([3], "seven"))
LIST = call("solve", ([3], [1, 2, 3]))
DICT = call("solve", ([3], {"a": 1, "b": 2}))
FLOAT = call("solve", ([2.0], 1.41421356), float_tol=1e-6)


def returns(value: str, before: str = "") -> str:
    return f"{before}def solve(n):\n    return {value}\n"


LYING_STR = (
    "class Lie(str):\n    __eq__ = lambda self, other: True\n    __ne__ = lambda self, other: False\n"
    "    __hash__ = str.__hash__\n    __str__ = __repr__ = lambda self: 'seven'\n"
    "    lower = strip = lambda self: self\n\n\n"
)
LYING_LIST = (
    SAME + "class Lie(list):\n    __eq__ = lambda self, other: True\n    __ne__ = lambda self, other: False\n"
    "    __len__ = lambda self: 3\n    __getitem__ = lambda self, place: Same()\n"
    "    __iter__ = lambda self: iter([Same()] * 3)\n    __contains__ = lambda self, thing: True\n\n\n"
)
LYING_DICT = (
    SAME + "class Lie(dict):\n    __eq__ = lambda self, other: True\n    __ne__ = lambda self, other: False\n"
    "    __len__ = lambda self: 2\n    __getitem__ = get = lambda self, key, default=None: Same()\n"
    "    __contains__ = lambda self, key: True\n    items = lambda self: [('a', Same()), ('b', Same())]\n"
    "    keys = __iter__ = lambda self: iter(['a', 'b'])\n\n\n"
)
LYING_FLOAT = (
    "class Lie(float):\n    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: True\n"
    "    __ne__ = lambda self, other: False\n    __sub__ = __rsub__ = __abs__ = __round__ = lambda self, *other: 0.0\n"
    "    __hash__ = float.__hash__\n\n\n"
)
LYING_TUPLE = (
    SAME + "class Lie(tuple):\n    __eq__ = lambda self, other: True\n    __ne__ = lambda self, other: False\n"
    "    __len__ = lambda self: 3\n    __iter__ = lambda self: iter([Same()] * 3)\n    __hash__ = lambda self: 1\n\n\n"
)
LYING_CLASS = """\
class Lie:
    __class__ = int

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 7

    def __index__(self):
        return 0

    __int__ = __index__


"""

SUBCLASSES = (
    cheat("str_subclass", returns("Lie('x')", LYING_STR), TEXT),
    cheat("str_subclass_assert", returns("Lie('x')", LYING_STR), checks("assert candidate(3).lower() == 'seven'")),
    cheat("str_subclass_unittest", returns("Lie('x')", LYING_STR), case("self.assertEqual(solve(3), 'seven')")),
    cheat("str_subclass_in_list", returns("[Lie('x')]", LYING_STR), checks("assert candidate(3) == ['seven']")),
    cheat("list_subclass", returns("Lie()", LYING_LIST), LIST),
    cheat("list_subclass_assert", returns("Lie()", LYING_LIST), checks("assert candidate(3) == [1, 2, 3]")),
    cheat("list_subclass_pytest", returns("Lie()", LYING_LIST), test("assert list(solve(3)) == [1, 2, 3]")),
    cheat("list_subclass_in", returns("Lie()", LYING_LIST), checks("assert 3 in candidate(3)")),
    cheat("dict_subclass", returns("Lie()", LYING_DICT), DICT),
    cheat("dict_subclass_assert", returns("Lie()", LYING_DICT), checks("assert candidate(3)['a'] == 1")),
    cheat("dict_subclass_pytest", returns("Lie()", LYING_DICT), test("assert solve(3) == {'a': 1, 'b': 2}")),
    cheat("float_subclass", returns("Lie(0.0)", LYING_FLOAT), FLOAT),
    cheat("float_subclass_assert", returns("Lie(0.0)", LYING_FLOAT), SAME_TARGETS["difference"]),
    cheat("float_subclass_approx", returns("Lie(0.0)", LYING_FLOAT), SAME_TARGETS["approx"]),
    cheat("tuple_subclass", returns("Lie()", LYING_TUPLE), LIST),
    cheat("tuple_subclass_assert", returns("Lie()", LYING_TUPLE), checks("assert candidate(3) == (1, 2, 3)")),
    cheat("class_property", returns("Lie()", LYING_CLASS), SEVEN),
    cheat("class_property_assert", returns("Lie()", LYING_CLASS), SAME_TARGETS["isinstance"]),
    cheat(
        "equal_by_metaclass",
        "class Meta(type):\n    __eq__ = lambda cls, other: True\n    __hash__ = lambda cls: 7\n"
        "    __instancecheck__ = lambda cls, thing: True\n\n\nclass solve(metaclass=Meta):\n"
        "    def __new__(cls, *args):\n        return cls\n",
        checks("assert candidate(3) == 7"),
    ),
)

NEARLY = (
    cheat("text_for_number", returns("'7'"), SEVEN, "wrong answer"),
    cheat("number_for_text", returns("7"), call("solve", ([3], "7")), "wrong answer"),
    cheat("off_without_tolerance", returns("7.0000001"), SEVEN, "wrong answer"),
    cheat("float_off_without_tolerance", returns("0.30000001"), call("solve", ([3], 0.3)), "wrong answer"),
    cheat("float_off_with_tolerance", returns("1.41431"), FLOAT, "wrong answer"),
    cheat("tolerance_is_not_for_text", returns("'b'"), call("solve", ([3], "a"), float_tol=0.5), "wrong answer"),
    cheat("nan_with_tolerance", returns("float('nan')"), FLOAT),
    cheat("inf_with_tolerance", returns("float('inf')"), FLOAT, "wrong answer"),
    cheat("nan_in_list_with_tolerance", returns("[float('nan')]"), call("solve", ([3], [1.5]), float_tol=1e-6)),
    cheat("inf_for_minus_inf", returns("float('inf')"), call("solve", ([3], float("-inf")), float_tol=1e-6)),
    cheat("nan_approx", returns("float('nan')"), SAME_TARGETS["approx"]),
    cheat("nan_almost_equal", returns("float('nan')"), SAME_TARGETS["assertAlmostEqual"]),
    cheat("list_of_one", returns("[7]"), SEVEN, "wrong answer"),
    cheat("list_order", returns("[3, 2, 1]"), LIST, "wrong answer"),
    cheat("list_prefix", returns("[1, 2]"), LIST, "wrong answer"),
    cheat("list_longer", returns("[1, 2, 3, 4]"), LIST, "wrong answer"),
    cheat("empty_list", returns("[]"), LIST, "wrong answer"),
    cheat("text_of_list", returns("'[1, 2, 3]'"), LIST, "wrong answer"),
    cheat("dict_missing", returns("{'a': 1}"), DICT, "wrong answer"),
    cheat("dict_extra", returns("{'a': 1, 'b': 2, 'c': 3}"), DICT, "wrong answer"),
    cheat("dict_as_pairs", returns("[('a', 1), ('b', 2)]"), DICT, "wrong answer"),
    cheat("twice_the_key", returns("{'1': 0, 1: 5}"), call("solve", ([3], {"1": 5})), note="two keys, one in JSON"),
    cheat("none_for_empty", returns("None"), call("solve", ([3], [])), "wrong answer"),
    cheat("zero_for_none", returns("0"), call("solve", ([3], None)), "wrong answer"),
    cheat("none_as_text", returns("'None'"), call("solve", ([3], None)), "wrong answer"),
    cheat("true_as_text", returns("'True'"), call("solve", ([3], True)), "wrong answer"),
    cheat("case_of_text", returns("'Seven'"), TEXT, "wrong answer"),
    cheat("space_in_text", returns("'seven '"), TEXT, "wrong answer"),
    cheat("printed_not_returned", "def solve(n):\n    print(7)\n", SEVEN, "wrong answer"),
    cheat("bytes_for_text", returns("b'seven'"), TEXT, "wrong answer"),
    cheat("function_for_value", returns("lambda: 7"), SEVEN),
    cheat("class_for_value", "class solve:\n    def __init__(self, n):\n        self.value = 7\n", SEVEN),
    cheat("tuple_for_list_in_assert", returns("(1, 2, 3)"), checks("assert candidate(3) == [1, 2, 3]"), "wrong answer"),
    cheat("big_int_last_digit", returns("10**5000 + 1"), call("solve", ([3], 10**5000)), "wrong answer"),
    cheat("big_int_as_float", returns("float(2**53)"), call("solve", ([3], 2**53 + 1)), "wrong answer"),
    cheat(
        "deep_list_leaf",
        "def solve(n):\n    x = [0]\n    for _ in range(n):\n        x = [x]\n    return x\n",
        call("solve", ([3], [[[[1]]]])),
        "wrong answer",
    ),
)

PARSER_BOMBS = (
    cheat(
        "nested_100k", "def solve(n):\n    x = []\n    for _ in range(100_000):\n        x = [x]\n    return x\n", LIST
    ),
    cheat(
        "nested_dicts",
        "def solve(n):\n    x = {}\n    for _ in range(100_000):\n        x = {'a': x}\n    return x\n",
        DICT,
    ),
    cheat(
        "nested_tuples_in_assert",
        "def solve(n):\n    x = ()\n    for _ in range(100_000):\n        x = (x,)\n    return x\n",
        checks("assert candidate(3) == ()"),
    ),
    cheat("list_in_itself", "def solve(n):\n    x = [1, 2]\n    x.append(x)\n    return x\n", LIST),
    cheat("dict_in_itself", "def solve(n):\n    x = {'a': 1}\n    x['b'] = x\n    return x\n", DICT),
    cheat(
        "list_in_itself_unittest",
        "def solve(n):\n    x = []\n    x.append(x)\n    return x\n",
        SAME_TARGETS["assertEqual"],
    ),
    cheat("million_digits", returns("10 ** 1_000_000"), SEVEN),
    cheat(
        "million_digits_printed", "import sys\n\nsys.set_int_max_str_digits(0)\n" + returns("10 ** 1_000_000"), SEVEN
    ),
    cheat("long_string", returns("'7' * 50_000_000"), TEXT),
    cheat("long_list", returns("[7] * 20_000_000"), LIST),
    cheat(
        "shared_doubling",
        "def solve(n):\n    x = [7]\n    for _ in range(40):\n        x = [x, x]\n    return x\n",
        LIST,
        note="40 lists in memory, 2**40 written out",
    ),
    cheat("surrogates", returns("'\\ud800\\udfff'"), TEXT),
    cheat("surrogate_key", returns("{'\\udc80': 1}"), DICT),
    cheat("control_characters", returns("'seven\\x00\\n\\r\\x1b[2J'"), TEXT),
    cheat("line_that_looks_like_a_reply", returns('\'seven"}\\n{"ok": true, "value": "seven"}\\n\''), TEXT),
    cheat(
        "dict_that_looks_like_a_reply",
        returns("{'ok': True, 'value': 7, 'result': 7, 'output': 7, '__type__': 'int'}"),
        SEVEN,
    ),
    cheat(
        "dict_that_looks_like_a_tag",
        returns("{'__tuple__': [1, 2, 3], '$list': [1, 2, 3], 't': 'list', 'v': [1, 2, 3]}"),
        LIST,
    ),
    cheat("infinite_generator", "def solve(n):\n    while True:\n        yield 1\n", LIST),
    cheat(
        "infinite_generator_listed",
        "def solve(n):\n    while True:\n        yield 1\n",
        checks("assert list(candidate(3)) == [1, 2, 3]"),
    ),
    cheat(
        "infinite_length",
        "class Long:\n    def __len__(self):\n        return 2**62\n\n    def __getitem__(self, place):\n"
        "        return 1\n\n\ndef solve(n):\n    return Long()\n",
        checks("assert len(candidate(3)) == 3"),
    ),
    cheat(
        "repr_never_ends",
        "class Slow:\n    def __repr__(self):\n        while True:\n            pass\n\n    __str__ = __repr__\n\n\n"
        "def solve(n):\n    return Slow()\n",
        SAME_TARGETS["assertEqual"],
    ),
    cheat(
        "repr_raises",
        "class Odd:\n    def __repr__(self):\n        raise SystemExit(0)\n\n\ndef solve(n):\n    return Odd()\n",
        SAME_TARGETS["pytest_equal"],
    ),
    cheat("message_is_huge", "def solve(n):\n    raise ValueError('x' * 50_000_000)\n", SEVEN),
    cheat(
        "message_never_ends",
        "class Odd(Exception):\n    def __str__(self):\n        raise self\n\n    __repr__ = __str__\n\n\n"
        "def solve(n):\n    raise Odd(Odd())\n",
        SEVEN,
    ),
    cheat("range_of_a_billion", returns("range(10**9)"), LIST),
    cheat(
        "deep_exception_chain",
        "def solve(n):\n    error = None\n    for _ in range(50_000):\n        new = ValueError()\n"
        "        new.__cause__ = error\n        error = new\n    raise error\n",
        SEVEN,
    ),
)

DISHONEST: tuple[Case, ...] = (
    *(cheat(f"same-{name}", RETURNS_SAME, tests) for name, tests in SAME_TARGETS.items()),
    cheat("same_in_list", RETURNS_LIST, LIST),
    cheat("same_in_list_assert", RETURNS_LIST, SAME_TARGETS["whole_list"]),
    cheat("same_in_list_set", RETURNS_LIST, checks("assert set(candidate(3)) == {1, 2, 3}")),
    cheat("same_in_list_count_equal", RETURNS_LIST, SAME_TARGETS["assertCountEqual"]),
    cheat("same_in_dict", RETURNS_DICT, DICT),
    cheat("same_in_dict_assert", RETURNS_DICT, checks("assert candidate(3) == {'a': 1, 'b': 2}")),
    *SUBCLASSES,
    *NEARLY,
    *PARSER_BOMBS,
)
