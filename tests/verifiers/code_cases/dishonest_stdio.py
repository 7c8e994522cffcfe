"""Programs that read and print: wrong answers that look right, right answers that end badly, attacks on checkers."""

from __future__ import annotations

from tests.verifiers.code_cases import Case, cheat, stdio

SUM = stdio(("3\n1 2 3\n", "6\n"), ("2\n-5 5\n", "0\n"), ("4\n10 20 30 40\n", "100\n"))
RIGHT = "n = int(input())\nprint(sum(map(int, input().split())))\n"
ONE = stdio(("3\n1 2 3\n", "6\n"))
LINES = stdio(("3\n", "1\n2\n3\n"))
WORDS = stdio(("3\n", "1 2 3\n"))
YES = stdio(("4\n", "YES\n"))
FLOAT = stdio(("2\n", "1.41421356\n"), float_tol=1e-6)
SHORT = stdio(
    ("3\n1 2 3\n", "6\n"), ("2\n-5 5\n", "0\n"), ("4\n10 20 30 40\n", "100\n"), time_limit_s=1.0, memory_mb=256
)

TEXT = (
    cheat("example_only", "print(6)\n", SUM, "wrong answer", fraction=1 / 3),
    cheat(
        "example_by_input", "print({'1 2 3': 6}.get((input(), input())[1], 7))\n", SUM, "wrong answer", fraction=1 / 3
    ),
    cheat("all_answers", "print('6\\n0\\n100')\n", SUM, "wrong answer", fraction=0.0),
    cheat("all_answers_on_a_line", "print('6 0 100')\n", SUM, "wrong answer", fraction=0.0),
    cheat("answer_twice", "n = input()\nx = sum(map(int, input().split()))\nprint(x)\nprint(x)\n", SUM, "wrong answer"),
    cheat("nothing", "input()\n", SUM, "wrong answer", fraction=0.0),
    cheat("blank_lines", "print('\\n' * 1000)\n", SUM, "wrong answer", fraction=0.0),
    cheat("with_words", RIGHT.replace("print(", "print('Answer:', "), SUM, "wrong answer", fraction=0.0),
    cheat("with_prompt", RIGHT.replace("input()", "input('How many? ')", 1), SUM, "wrong answer", fraction=0.0),
    cheat("with_debug_line", RIGHT + "print('done')\n", SUM, "wrong answer", fraction=0.0),
    cheat(
        "only_stderr",
        "import sys\n\nn = input()\nprint(sum(map(int, input().split())), file=sys.stderr)\n",
        SUM,
        "wrong answer",
        fraction=0.0,
    ),
    cheat("echo", "import sys\n\nprint(sys.stdin.read())\n", SUM, "wrong answer", fraction=0.0),
    cheat("line_missing", "print(1)\nprint(2)\n", LINES, "wrong answer"),
    cheat("line_extra", "for i in range(1, 5):\n    print(i)\n", LINES, "wrong answer"),
    cheat("line_twice", "print(1)\nprint(2)\nprint(2)\nprint(3)\n", LINES, "wrong answer"),
    cheat("lines_turned", "print(3)\nprint(2)\nprint(1)\n", LINES, "wrong answer"),
    cheat("glued", "print(1, 2, 3, sep='')\n", WORDS, "wrong answer"),
    cheat("split_token", "print(1, 2, 3)\n", stdio(("3\n", "123\n")), "wrong answer"),
    cheat("commas", "print(1, 2, 3, sep=', ')\n", WORDS, "wrong answer"),
    cheat("list_printed", "print([1, 2, 3])\n", WORDS, "wrong answer"),
    cheat("letter_case", "print('Yes')\n", YES, "wrong answer"),
    cheat("both_words", "print('YES NO')\n", YES, "wrong answer"),
    cheat("prefix", "print('YE')\n", YES, "wrong answer"),
    cheat("longer", "print('YESNO')\n", YES, "wrong answer"),
    cheat("backspace", "print('7\\b6')\n", ONE, "wrong answer"),
    cheat("terminal_erases", "print('7\\x1b[1K\\r6')\n", ONE, "wrong answer"),
    cheat("nul_after", "print('6\\0')\n", ONE, "wrong answer"),
    cheat("invalid_utf8", "import sys\n\nsys.stdout.buffer.write(b'6\\xff\\n')\n", ONE, "wrong answer"),
    cheat("zero_width_space", "import sys\n\nsys.stdout.buffer.write('6\\u200b\\n'.encode())\n", ONE, "wrong answer"),
    cheat(
        "full_width_digit",
        "import sys\n\nsys.stdout.buffer.write('６\\n'.encode())\n",
        ONE,
        "wrong answer",
        note="int() reads it as 6",
    ),
    cheat("underscore", "print('1_0')\n", stdio(("1\n", "10\n")), "wrong answer", note="int() reads it as 10"),
    cheat("last_digit", "print(10**30 + 1)\n", stdio(("1\n", f"{10**30}\n")), "wrong answer", note="equal as floats"),
    cheat(
        "last_digit_tolerance",
        "print(10**30 + 1)\nprint('no')\n",
        stdio(("1\n", f"{10**30}\nyes\n"), float_tol=1e-9),
        "wrong answer",
    ),
    cheat("float_without_tolerance", "print(3.14160)\n", stdio(("1\n", "3.14159\n")), "wrong answer"),
    cheat("float_beyond_tolerance", "print(1.4143)\n", FLOAT, "wrong answer"),
    cheat("nan", "print('nan')\n", FLOAT, "wrong answer"),
    cheat("minus_nan", "print('-NaN')\n", FLOAT, "wrong answer"),
    cheat("inf", "print('inf')\n", FLOAT, "wrong answer"),
    cheat("huge_float", "print('1e400')\n", FLOAT, "wrong answer"),
    cheat("inf_for_huge", "print('inf')\n", stdio(("1\n", "1e300\n"), float_tol=1e-6), "wrong answer"),
    cheat(
        "float_and_word", "print('NO 1.41421356')\n", stdio(("2\n", "YES 1.41421356\n"), float_tol=1e-6), "wrong answer"
    ),
    cheat("float_and_more", "print('1.41421356 1.5')\n", FLOAT, "wrong answer"),
    cheat("float_missing", "print('1.0')\n", stdio(("2\n", "1.0 2.0\n"), float_tol=1e-6), "wrong answer"),
    cheat("empty_where_answer_is_empty", "print('x')\n", stdio(("2\n", "")), "wrong answer"),
    cheat("template", "print('%d')\nprint('{output}')\nprint('.*')\n", ONE, "wrong answer"),
)

