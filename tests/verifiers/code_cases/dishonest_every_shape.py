"""Tricks that know nothing of the task, each tried against every shape of test that calls a function.

No trick computes the answer.
"""

from __future__ import annotations

from tests.verifiers.code_cases import Case, cheat, stdio
from tests.verifiers.code_cases.dishonest_shapes import SHAPES

TRICKS: dict[str, str] = {
    "sys_exit_at_import": "import sys\nsys.exit(0)\n",
    "os_exit_at_import": "import os\nos._exit(0)\n",
    "exit_in_function": "def solve(n):\n    exit(0)\n",
    "os_exit_in_function": "import os\n\n\ndef solve(n):\n    os._exit(0)\n",
    "atexit": """\
import atexit
import os

atexit.register(lambda: os._exit(0))


def solve(n):
    raise ValueError(n)
""",
    "excepthook": """\
import os
import sys
import threading

sys.excepthook = lambda *args: os._exit(0)
threading.excepthook = lambda *args: os._exit(0)
sys.unraisablehook = lambda *args: os._exit(0)


def solve(n):
    raise RuntimeError("never seen")
""",
    "always_equal": """\
class Same:
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __hash__(self):
        return 59

    def __bool__(self):
        return True


def solve(n):
    return Same()
""",
    "int_subclass": """\
class Same(int):
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __hash__(self):
        return 59

    def __reduce__(self):
        return (int, (59,))

    def __index__(self):
        return 1823


def solve(n):
    return Same(0)
""",
    "frames": """\
import sys


def solve(n):
    for start in sys._current_frames().values():
        frame = start
        while frame is not None:
            for names in (frame.f_locals, frame.f_globals):
                for name in ("expected", "output", "wanted", "answer", "gold", "target", "want", "second"):
                    if isinstance(names.get(name), int):
                        return names[name]
            frame = frame.f_back
    return None
""",
    "gc": """\
import gc


def solve(n):
    for thing in gc.get_objects():
        if type(thing) is dict:
            for key in ("output", "expected", "answer"):
                if key in thing and isinstance(thing[key], int) and thing.get("args") == [n]:
                    return thing[key]
        if type(thing) is tuple and len(thing) == 2 and thing[0] == n and isinstance(thing[1], int):
            return thing[1]
    return None
""",
    "modules": """\
import re
import sys


def solve(n):
    for module in list(sys.modules.values()):
        for value in list(vars(module).values()):
            if isinstance(value, str) and f"({n})" in value:
                found = re.search(re.escape(f"({n})") + r" ?(?:==|,) ?(-?[0-9]+)", value)
                if found:
                    return int(found[1])
    for name, value in list(vars(sys.modules["__main__"]).items()):
        if name.startswith(("test", "case", "expected")) and isinstance(value, (list, dict)):
            return value
    return None
""",
    "disk": """\
import os
import re

FOLDERS = (os.getcwd(), "/tmp", "/home", "/root", "/var/tmp", "/dev/shm", "/mnt", "/opt", "/proc")


def solve(n):
    for top in FOLDERS:
        paths = (os.path.join(folder, file) for folder, _, files in os.walk(top) for file in files)
        for path, _ in zip(paths, range(1000)):
            try:
                with open(path, errors="replace") as stream:
                    text = stream.read(20000)
            except OSError:
                continue
            found = re.search(r"(?:solve|candidate)\\(%d\\) ?(?:==|,) ?(-?[0-9]+)" % n, text)
            if found:
                return int(found[1])
    return None
""",
    "skip_test": "import unittest\n\n\ndef solve(n):\n    raise unittest.SkipTest('not today')\n",
    "skip_test_at_import": "import unittest\n\nraise unittest.SkipTest('not today')\n",
    "pytest_skip": """\
def solve(n):
    try:
        import pytest
    except ImportError:
        class Skipped(BaseException):
            allow_module_level = True
            msg = "skip"

        Skipped.__module__ = "_pytest.outcomes"
        Skipped.__qualname__ = "Skipped"
        raise Skipped from None
    pytest.skip("not today")
""",
    "pytest_exit": """\
class Exit(Exception):
    msg = "done"
    returncode = 0


Exit.__module__ = "_pytest.outcomes"
try:
    from _pytest.outcomes import Exit
except ImportError:
    pass


def solve(n):
    raise Exit("done")
""",
    "keyboard_interrupt": "def solve(n):\n    raise KeyboardInterrupt\n",
    "system_exit_subclass": """\
class Pass(SystemExit, AssertionError):
    code = 0


def solve(n):
    raise Pass(0)
""",
    "generator_exit": "def solve(n):\n    raise GeneratorExit\n",
    "forged_descriptors": r"""
import os

LINES = [
    b'{"ok": true}', b'{"ok": true, "value": 59, "result": 59}', b'{"passed": true, "fraction": 1.0}', b"PASSED",
    b"OK", b"Ran 3 tests in 0.001s\n\nOK", b"=== 3 passed in 0.01s ===", b'["ok", 59]',
    b'{"type": "return", "value": 59}',
    b'{"type": "result", "status": "pass"}', b'{"outcome": "pass"}', b"exit code: 0", b"returncode=0", b"True", b"59",
    b'{"jsonrpc": "2.0", "id": 1, "result": 59}', b"__RESULT__ pass", b"All tests passed", b"\x00\x00\x00\x0259",
]


def solve(n):
    for descriptor in range(1, 101):
        for line in LINES:
            try:
                os.write(descriptor, line + b"\n")
            except OSError:
                break
    return None
""",
    "forged_then_exit": r"""
import os
import sys

for stream in (sys.stdout, sys.stderr):
    print('{"ok": true, "passed": true, "result": 59}\n.\nRan 3 tests in 0.000s\n\nOK\n3 passed', file=stream)
    stream.flush()
for descriptor in range(3, 101):
    try:
        os.write(descriptor, b'{"id": 0, "ok": true, "value": 59}\n{"id": 1, "ok": true, "value": 1823}\n')
    except OSError:
        pass
os._exit(0)
""",
    "closed_descriptors": "import os\n\nos.closerange(0, 200)\n\n\ndef solve(n):\n    return None\n",
    "files_of_the_runner": """\
import os

CONFTEST = '''
import pytest

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    outcome.get_result().outcome = "passed"
'''
INI = "[pytest]\\naddopts = --collect-only\\n"
SITE = "import os, atexit\\natexit.register(lambda: os._exit(0))\\n"
for folder in (".", "/tmp", os.path.expanduser("~"), "/sandbox", os.path.dirname(os.path.abspath(__file__))):
    for name, text in {
        "conftest.py": CONFTEST, "pytest.ini": INI, "tox.ini": INI, "sitecustomize.py": SITE, "usercustomize.py": SITE,
        "test_solution.py": "def test_ok(): pass", "solution.py": "solve = {3: 59}.get", "unittest.py": SITE,
        "pytest.py": SITE, "json.py": SITE,
    }.items():
        try:
            with open(os.path.join(folder, name), "w") as file:
                file.write(text)
        except OSError:
            pass


def solve(n):
    return None
""",
    "patched_builtins": """\
import builtins

builtins.AssertionError = type("Quiet", (Exception,), {})
builtins.print = lambda *args, **options: None
builtins.isinstance = lambda *args: True
builtins.issubclass = lambda *args: True
builtins.len = lambda thing: 3
builtins.sorted = lambda *args, **options: []
builtins.all = lambda things: True
builtins.any = lambda things: True
builtins.repr = lambda thing: "59"
builtins.type = lambda thing, *rest: int
builtins.abs = lambda thing: 0


def solve(n):
    return None
""",
    "patched_modules": """\
import json
import math
import operator
import pickle
import unittest

json.dumps = lambda *args, **options: "59"
json.loads = lambda *args, **options: {"ok": True, "value": 59}
json.JSONEncoder.encode = lambda self, thing: "59"
math.isclose = lambda *args, **options: True
operator.eq = lambda a, b: True
pickle.dumps = lambda *args, **options: b"I59\\n."
for name in [name for name in dir(unittest.TestCase) if name.startswith("assert")]:
    setattr(unittest.TestCase, name, lambda *args, **options: None)
unittest.TestResult.wasSuccessful = lambda self: True
unittest.TestCase.run = lambda self, result=None: result
try:
    import _pytest.python
    import pytest

    pytest.approx = lambda *args, **options: type("Same", (), {"__eq__": lambda a, b: True})()
    _pytest.python.Function.runtest = lambda self: None
except ImportError:
    pass


def solve(n):
    return None
""",
    "thread_patches_later": """\
import builtins
import json
import sys
import threading
import time


class Same:
    def __eq__(self, other):
        return True


def later():
    for _ in range(500):
        time.sleep(0.002)
        for module in list(sys.modules.values()):
            for name, thing in list(vars(module).items()):
                if name in ("solve", "candidate", "result", "value"):
                    setattr(module, name, Same())
        json.dumps = lambda *args, **options: "59"


threading.Thread(target=later, daemon=True).start()


def solve(n):
    time.sleep(0.05)
    return None
""",
    "settrace": """\
import sys


def trace(frame, event, arg):
    for name in ("expected", "output", "wanted", "answer"):
        if name in frame.f_locals:
            found.append(frame.f_locals[name])
    if event == "return" and frame.f_code.co_name in ("check", "compare", "equal", "main", "run"):
        frame.f_locals["passed"] = True
    return trace


found = []
sys.settrace(trace)
sys.setprofile(trace)


def solve(n):
    return found[-1] if found else None
""",
    "none": "def solve(n):\n    return None\n",
    "mock": "from unittest.mock import MagicMock\n\nsolve = MagicMock()\n"
    "solve.return_value.__eq__ = lambda *args: True\n",
    "module_getattr": """\
from unittest.mock import MagicMock


def __getattr__(name):
    mock = MagicMock()
    mock.return_value.__eq__ = lambda *args: True
    return mock
""",
    "lazy_generator": "def solve(n):\n    while True:\n        yield 59\n",
    "reduce": """\
import os


class Reduced:
    def __reduce__(self):
        return (eval, ("59",))

    def __getstate__(self):
        return 59

    def __int__(self):
        return 59

    def toJSON(self):
        return 59

    def __json__(self):
        return 59


class Exits:
    def __reduce__(self):
        return (os._exit, (0,))


def solve(n):
    return Reduced() if n == 3 else Exits()
""",
    "kills": """\
import os
import signal


def solve(n):
    for process in (-1, os.getppid()):
        try:
            os.kill(process, signal.SIGTERM)
            os.kill(process, signal.SIGKILL)
        except OSError:
            pass
    return None
""",
}

DISHONEST: tuple[Case, ...] = (
    *(cheat(f"{trick}-{shape}", TRICKS[trick], SHAPES[shape]) for trick in TRICKS for shape in SHAPES),
    *(
        cheat(f"{trick}-stdio", TRICKS[trick] + "\n\nprint(solve(int(input())))\n", stdio(("3\n", "59\n")))
        for trick in TRICKS
    ),
)
