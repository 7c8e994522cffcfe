"""Good functions called with plain data."""

from __future__ import annotations

from tests.verifiers.code_cases import Case, call, good

TWO_SUM = call("twoSum", ([[2, 7, 11, 15], 9], [0, 1]), ([[3, 2, 4], 6], [1, 2]))
SQUARE = call("square", ([3], 9), ([0], 0), ([-4], 16))
SQUARE_CODE = "def square(n):\n    return n * n\n"


def gives(value: str, wanted: object, before: str = "") -> tuple[str, dict[str, object]]:
    return f"{before}def make():\n    return {value}\n", call("make", ([], wanted))


def nested(depth: int, leaf: object) -> object:
    for _ in range(depth):
        leaf = [leaf]
    return leaf


HONEST: tuple[Case, ...] = (
    good("square", SQUARE_CODE, SQUARE),
    good("square_fenced", f"Sure!\n\n```python\n{SQUARE_CODE}```\nIt multiplies n by itself.", SQUARE),
    good("square_two_blocks", f"```python\n{SQUARE_CODE}```\n\nUse it so:\n\n```text\nsquare(3) -> 9\n```\n", SQUARE),
    good("square_lambda", "square = lambda n: n**2\n", SQUARE),
    good("square_partial", "from functools import partial\n\nsquare = partial(lambda e, n: n**e, 2)\n", SQUARE),
    good(
        "square_numbers",
        "from numbers import Number\n\n\ndef square(n: Number) -> Number:\n    return n.__mul__(n)\n",
        SQUARE,
    ),
    good(
        "square_callable",
        "class Square:\n    def __call__(self, n):\n        return n * n\n\n\nsquare = Square()\n",
        SQUARE,
    ),
    good("square_prints", "print('ready')\n\n\ndef square(n):\n    print('squaring', n)\n    return n * n\n", SQUARE),
    good("square_own_tests", SQUARE_CODE + "\n\nassert square(2) == 4\nprint(square(5))\n", SQUARE),
    good("square_main", SQUARE_CODE + "\n\nif __name__ == '__main__':\n    print(square(int(input())))\n", SQUARE),
    good("square_defaults", "def square(n, power=2, *, sign=1):\n    return sign * n**power\n", SQUARE),
    good("square_star", "def square(*args):\n    return args[0] ** 2\n", SQUARE),
    good("square_thinking", f"<think>n*n</think>\n```python\n{SQUARE_CODE}```", SQUARE),
    good(
        "square_decorated",
        "import functools\n\n\ndef log(f):\n    @functools.wraps(f)\n    def inner(*args):\n        return f(*args)\n\n"
        "    return inner\n\n\n@log\ndef square(n):\n    return n * n\n",
        SQUARE,
    ),
    good(
        "solution_class",
        "from typing import List\n\n\nclass Solution:\n"
        "    def twoSum(self, nums: List[int], target: int) -> List[int]:\n"
        "        seen = {}\n        for i, x in enumerate(nums):\n            if target - x in seen:\n"
        "                return [seen[target - x], i]\n            seen[x] = i\n        return []\n",
        TWO_SUM,
    ),
    good(
        "solution_class_helper",
        "class Solution:\n    def __init__(self):\n        self.seen = {}\n\n    def look(self, x):\n"
        "        return self.seen.get(x)\n\n    def twoSum(self, nums, target):\n        self.seen = {}\n"
        "        for i, x in enumerate(nums):\n            if self.look(target - x) is not None:\n"
        "                return [self.look(target - x), i]\n            self.seen[x] = i\n",
        TWO_SUM,
    ),
    good("solution_static", "class Solution:\n    @staticmethod\n    def square(n):\n        return n * n\n", SQUARE),
    good(
        "solution_classmethod",
        "class Solution(object):\n    @classmethod\n    def square(cls, n):\n        return n * n\n",
        SQUARE,
    ),
    good(
        "tuple_for_list",
        "def twoSum(nums, target):\n    return next((i, j) for j in range(len(nums)) for i in range(j)\n"
        "                if nums[i] + nums[j] == target)\n",
        TWO_SUM,
    ),
    good("tuples_in_list", *gives("[(1, 'a'), (2, 'b')]", [[1, "a"], [2, "b"]])),
    good("lists_in_tuple", *gives("([1], [2, (3,)])", [[1], [2, [3]]])),
    good("int_keys", *gives("{1: 'a', 2: 'b'}", {"1": "a", "2": "b"})),
    good("int_keys_deep", *gives("[{1: {2: [3]}}]", [{"1": {"2": [3]}}])),
    good("key_order", *gives("{'b': 2, 'a': 1}", {"a": 1, "b": 2})),
    good("counter", *gives("Counter('abca')", {"a": 2, "b": 1, "c": 1}, "from collections import Counter\n\n\n")),
    good(
        "defaultdict",
        *gives(
            "d", {"a": [1, 2]}, "from collections import defaultdict\n\nd = defaultdict(list)\nd['a'] += [1, 2]\n\n\n"
        ),
    ),
    good(
        "ordered_dict",
        *gives("OrderedDict([('b', 1), ('a', 2)])", {"a": 2, "b": 1}, "from collections import OrderedDict\n\n\n"),
    ),
    good(
        "namedtuple",
        *gives("P(1, 2)", [1, 2], "from collections import namedtuple\n\nP = namedtuple('P', 'x y')\n\n\n"),
    ),
    good("int_enum", *gives("E.B", 2, "from enum import IntEnum\n\n\nclass E(IntEnum):\n    A = 1\n    B = 2\n\n\n")),
    good("true", *gives("3 > 2", True)),
    good("false", *gives("3 < 2", False)),
    good("none", *gives("None", None)),
    good("no_return", "def make():\n    pass\n", call("make", ([], None))),
    good("none_in_list", *gives("[None, 1, None]", [None, 1, None])),
    good("empty_list", *gives("[]", [])),
    good("empty_tuple", *gives("()", [])),
    good("empty_text", *gives("''", "")),
    good("empty_dict", *gives("dict()", {})),
    good("text", *gives("'it' + \"'s\"", "it's")),
    good("text_lines", *gives("'a\\nb\\tc\\\\d\"'", 'a\nb\tc\\d"')),
    good("text_unicode", *gives("'ñ日本😀\\u0000'", "ñ日本😀\0")),
    good("text_long", *gives("'ab' * 100_000", "ab" * 100_000)),
    good("text_like_a_reply", *gives("'{\"ok\": false}\\n'", '{"ok": false}\n')),
    good(
        "dict_like_a_reply",
        *gives("{'ok': False, 'error': 'x', 'value': None}", {"ok": False, "error": "x", "value": None}),
    ),
    good("dict_like_a_tag", *gives("{'__type__': 'tuple', '__tuple__': [1]}", {"__type__": "tuple", "__tuple__": [1]})),
    good("list_long", *gives("list(range(50_000))", list(range(50_000)))),
    good("big_int", *gives("10**4999 + 7", 10**4999 + 7)),
    good("big_int_negative", *gives("-(2**200)", -(2**200))),
    good("int_beyond_float", *gives("2**53 + 1", 2**53 + 1)),
    good("float", *gives("0.1 + 0.2", 0.30000000000000004)),
    good("float_small", *gives("5e-324", 5e-324)),
    good("inf", *gives("[float('inf'), -float('inf')]", [float("inf"), float("-inf")])),
    good(
        "float_tolerance",
        "import math\n\n\ndef root(x):\n    return math.sqrt(x)\n",
        call("root", ([2], 1.414214), ([9], 3), ([1e12], 1e6), float_tol=1e-5),
    ),
    good(
        "float_tolerance_nested",
        "def root(x):\n    return {'a': [x / 3, (x / 7,)], 'b': 'text', 'c': None}\n",
        call("root", ([1], {"a": [0.333333, [0.142857]], "b": "text", "c": None}), float_tol=1e-5),
    ),
    good(
        "float_tolerance_inf",
        "def root(x):\n    return float('inf')\n",
        call("root", ([1], float("inf")), float_tol=1e-5),
    ),
    good(
        "nested_200",
        "def make():\n    x = 1\n    for _ in range(200):\n        x = [x]\n    return x\n",
        call("make", ([], nested(200, 1))),
    ),
    good(
        "nested_argument",
        "def depth(x):\n    return 1 + depth(x[0]) if isinstance(x, list) and x else 0\n",
        call("depth", ([nested(150, 1)], 150)),
    ),
    good(
        "arguments_of_all_kinds",
        "def kinds(*args):\n    return [type(x).__name__ for x in args]\n",
        call(
            "kinds",
            ([1, 1.5, "x", True, None, [1], {"a": 1}], ["int", "float", "str", "bool", "NoneType", "list", "dict"]),
        ),
    ),
    good(
        "argument_echo",
        "def echo(x):\n    return x\n",
        call("echo", ([{"a": [1, {"b": None}], "": "é"}], {"a": [1, {"b": None}], "": "é"})),
    ),
    good("argument_changed", "def add(x):\n    x.append(4)\n    return x\n", call("add", ([[1]], [1, 4]), ([[]], [4]))),
    good("argument_large", "def total(x):\n    return sum(x)\n", call("total", ([list(range(30_000))], 449_985_000))),
    good("argument_name_self", "def area(self, other):\n    return self * other\n", call("area", ([3, 4], 12))),
    good("no_arguments", "def zero():\n    return 0\n", call("zero", ([], 0))),
    good(
        "recursion",
        "def fact(n):\n    return 1 if n < 2 else n * fact(n - 1)\n",
        call("fact", ([5], 120), ([0], 1), ([30], 265252859812191058636308480000000)),
    ),
    good(
        "recursion_deep",
        "import sys\n\nsys.setrecursionlimit(20_000)\n\n\ndef depth(n):\n"
        "    return n if n == 0 else 1 + depth(n - 1)\n",
        call("depth", ([5000], 5000)),
    ),
    good(
        "lru_cache",
        "from functools import lru_cache\n\n\n@lru_cache(maxsize=None)\ndef fib(n: int) -> int:\n"
        "    return n if n < 2 else fib(n - 1) + fib(n - 2)\n",
        call("fib", ([10], 55), ([90], 2880067194370816120)),
    ),
    good(
        "inner_functions",
        "def perms(x):\n    out = []\n\n    def go(path, rest):\n        if not rest:\n            out.append(path)\n"
        "        for i, v in enumerate(rest):\n"
        "            go([*path, v], rest[:i] + rest[i + 1:])\n\n    go([], x)\n    return out\n",
        call("perms", ([[1, 2]], [[1, 2], [2, 1]])),
    ),
    good(
        "dataclass_inside",
        "from dataclasses import dataclass, field\nfrom typing import Optional\n\n\n"
        "@dataclass(order=True)\nclass Item:\n"
        "    weight: int\n    name: str = field(compare=False)\n\n\ndef lightest(items: list[list]) -> Optional[str]:\n"
        "    return min(Item(w, n) for n, w in items).name\n",
        call("lightest", ([[["a", 3], ["b", 1]]], "b")),
    ),
    good(
        "future_annotations",
        "from __future__ import annotations\n\n\ndef first(x: list[int] | None) -> Unknown:\n"
        "    return x[0] if x else None\n",
        call("first", ([[5]], 5), ([None], None)),
    ),
    good(
        "generic",
        "from typing import Generic, TypeVar, Callable, Iterable, Any, Union\n\n"
        "T = TypeVar('T')\n\n\nclass Box(Generic[T]):\n"
        "    def __init__(self, x: T) -> None:\n        self.x = x\n\n\n"
        "def unbox(x: Any) -> Union[int, str]:\n    return Box[int](x).x\n",
        call("unbox", ([4], 4)),
    ),
    good(
        "generator_inside",
        "def evens(n):\n    def go():\n        yield from range(0, n, 2)\n\n    return list(go())\n",
        call("evens", ([5], [0, 2, 4])),
    ),
    good(
        "match_statement",
        "def kind(x):\n    match x:\n        case [a, b]:\n            return a + b\n"
        "        case {'n': n}:\n            return n\n"
        "        case _:\n            return -1\n",
        call("kind", ([[1, 2]], 3), ([{"n": 7}], 7), ([0], -1)),
    ),
    good(
        "walrus_and_fstring",
        "def show(n):\n    return f'{(m := n + 1)}:{m:>4}|{m!r:<3}|'\n",
        call("show", ([1], "2:   2|2  |")),
    ),
    good(
        "global_state",
        "seen = set()\n\n\ndef unique(x):\n    seen.clear()\n    seen.update(x)\n    return sorted(seen)\n",
        call("unique", ([[2, 1, 2]], [1, 2]), ([[3]], [3])),
    ),
    good(
        "named_like_the_runner",
        "import json\nimport sys\n\ncases = tests = result = 0\n\n\ndef verify(args):\n"
        "    return json.loads(json.dumps(args))\n",
        call("verify", ([[1, 2]], [1, 2])),
    ),
    good("named_like_a_builtin", "def sum(a, b):\n    return a + b\n", call("sum", ([1, 2], 3))),
    good("named_main", "def main(n):\n    return n + 1\n", call("main", ([1], 2))),
    good(
        "async_inside",
        "import asyncio\n\n\nasync def double(n):\n    await asyncio.sleep(0)\n"
        "    return 2 * n\n\n\ndef run(n):\n    return asyncio.run(double(n))\n",
        call("run", ([4], 8)),
    ),
    good(
        "threads_inside",
        "from concurrent.futures import ThreadPoolExecutor\n\n\ndef run(x):\n    with ThreadPoolExecutor(3) as pool:\n"
        "        return list(pool.map(lambda v: v * v, x))\n",
        call("run", ([[1, 2, 3]], [1, 4, 9])),
    ),
    good("exit_under_main", SQUARE_CODE + "\n\nif __name__ == '__main__':\n    exit()\n", SQUARE),
    good(
        "random_seeded",
        "import random\n\n\ndef pick(x):\n    random.seed(0)\n    return sorted(random.sample(x, len(x)))\n",
        call("pick", ([[3, 1, 2]], [1, 2, 3])),
    ),
    good(
        "tree",
        "class TreeNode:\n    def __init__(self, val=0, left=None, right=None):\n"
        "        self.val, self.left, self.right = val, left, right\n\n\n"
        "def build(x):\n    return TreeNode(x[0], build(x[1]), build(x[2])) if x else None\n\n\n"
        "def height(x):\n    def go(t):\n"
        "        return 0 if t is None else 1 + max(go(t.left), go(t.right))\n\n    return go(build(x))\n",
        call("height", ([[1, [2, None, None], [3, [4, None, None], None]]], 3), ([None], 0)),
    ),
)
