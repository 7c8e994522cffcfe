"""Good programs that read and print, in all the ways people write them."""

from __future__ import annotations

from tests.verifiers.code_cases import Case, good, stdio

SUM = stdio(("3\n1 2 3\n", "6\n"), ("2\n-5 5\n", "0\n"), ("4\n10 20 30 40\n", "100\n"))
BODY = "n = int(input())\nprint(sum(map(int, input().split())))\n"
SQUARES = stdio(("3\n", "1\n4\n9\n"), ("1\n", "1\n"), ("0\n", ""))
HALVES = stdio(("3\n", "1.5\n"), ("1\n", "0.5\n"), ("10\n", "5.0\n"), float_tol=1e-6)
THIRDS = stdio(("1\n", "0.3333333333\n"), ("2\n", "0.6666666667\n"), float_tol=1e-6)
YES = stdio(("4\n", "YES\n"), ("3\n", "NO\n"))
LARGE = " ".join(str(i * 7919 % 100_003) for i in range(40_000))
COPY = stdio((f"40000\n{LARGE}\n", f"{LARGE}\n"))
TOTAL = stdio((f"40000\n{LARGE}\n", f"{sum(map(int, LARGE.split()))}\n"), time_limit_s=5.0, memory_mb=512)

PAIR = stdio(
    ("10\n", "3 7\n"),
    ("5\n", "1 4\n"),
    ("100\n", "50 50\n"),
    checker={
        "code": """\
import sys

target = int(open(sys.argv[1]).read())
try:
    a, b = map(int, open(sys.argv[2]).read().split())
except ValueError:
    sys.exit(1)
sys.exit(0 if a > 0 and b > 0 and a + b == target else 1)
"""
    },
)
ORDER = stdio(
    ("4 3\n1 2\n2 3\n1 4\n", "1 2 3 4\n"),
    checker={
        "code": """\
import sys


def main():
    with open(sys.argv[1]) as file:
        n, m = map(int, file.readline().split())
        edges = [tuple(map(int, file.readline().split())) for _ in range(m)]
    with open(sys.argv[2]) as file:
        order = [int(token) for token in file.read().split()]
    with open(sys.argv[3]) as file:
        reference = [int(token) for token in file.read().split()]
    assert sorted(order) == sorted(reference) == list(range(1, n + 1))
    place = {vertex: i for i, vertex in enumerate(order)}
    assert all(place[a] < place[b] for a, b in edges)


main()
"""
    },
)
ANYTHING = stdio(("1\n", ""), checker={"code": "import sys\n\nprint('fine')\nassert len(sys.argv) == 4\n"})

