"""Good programs with classes of their own, and functions that go in and come out."""

from __future__ import annotations

from tests.verifiers.code_cases import Case, good, shown

HONEST: tuple[Case, ...] = (
    good(
        "stack",
        *shown(
            "class Stack:\n    def __init__(self):\n        self.items = []\n\n"
            "    def push(self, x):\n        self.items.append(x)\n\n"
            "    def pop(self):\n        return self.items.pop()\n\n    def __len__(self):\n"
            "        return len(self.items)\n\n"
            "    def __bool__(self):\n        return bool(self.items)\n",
            "s = Stack()",
            "assert not s",
            "s.push(1)",
            "s.push([2])",
            "assert s",
            "assert len(s) == 2",
            "assert s.items == [1, [2]]",
            "assert s.pop() == [2]",
            "assert s.pop() == 1",
            "try:",
            "    s.pop()",
            "    assert False",
            "except IndexError:",
            "    pass",
        ),
    ),
    good(
        "vector",
        *shown(
            "class V:\n    def __init__(self, x, y):\n        self.x, self.y = x, y\n\n"
            "    def __add__(self, o):\n        return V(self.x + o.x, self.y + o.y)\n\n"
            "    def __mul__(self, k):\n        return V(self.x * k, self.y * k)\n\n"
            "    __rmul__ = __mul__\n\n    def __neg__(self):\n        return self * -1\n\n"
            "    def __eq__(self, o):\n"
            "        return isinstance(o, V) and (self.x, self.y) == (o.x, o.y)\n\n"
            "    def __hash__(self):\n        return hash((self.x, self.y))\n\n"
            "    def __abs__(self):\n        return (self.x ** 2 + self.y ** 2) ** 0.5\n\n"
            "    def __repr__(self):\n        return f'V({self.x}, {self.y})'\n",
            "assert V(1, 2) + V(3, 4) == V(4, 6)",
            "assert V(1, 2) != V(2, 1)",
            "assert V(1, 2) * 3 == 3 * V(1, 2)",
            "assert abs(V(3, 4)) == 5.0",
            "assert repr(-V(1, 2)) == 'V(-1, -2)'",
            "assert str(V(0, 1)) == 'V(0, 1)'",
            "assert len({V(1, 2), V(1, 2)}) == 1",
            "assert V(1, 2) in [V(0, 0), V(1, 2)]",
            "assert isinstance(V(1, 2), V)",
        ),
    ),
    good(
        "linked_list",
        *shown(
            "class Node:\n    def __init__(self, value, next=None):\n"
            "        self.value, self.next = value, next\n\n\nclass LinkedList:\n"
            "    def __init__(self, values=()):\n        self.head = None\n"
            "        for v in reversed(list(values)):\n            self.head = Node(v, self.head)\n\n"
            "    def __iter__(self):\n        node = self.head\n        while node:\n"
            "            yield node.value\n            node = node.next\n\n"
            "    def reverse(self):\n        last = None\n        while self.head:\n"
            "            self.head.next, last, self.head = last, self.head, self.head.next\n"
            "        self.head = last\n        return self\n",
            "x = LinkedList([1, 2, 3])",
            "assert list(x) == [1, 2, 3]",
            "assert x.head.next.value == 2",
            "assert list(x.reverse()) == [3, 2, 1]",
            "assert [v for v in x] == [3, 2, 1]",
            "assert 2 in x",
            "assert LinkedList().head is None",
            "n = Node(7, Node(8))",
            "assert n.next.value == 8",
            "assert n.next.next is None",
        ),
    ),
    good(
        "reverse_nodes",
        *shown(
            "class ListNode:\n    def __init__(self, val=0, next=None):\n        self.val = val\n"
            "        self.next = next\n\n\ndef reverse(head):\n"
            "    last = None\n    while head:\n"
            "        head.next, last, head = last, head, head.next\n    return last\n",
            "r = reverse(ListNode(1, ListNode(2)))",
            "assert r.val == 2 and r.next.val == 1 and r.next.next is None",
            "assert reverse(None) is None",
        ),
    ),
    good(
        "container",
        *shown(
            "class Grid:\n    def __init__(self):\n        self.d = {}\n\n"
            "    def __getitem__(self, k):\n        return self.d[k]\n\n"
            "    def __setitem__(self, k, v):\n"
            "        self.d[k] = v\n\n    def __delitem__(self, k):\n        del self.d[k]\n\n"
            "    def __contains__(self, k):\n        return k in self.d\n\n"
            "    def __len__(self):\n        return len(self.d)\n",
            "g = Grid()",
            "g[1, 2] = 'x'",
            "assert g[1, 2] == 'x'",
            "assert (1, 2) in g",
            "assert (2, 1) not in g",
            "assert len(g) == 1",
            "del g[1, 2]",
            "assert len(g) == 0",
            "try:",
            "    g[0]",
            "    assert False, 'no error'",
            "except KeyError:",
            "    pass",
        ),
    ),
    good(
        "order",
        *shown(
            "from functools import total_ordering\n\n\n@total_ordering\nclass Card:\n"
            "    def __init__(self, n):\n        self.n = n\n\n    def __eq__(self, o):\n"
            "        return self.n == o.n\n\n    def __lt__(self, o):\n        return self.n < o.n\n",
            "assert Card(1) < Card(2)",
            "assert Card(2) >= Card(2)",
            "assert max(Card(3), Card(5)).n == 5",
            "assert [c.n for c in sorted([Card(3), Card(1)])] == [1, 3]",
        ),
    ),
    good(
        "dataclass",
        *shown(
            "from dataclasses import dataclass, field\n\n\n@dataclass(frozen=True)\nclass P:\n"
            "    x: int\n    y: int = 0\n    tags: list = field(default_factory=list)\n",
            "assert P(1) == P(1, 0)",
            "assert P(1).tags == []",
            "assert repr(P(1, 2)) == 'P(x=1, y=2, tags=[])'",
            "try:",
            "    P(1).x = 2",
            "    assert False",
            "except AttributeError:",
            "    pass",
        ),
    ),
    good(
        "properties",
        *shown(
            "class T:\n    count = 0\n\n    def __init__(self, c):\n        self._c = c\n"
            "        T.count += 1\n\n    @property\n    def f(self):\n"
            "        return self._c * 9 / 5 + 32\n\n"
            "    @f.setter\n    def f(self, v):\n        self._c = (v - 32) * 5 / 9\n\n"
            "    @classmethod\n    def boiling(cls):\n        return cls(100)\n\n"
            "    @staticmethod\n    def valid(c):\n        return c >= -273.15\n",
            "t = T(0)",
            "assert t.f == 32",
            "t.f = 212",
            "assert t._c == 100",
            "assert T.boiling().f == 212.0",
            "assert T.valid(-300) is False",
            "assert T.count == 2",
        ),
    ),
    good(
        "inheritance",
        *shown(
            "class Animal:\n    def __init__(self, name):\n        self.name = name\n\n"
            "    def speak(self):\n        raise NotImplementedError\n\n\nclass Dog(Animal):\n"
            "    def speak(self):\n        return f'{self.name} barks'\n",
            "d = Dog('Rex')",
            "assert d.speak() == 'Rex barks'",
            "assert isinstance(d, Animal) and isinstance(d, Dog)",
            "assert issubclass(Dog, Animal)",
            "try:",
            "    Animal('x').speak()",
            "    raise AssertionError",
            "except NotImplementedError:",
            "    pass",
        ),
    ),
    good(
        "context",
        *shown(
            "class Timer:\n    def __init__(self):\n        self.log = []\n\n"
            "    def __enter__(self):\n        self.log.append('in')\n        return self\n\n"
            "    def __exit__(self, kind, error, trace):\n        self.log.append('out')\n        return False\n",
            "with Timer() as t:",
            "    assert t.log == ['in']",
            "assert t.log == ['in', 'out']",
        ),
    ),
    good(
        "iterator",
        *shown(
            "class Down:\n    def __init__(self, n):\n        self.n = n\n\n    def __iter__(self):\n"
            "        return self\n\n    def __next__(self):\n        if self.n <= 0:\n"
            "            raise StopIteration\n        self.n -= 1\n        return self.n + 1\n",
            "assert list(Down(3)) == [3, 2, 1]",
            "assert sum(Down(3)) == 6",
            "a, b = Down(2)",
            "assert (a, b) == (2, 1)",
        ),
    ),
    good(
        "callable_object",
        *shown(
            "class Counter:\n    def __init__(self):\n        self.n = 0\n\n"
            "    def __call__(self, by=1):\n        self.n += by\n        return self.n\n",
            "c = Counter()",
            "assert c() == 1",
            "assert c(by=4) == 5",
            "assert c.n == 5",
        ),
    ),
    good(
        "attributes_set_by_test",
        *shown(
            "class Box:\n    def __init__(self):\n        self.x = None\n\n    def double(self):\n"
            "        return self.x * 2\n",
            "b = Box()",
            "b.x = 4",
            "assert b.double() == 8",
            "assert hasattr(b, 'x')",
            "assert not hasattr(b, 'y')",
            "assert getattr(b, 'y', 0) == 0",
        ),
    ),
    good(
        "enum",
        *shown(
            "from enum import Enum\n\n\nclass Color(Enum):\n    RED = 1\n    BLUE = 2\n\n\n"
            "def other(c):\n    return Color.BLUE if c is Color.RED else Color.RED\n",
            "assert other(Color.RED) == Color.BLUE",
            "assert Color.RED.value == 1",
            "assert Color.RED.name == 'RED'",
            "assert other(Color.BLUE) != Color.BLUE",
        ),
    ),
    good(
        "custom_error",
        *shown(
            "class TooBig(ValueError):\n    def __init__(self, n):\n"
            "        super().__init__(f'{n} is too big')\n        self.n = n\n\n\ndef f(n):\n"
            "    if n > 9:\n"
            "        raise TooBig(n)\n    return n\n",
            "assert f(3) == 3",
            "try:",
            "    f(10)",
            "    assert False",
            "except TooBig as e:",
            "    assert str(e) == '10 is too big'",
            "    assert e.n == 10",
            "try:",
            "    f(11)",
            "except ValueError as e:",
            "    assert '11' in str(e)",
            "else:",
            "    assert False",
        ),
    ),
    good(
        "built_in_errors",
        *shown(
            "def f(k):\n"
            "    return {0: lambda: 1 / 0, 1: lambda: [][1], 2: lambda: {}['a'], 3: lambda: int('x')}[k]()\n",
            "for k, kind in enumerate([ZeroDivisionError, IndexError, KeyError, ValueError]):",
            "    try:",
            "        f(k)",
            "    except kind:",
            "        continue",
            "    assert False, k",
        ),
    ),
    good(
        "identity",
        *shown(
            "class Node:\n    pass\n\n\ndef same(x):\n    return x\n",
            "n = Node()",
            "assert same(n) is n",
            "assert n == n",
            "assert Node() != Node()",
        ),
    ),
    good(
        "singleton",
        *shown(
            "class Config:\n    _one = None\n\n    def __new__(cls):\n        if cls._one is None:\n"
            "            cls._one = super().__new__(cls)\n        return cls._one\n",
            "assert Config() is Config()",
        ),
    ),
    good(
        "lru_cache_attributes",
        *shown(
            "from functools import lru_cache\n\n\n@lru_cache(maxsize=None)\ndef fib(n):\n"
            "    return n if n < 2 else fib(n - 1) + fib(n - 2)\n",
            "assert fib(80) == 23416728348467685",
            "assert fib.cache_info().hits > 10",
        ),
    ),
    good(
        "prints",
        *shown(
            "def hello(name):\n    print('Hello,', name)\n",
            "import contextlib, io",
            "out = io.StringIO()",
            "with contextlib.redirect_stdout(out):",
            "    hello('Ann')",
            "assert out.getvalue() == 'Hello, Ann\\n'",
        ),
    ),
)
