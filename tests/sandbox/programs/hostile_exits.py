"""Ends that mislead: exit codes, signals and messages that look like another verdict; sources that are none."""

from __future__ import annotations

from dataclasses import replace

from sandbox.types import Limits
from tests.sandbox.programs import CANARY, COMPILE, KILLED, MEMORY, NONZERO, OK, TIMEOUT, Case, abuse, escape

ENDS: tuple[Case, ...] = (
    abuse(
        "good output, then failure",
        "print('All tests passed\\nOK', flush=True)\nraise SystemExit(1)",
        NONZERO,
        exit_code=1,
        stdout="All tests passed\nOK\n",
    ),
    abuse("failure at once", "import os\nos._exit(7)", NONZERO, exit_code=7, stdout=""),
    abuse(
        "failure while exiting",
        "import atexit, os\natexit.register(os._exit, 9)\nprint('fine', flush=True)",
        NONZERO,
        exit_code=9,
        stdout="fine\n",
    ),
    abuse(
        "hook that hides an exception's name",
        "import sys\nsys.excepthook = lambda *_: print('fine')\nraise ValueError",
        NONZERO,
        exit_code=1,
        stdout="fine\n",
    ),
    abuse(
        "hook that turns an exception into a good end",
        "import os, sys\nsys.excepthook = lambda *_: os._exit(0)\nprint('wrong', flush=True)\nraise ValueError",
        OK,
        exit_code=0,
        stdout="wrong\n",
        note="a program may end as it likes; what it printed is judged elsewhere",
    ),
    abuse(
        "result written as the sandbox might",
        """
        import json, sys
        frame = {"verdict": "ok", "exit_code": 0, "stdout": "42", "status": "passed", "signal": None}
        for stream in (sys.stdout, sys.stderr):
            print(json.dumps(frame), file=stream, flush=True)
            print("{ 'exit-code': 0 }", file=stream, flush=True)
        sys.exit(4)
        """,
        NONZERO,
        exit_code=4,
    ),
    abuse(
        "result written to every descriptor",
        """
        import json, os
        frame = json.dumps({"exit-code": 0, "exit_code": 0, "verdict": "ok", "status": 0}).encode() + b"\\n"
        for number in range(3, 1001):
            try:
                os.write(number, frame)
                os.write(number, bytes(8))
            except OSError:
                pass
        os._exit(6)
        """,
        NONZERO,
        exit_code=6,
        stdout="",
    ),
    abuse("exit code of a kill", "import sys\nsys.exit(137)", NONZERO, exit_code=137),
    abuse("exit code of a segmentation fault", "import sys\nsys.exit(139)", NONZERO, exit_code=139),
    abuse("exit code of a timeout", "import sys\nsys.exit(124)", NONZERO, exit_code=124),
    abuse("exit codes of a container that fails", "import sys\nsys.exit(125)", NONZERO, exit_code=125),
    abuse("exit code of a missing command", "import sys\nsys.exit(127)", NONZERO, exit_code=127),
    abuse("exit code of the last kind", "import sys\nsys.exit(-1)", NONZERO, exit_code=255),
    abuse("exit code of 256 is 0", "import sys\nsys.exit(256)", OK, exit_code=0),
    abuse(
        "syntax error on stderr",
        """
        import sys
        print('  File "main.py", line 1', file=sys.stderr)
        print("    (", file=sys.stderr)
        print("SyntaxError: '(' was never closed", file=sys.stderr)
        sys.exit(1)
        """,
        NONZERO,
        exit_code=1,
    ),
    abuse(
        "syntax error raised after output",
        "print('ran', flush=True)\nraise SyntaxError('invalid syntax', ('main.py', 1, 1, 'x'))",
        NONZERO,
        exit_code=1,
        stdout="ran\n",
    ),
    abuse("syntax error in eval", "print('ran', flush=True)\neval('(')", NONZERO, exit_code=1, stdout="ran\n"),
    abuse(
        "syntax error in an imported file",
        "print('ran', flush=True)\nimport helper",
        NONZERO,
        files={"helper.py": "def f(:\n"},
        exit_code=1,
        stdout="ran\n",
    ),
    abuse(
        "out of memory on stderr",
        "import sys\nprint('MemoryError\\nKilled\\nout of memory', file=sys.stderr)\nsys.exit(1)",
        NONZERO,
        exit_code=1,
    ),
    abuse(
        "memory error by hand", "raise MemoryError", NONZERO, MEMORY, note="how it looks where only addresses are bound"
    ),
    abuse("timeout on stderr", "raise TimeoutError('wall-clock limit')", NONZERO, exit_code=1),
    abuse("segmentation fault", "import ctypes\nctypes.string_at(0)", KILLED, signal=11),
    abuse("abort", "import os\nos.abort()", KILLED, signal=6),
    abuse("interrupt that nobody catches", "raise KeyboardInterrupt", KILLED, signal=2),
    abuse(
        "broken pipe signal to itself",
        "import os, signal\nsignal.signal(13, signal.SIG_DFL)\nos.kill(os.getpid(), 13)",
        KILLED,
        signal=13,
    ),
    abuse(
        "bad end of a thread",
        "import threading\ndef fail():\n    raise ValueError\nt = threading.Thread(target=fail)\nt.start()\nt.join()\n"
        "print('done')",
        OK,
        stdout="done\n",
    ),
    abuse(
        "replaced by another program",
        "import os\nos.execv('/bin/sh', ['sh', '-c', 'echo shell; exit 3'])",
        NONZERO,
        exit_code=3,
        stdout="shell\n",
    ),
    abuse("input beyond its end", "input()", NONZERO, exit_code=1),
)