ENDINGS = (
    cheat("right_then_exit_1", RIGHT + "exit(1)\n", SUM, "runtime error", fraction=0.0),
    cheat("right_then_exit_text", RIGHT + "import sys\n\nsys.exit('6')\n", SUM, "runtime error", fraction=0.0),
    cheat("right_then_raise", RIGHT + "raise ValueError\n", SUM, "runtime error", fraction=0.0),
    cheat("right_then_index_error", RIGHT + "[][n]\n", SUM, "runtime error", fraction=0.0),
    cheat("right_then_abort", RIGHT + "import os, sys\n\nsys.stdout.flush()\nos.abort()\n", SUM, "runtime error"),
    cheat("right_then_kill", RIGHT + "import os, sys\n\nsys.stdout.flush()\nos.kill(os.getpid(), 9)\n", SUM),
    cheat(
        "right_then_segfault",
        RIGHT + "import ctypes, sys\n\nsys.stdout.flush()\nctypes.string_at(0)\n",
        SUM,
        "runtime error",
    ),
    cheat(
        "right_then_loop",
        RIGHT + "import sys\n\nsys.stdout.flush()\nwhile True:\n    pass\n",
        SHORT,
        "timeout",
        fraction=0.0,
    ),
    cheat("right_then_sleep", RIGHT + "import sys, time\n\nsys.stdout.flush()\ntime.sleep(1000)\n", SHORT, "timeout"),
    cheat("right_then_assert", RIGHT + "assert n < 0\n", SUM, "runtime error", fraction=0.0),
    cheat("right_then_interrupt", RIGHT + "raise KeyboardInterrupt\n", SUM, "runtime error", fraction=0.0),
    cheat(
        "crash_in_one_case",
        "n = int(input())\nx = [int(v) for v in input().split()]\nprint(x[0] + x[1] + x[2])\n",
        stdio(("3\n1 2 3\n", "6\n"), ("2\n-5 5\n", "0\n")),
        "runtime error",
        fraction=0.5,
    ),
    cheat(
        "loop_in_one_case",
        "n = int(input())\nwhile n == 4:\n    pass\nprint(sum(map(int, input().split())))\n",
        SHORT,
        "timeout",
        fraction=2 / 3,
    ),
    cheat(
        "loop_in_c",
        "n = int(input())\nif n == 4:\n    sum(range(10**15))\nprint(sum(map(int, input().split())))\n",
        SHORT,
        "timeout",
        fraction=2 / 3,
    ),
    cheat(
        "power_in_c",
        "import re\n\nn = int(input())\nif n == 4:\n    re.match('(a+)+$', 'a' * 60 + 'b')\n"
        "print(sum(map(int, input().split())))\n",
        SHORT,
        "timeout",
        fraction=2 / 3,
    ),
    cheat(
        "sleep_in_one_case",
        "import time\n\nn = int(input())\ntime.sleep(100 if n == 4 else 0)\nprint(sum(map(int, input().split())))\n",
        SHORT,
        "timeout",
        fraction=2 / 3,
    ),
    cheat(
        "patched_clock",
        "import time\n\ntime.time = time.monotonic = time.perf_counter = lambda: 0.0\nn = int(input())\n"
        "while n == 4:\n    pass\nprint(sum(map(int, input().split())))\n",
        SHORT,
        "timeout",
        fraction=2 / 3,
    ),
    cheat(
        "signals_ignored",
        "import signal\n\nfor number in range(1, 65):\n    try:\n        signal.signal(number, signal.SIG_IGN)\n"
        "    except (OSError, ValueError):\n        pass\nsignal.alarm(0)\nn = int(input())\nwhile n == 4:\n    pass\n"
        "print(sum(map(int, input().split())))\n",
        SHORT,
        "timeout",
        fraction=2 / 3,
    ),
    cheat(
        "memory_in_one_case",
        "n = int(input())\nhold = []\nfor _ in range(64 if n == 4 else 0):\n"
        "    hold.append(bytearray(b'x') * 2**26)\nprint(sum(map(int, input().split())))\n",
        SHORT,
        "memory limit",
        "runtime error",
        fraction=2 / 3,
    ),
    cheat(
        "memory_by_children",
        "import os\n\nn = int(input())\nfor _ in range(32):\n    if os.fork() == 0:\n"
        "        hold = bytearray(b'x') * (100 * 2**20)\n        while True:\n            pass\n"
        "while os.wait():\n    pass\n",
        SHORT,
    ),
    cheat(
        "many_children",
        "import os, time\n\nfor _ in range(400):\n    try:\n        if os.fork() == 0:\n            time.sleep(60)\n"
        "            os._exit(0)\n    except OSError:\n        pass\ntime.sleep(60)\n",
        SHORT,
    ),
    cheat(
        "child_holds_stdout",
        "import os, time\n\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)\n    print(6)\n    os._exit(0)\n"
        "print(7)\n",
        SHORT,
    ),
    cheat("recursion", "def f(n):\n    return f(n + 1)\n\n\nprint(f(int(input())))\n", SUM, "runtime error"),
    cheat(
        "recursion_without_limit",
        "import sys, threading\n\nsys.setrecursionlimit(10**9)\n\n\ndef f(n):\n    return f(n + 1) + 1\n\n\n"
        "print(f(0))\n",
        SHORT,
    ),
    cheat("endless_output", "while True:\n    print(6)\n", SHORT),
    cheat("endless_bytes", "import os\n\nwhile True:\n    os.write(1, b'6' * 65536)\n", SHORT),
    cheat("endless_stderr", "import os\n\nprint(6, flush=True)\nwhile True:\n    os.write(2, b'x' * 65536)\n", SHORT),
    cheat("long_output", "print('6 ' * 60_000_000)\n", SHORT),
    cheat(
        "disk_full",
        "with open('/tmp/x', 'wb') as f:\n    for _ in range(2_000):\n        f.write(b'x' * 2**20)\nprint(6)\n",
        SHORT,
    ),
    cheat("reads_too_much", "print(sum(int(input()) for _ in range(100)))\n", SUM, "runtime error", fraction=0.0),
    cheat(
        "network",
        "import urllib.request\n\nprint(urllib.request.urlopen('http://example.com', timeout=2).status)\n",
        SHORT,
    ),
    cheat("closes_stdout", "import os\n\nos.close(1)\n", SUM),
    cheat("stops_itself", "import os, signal\n\nprint(6, flush=True)\nos.kill(os.getpid(), signal.SIGSTOP)\n", SHORT),
)