HONEST: tuple[Case, ...] = (
    good("plain", BODY, SUM),
    good("fenced", f"```python\n{BODY}```", SUM),
    good("fenced_with_prose", f"Read the numbers and add them.\n\n```python\n{BODY}```\n\nThis takes O(n) time.", SUM),
    good("fenced_py", f"```py\n{BODY}```\n", SUM),
    good("fenced_python3", f"```python3\n{BODY}```\n", SUM),
    good("fenced_no_language", f"Here it is:\n```\n{BODY}```\n", SUM),
    good("fenced_capital", f"```Python\n{BODY}```\n", SUM),
    good("fenced_windows", f"```python\n{BODY}```\n".replace("\n", "\r\n"), SUM),
    good("last_block", f"First try:\n```python\nprint(0)\n```\nThat is wrong. Better:\n```python\n{BODY}```\n", SUM),
    good("thinking", f"<think>\nMaybe ```python\nprint(1)\n```?\n</think>\n\n```python\n{BODY}```", SUM),
    good("seed_thinking", f"<seed:think>It is a sum.</seed:think>```python\n{BODY}```", SUM),
    good("thinking_opened_by_prompt", f"It is a sum.\n</think>\n```python\n{BODY}```", SUM),
    good("exit", BODY + "exit()\n", SUM),
    good("quit", BODY + "quit()\n", SUM),
    good("sys_exit", BODY + "import sys\n\nsys.exit()\n", SUM),
    good("sys_exit_0", BODY + "import sys\n\nsys.exit(0)\n", SUM),
    good("os_exit_0", BODY + "import os\nimport sys\n\nsys.stdout.flush()\nos._exit(0)\n", SUM),
    good("raise_system_exit", BODY + "raise SystemExit\n", SUM),
    good(
        "main",
        "def main():\n    n = int(input())\n    print(sum(map(int, input().split())))\n\n\n"
        'if __name__ == "__main__":\n    main()\n',
        SUM,
    ),
    good(
        "main_exit_code",
        "import sys\n\n\ndef main() -> int:\n    input()\n    print(sum(map(int, input().split())))\n    return 0\n\n\n"
        "if __name__ == '__main__':\n    sys.exit(main())\n",
        SUM,
    ),
    good("buffer", "import sys\n\ndata = sys.stdin.buffer.read().split()\nprint(sum(map(int, data[1:])))\n", SUM),
    good("stdin_lines", "import sys\n\nlines = sys.stdin.readlines()\nprint(sum(map(int, lines[1].split())))\n", SUM),
    good(
        "stdin_loop", "import sys\n\nfor line in sys.stdin:\n    last = line\nprint(sum(map(int, last.split())))\n", SUM
    ),
    good(
        "fast_input",
        "import sys\n\ninput = sys.stdin.readline\nn = int(input())\nprint(sum(map(int, input().split())))\n",
        SUM,
    ),
    good(
        "fast_io",
        "import io\nimport os\n\n"
        "input = io.BytesIO(os.read(0, os.fstat(0).st_size or 65536)).readline\n"
        "n = int(input())\n"
        "os.write(1, str(sum(map(int, input().split()))).encode())\n",
        SUM,
    ),
    good("open_0", "n, *x = map(int, open(0).read().split())\nprint(sum(x))\n", SUM),
    good("dev_stdin", "n, *x = map(int, open('/dev/stdin').read().split())\nprint(sum(x))\n", SUM),
    good("stdout_buffer", BODY.replace("print(", "import sys\n\nsys.stdout.buffer.write(b'%d\\n' % "), SUM),
    good("no_newline", BODY.replace("split())))", "split())), end='')"), SUM),
    good("trailing_space", BODY.replace("split())))", "split())), end=' \\n')"), SUM),
    good("windows_newline", BODY.replace("split())))", "split())), end='\\r\\n')"), SUM),
    good("newlines_at_the_end", BODY.replace("split())))", "split())), end='\\n\\n')"), SUM),
    good("stderr_noise", "import sys\n\nprint('debug', file=sys.stderr)\n" + BODY, SUM),
    good(
        "reads_to_the_end",
        "try:\n    while True:\n        line = input()\nexcept EOFError:\n    pass\n"
        "print(sum(map(int, line.split())))\n",
        SUM,
    ),
    good("input_without_newline_at_end", BODY, stdio(("3\n1 2 3", "6"))),
    good("input_with_windows_newlines", BODY, stdio(("3\r\n1 2 3\r\n", "6\r\n"))),
    good("lines", "for i in range(1, int(input()) + 1):\n    print(i * i)\n", SQUARES),
    good("lines_joined", "print('\\n'.join(str(i * i) for i in range(1, int(input()) + 1)))\n", SQUARES),
    good("lines_trailing_space", "for i in range(1, int(input()) + 1):\n    print(i * i, '')\n", SQUARES),
    good("lines_windows", "for i in range(1, int(input()) + 1):\n    print(i * i, end='\\r\\n')\n", SQUARES),
    good("unbuffered", "for i in range(1, int(input()) + 1):\n    print(i * i, flush=True)\n", SQUARES),
    good("empty_output", "input()\n", stdio(("1\n", ""), ("2\n", "\n"))),
    good("no_input", "print('hello')\n", stdio(("", "hello\n"))),
    good("number_as_text", "x = input()\nprint(x.zfill(5))\n", stdio(("42\n", "00042\n"))),
    good("tolerance", "print(int(input()) / 2)\n", HALVES),
    good("tolerance_more_digits", "print(f'{int(input()) / 2:.12f}')\n", HALVES),
    good("tolerance_int_for_float", "n = int(input())\nprint(n // 2 if n % 2 == 0 else n / 2)\n", HALVES),
    good("tolerance_exponent", "print(f'{int(input()) / 2:e}')\n", HALVES),
    good("tolerance_thirds", "print(int(input()) / 3)\n", THIRDS),
    good("tolerance_words", "print('area', 3.14159265)\n", stdio(("\n", "area 3.141592654\n"), float_tol=1e-6)),
    good(
        "tolerance_many",
        "print(*[i / 7 for i in range(3)])\n",
        stdio(("\n", "0.0 0.142857143 0.285714286\n"), float_tol=1e-6),
    ),
    good("conditional", "print('YES' if int(input()) % 2 == 0 else 'NO')\n", YES),
    good("unicode", "print(input()[::-1])\n", stdio(("añb→日本\n", "本日→bña\n"), ("😀é\n", "é😀\n"))),
    good(
        "unicode_by_bytes",
        "import sys\n\nsys.stdout.buffer.write(sys.stdin.buffer.read())\n",
        stdio(("żółw\n", "żółw\n")),
    ),
    good("unicode_names", "größe = int(input())\nprint(größe * 2)\n", stdio(("4\n", "8\n"))),
    good("copy_200_kb", "n = input()\nprint(input())\n", COPY),
    good("sum_200_kb", BODY, TOTAL),
    good(
        "lines_200_kb",
        "for i in range(int(input())):\n    print(i)\n",
        stdio(("40000\n", "".join(f"{i}\n" for i in range(40_000)))),
    ),
    good(
        "recursion",
        "import sys\n\nsys.setrecursionlimit(10_000)\n\n\ndef f(n):\n    return 0 if n == 0 else 1 + f(n - 1)\n\n\n"
        "print(f(int(input())))\n",
        stdio(("5000\n", "5000\n")),
    ),
    good(
        "recursion_in_thread",
        "import sys\nimport threading\n\nsys.setrecursionlimit(1 << 20)\nthreading.stack_size(64 * 1024 * 1024)\n\n\n"
        "def f(n):\n    return 0 if n == 0 else 1 + f(n - 1)\n\n\ndef main():\n    print(f(int(input())))\n\n\n"
        "thread = threading.Thread(target=main)\nthread.start()\nthread.join()\n",
        stdio(("20000\n", "20000\n"), memory_mb=512),
    ),
    good(
        "threads",
        "from concurrent.futures import ThreadPoolExecutor\n\nn = int(input())\nwith ThreadPoolExecutor(4) as pool:\n"
        "    print(sum(pool.map(lambda i: i * i, range(n))))\n",
        stdio(("10\n", "285\n")),
    ),
    good(
        "libraries",
        "import bisect\nimport collections\nimport functools\nimport heapq\nimport itertools\nimport math\nimport re\n"
        "import string\nfrom typing import Dict, List, Optional, Tuple\n\n\n"
        "def count(words: List[str]) -> Dict[str, int]:\n"
        "    return collections.Counter(words)\n\n\n"
        "best: Optional[Tuple[str, int]] = max(count(input().split()).items(), key=lambda p: p[1])\n"
        "print(*best)\n",
        stdio(("a b a c\n", "a 2\n")),
    ),
    good(
        "class_and_heap",
        "import heapq\nimport sys\n\n\nclass Graph:\n    def __init__(self, n):\n"
        "        self.edges = [[] for _ in range(n + 1)]\n\n"
        "    def add(self, a, b, w):\n        self.edges[a].append((b, w))\n\n    def shortest(self, start, end):\n"
        "        heap, seen = [(0, start)], set()\n        while heap:\n            d, v = heapq.heappop(heap)\n"
        "            if v == end:\n                return d\n            if v in seen:\n"
        "                continue\n            seen.add(v)\n"
        "            for u, w in self.edges[v]:\n"
        "                heapq.heappush(heap, (d + w, u))\n        return -1\n\n\n"
        "n, m = map(int, sys.stdin.readline().split())\ngraph = Graph(n)\nfor _ in range(m):\n"
        "    graph.add(*map(int, sys.stdin.readline().split()))\nprint(graph.shortest(1, n))\n",
        stdio(("3 3\n1 2 4\n2 3 1\n1 3 7\n", "5\n"), ("2 0\n", "-1\n")),
    ),
    good("big_int", "import sys\n\nprint(10 ** int(input()) + 7)\n", stdio(("4000\n", "1" + "0" * 3999 + "7\n"))),
    good("modulus", "print(pow(3, 10**18, 10**9 + 7))\n", stdio(("\n", f"{pow(3, 10**18, 10**9 + 7)}\n"))),
    good(
        "many_cases_in_one",
        "for _ in range(int(input())):\n    a, b = map(int, input().split())\n    print(a + b)\n",
        stdio(("3\n1 2\n3 4\n5 6\n", "3\n7\n11\n")),
    ),
    good("many_cases", "print(int(input()) + 1)\n", stdio(*((f"{i}\n", f"{i + 1}\n") for i in range(12)))),
    good(
        "half_a_second", "import time\n\ntime.sleep(0.5)\nprint(input())\n", stdio(("ok\n", "ok\n"), time_limit_s=5.0)
    ),
    good(
        "hundred_megabytes",
        "x = bytearray(100 * 2**20)\nx[::4096] = b'x' * len(x[::4096])\nprint(len(x))\n",
        stdio(("\n", f"{100 * 2**20}\n"), memory_mb=512),
    ),
    good(
        "temporary_file",
        "import tempfile\n\nwith tempfile.TemporaryFile('w+') as f:\n    f.write(input())\n"
        "    f.seek(0)\n    print(f.read())\n",
        stdio(("kept\n", "kept\n")),
    ),
    good(
        "caught_error",
        "try:\n    print(int(input()))\nexcept ValueError:\n    print('bad')\n",
        stdio(("x\n", "bad\n"), ("5\n", "5\n")),
    ),
    good(
        "ascii_art",
        "n = int(input())\nfor i in range(n):\n    print(' ' * (n - i - 1) + '*' * (2 * i + 1))\n",
        stdio(("2\n", " *\n***\n")),
    ),
    good(
        "text_like_a_verdict", "print('FAILED')\nprint('{\"ok\": false}')\n", stdio(("\n", 'FAILED\n{"ok": false}\n'))
    ),
    good("text_with_fence", "print('```python')\n", stdio(("\n", "```python\n"))),
    good("string_with_fence", "```python\nprint('a ' + '`' * 3 + ' b')\n```\n", stdio(("\n", "a ``` b\n"))),
    good("checker_same", "print({10: '3 7', 5: '1 4', 100: '50 50'}[int(input())])\n", PAIR),
    good("checker_other", "n = int(input())\nprint(1, n - 1)\n", PAIR),
    good("checker_other_layout", "n = int(input())\nprint(n - 1)\nprint(1)\n", PAIR),
    good("checker_exit", "n = int(input())\nprint(2, n - 2)\nexit()\n", PAIR),
    good("checker_order", "print(1, 4, 2, 3)\n", ORDER),
    good("checker_prints", "print(1)\n", ANYTHING),
)