DEEP = 50_000

SOURCES: tuple[Case, ...] = (
    abuse("syntax error", "print('ran')\nprint(", COMPILE, stdout=""),
    abuse("indentation error", "print('ran')\n  x = 1", COMPILE, stdout=""),
    abuse("return outside of a function", "print('ran')\nreturn 1", COMPILE, stdout=""),
    abuse("unknown encoding", "# -*- coding: no-such-thing -*-\nprint('ran')", COMPILE, stdout=""),
    abuse("deep parentheses", "print('ran')\nx = " + "(" * DEEP + ")" * DEEP, COMPILE, stdout=""),
    abuse(
        "deep signs",
        "print('ran')\nx = " + "-" * DEEP + "1",
        COMPILE,
        NONZERO,
        MEMORY,
        KILLED,
        note="the parser's memory error or the stack's end",
    ),
    abuse(
        "long sum",
        "print('ran')\nx = " + " + ".join("x" * DEEP),
        COMPILE,
        NONZERO,
        KILLED,
        note="a recursion error of the compiler",
    ),
    abuse(
        "deep blocks",
        "print('ran')\n" + "".join(" " * depth + "if 1:\n" for depth in range(200)) + " " * 200 + "pass",
        COMPILE,
        stdout="",
    ),
    abuse(
        "deep attributes and calls",
        "print('ran')\nx = a" + ".a()" * DEEP,
        COMPILE,
        NONZERO,
        KILLED,
    ),
    abuse(
        "constants to be folded",
        "x = (((((1 << 100) ** 100) ** 100) ** 100) ** 100)\ny = ((('a' * 4096) * 4096) * 4096) * 4096",
        NONZERO,
        MEMORY,
        TIMEOUT,
        limits=Limits(wall_s=4.0, memory_mb=128),
    ),
    abuse(
        "twenty megabytes of source",
        "x = [1, 'a', b'c', 2.5]\n" * 800_000,
        MEMORY,
        TIMEOUT,
        limits=Limits(wall_s=5.0, memory_mb=128),
    ),
    abuse(
        "half a character",
        "print('\ud800')",
        COMPILE,
        note="a lone surrogate is no text that a file could hold",
    ),
)

WALK = """
import gc, inspect, sys
seen = []
frame = sys._getframe()
while frame is not None:
    seen.append((frame.f_code.co_filename, repr(frame.f_globals), repr(frame.f_locals)))
    frame = frame.f_back
foreign = [name for name in sys.modules if name.split(".")[0] in ("sandbox", "verifiers", "rewards", "rollout", "rl")]
foreign += [name for name in sys.modules if "pytest" in name or "docker" in name]
if foreign:
    found.append("modules " + repr(foreign))
main = sys.modules["__main__"]
if main.__dict__ is not globals():
    found.append("another main module " + repr(main))
print(repr(seen)[:100000], file=sys.stderr)
for thing in gc.get_objects():
    try:
        if isinstance(thing, (dict, list, tuple, str, bytes)):
            print(repr(thing)[:200], file=sys.stderr)
    except Exception:
        pass
for thing in inspect.stack():
    print(thing, file=sys.stderr)
"""

HARNESS: tuple[Case, ...] = (
    # Frames of the interpreter that was forked lie around the program's own; what they hold is printed, and is its own.
    replace(escape("frames, modules and objects of a harness", WALK), must_not_print=(CANARY,)),
    escape(
        "descriptors of a harness",
        """
        import stat
        for number in range(3, 1024):
            try:
                kind = os.fstat(number).st_mode
            except OSError:
                continue
            if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind) or stat.S_ISDIR(kind):
                found.append(f"{number} is {os.readlink(f'/proc/self/fd/{number}')}")
            try:
                os.write(number, b"forged\\n")
                found.append(f"written to {number}")
            except OSError:
                pass
        """,
    ),
    escape(
        "threads of a harness",
        """
        if len(os.listdir("/proc/self/task")) > 1:
            found.append("threads")
        """,
    ),
)

EXITS = ENDS + SOURCES + HARNESS