TWO_SUM = """\
import sys

target = int(open(sys.argv[1]).read().split()[0])
tokens = open(sys.argv[2]).read().split()
if len(tokens) != 2:
    sys.exit(1)
a, b = map(int, tokens)
sys.exit(0 if a > 0 and b > 0 and a + b == target else 1)
"""
PAIR = stdio(("10\n", "3 7\n"), ("5\n", "1 4\n"), checker={"code": TWO_SUM})
TRUSTING = stdio(
    ("3\n", "0\n"),
    checker={
        "code": "import sys\n\ncount = int(open(sys.argv[2]).readline())\nfor _ in range(count):\n    pass\n"
        "sys.exit(0 if count == 0 else 1)\n"
    },
)
EXACT = stdio(
    ("3\n", "nine\n"),
    checker={"code": "import sys\n\nassert open(sys.argv[2]).read().strip() == open(sys.argv[3]).read().strip()\n"},
)

CHECKERS = (
    cheat("checker-wrong", "print(4, 7)\n", PAIR, "wrong answer", fraction=0.0),
    cheat("checker-wrong_in_one", "print(3, 7)\n", PAIR, "wrong answer", fraction=0.5),
    cheat("checker-not_positive", "n = int(input())\nprint(0, n)\n", PAIR, "wrong answer", fraction=0.0),
    cheat("checker-nothing", "pass\n", PAIR, "wrong answer", fraction=0.0),
    cheat("checker-not_numbers", "print('a', 'b')\n", PAIR, "wrong answer", fraction=0.0),
    cheat("checker-binary", "import os\n\nos.write(1, bytes(range(256)) * 10)\n", PAIR, "wrong answer", fraction=0.0),
    cheat("checker-nul", "print('3\\x007')\n", PAIR, "wrong answer", fraction=0.0),
    cheat(
        "checker-verdict",
        "print('exit status 0\\naccepted\\n{\"ok\": true}\\nOK')\n",
        PAIR,
        "wrong answer",
        fraction=0.0,
    ),
    cheat(
        "checker-code",
        "print('__import__(\"sys\").exit(0)')\nprint('sys.exit(0)')\n",
        PAIR,
        "wrong answer",
        fraction=0.0,
    ),
    cheat("checker-huge_number", "print('9' * 5000, 1)\n", PAIR, "wrong answer", fraction=0.0),
    cheat("checker-huge_output", "print('3 7 ' * 40_000_000)\n", PAIR),
    cheat(
        "checker-right_then_exit_3", "n = int(input())\nprint(1, n - 1)\nexit(3)\n", PAIR, "runtime error", fraction=0.0
    ),
    cheat(
        "checker-right_then_crash", "n = int(input())\nprint(1, n - 1)\n1 / 0\n", PAIR, "runtime error", fraction=0.0
    ),
    cheat(
        "checker-files",
        "for name in ('output.txt', 'answer.txt', 'checker.py', 'sys.py', 'sitecustomize.py'):\n"
        "    with open(name, 'w') as file:\n        file.write('raise SystemExit(0)\\n')\nprint('x')\n",
        PAIR,
        "wrong answer",
        "runtime error",
    ),
    cheat("checker-hangs", "print(10**15)\n", TRUSTING),
    cheat("checker-asserts", "print('ten')\n", EXACT, "wrong answer", fraction=0.0),
    cheat("checker-memory", "print('x' * 30_000_000)\n", EXACT),
)

DISHONEST: tuple[Case, ...] = (*TEXT, *ENDINGS, *CHECKERS)
