"""Honest programs: each must run as it does on any machine."""

from __future__ import annotations

from sandbox.types import Limits, Verdict
from tests.sandbox.programs import Case, honest

LINES = "".join(f"{n} {n * n}\n" for n in range(16_000))
assert len(LINES) > 200_000

INPUT_OUTPUT: tuple[Case, ...] = (
    honest("hello", "print('hello')", "hello\n"),
    honest("nothing", "", ""),
    honest("exit at the end", "print('done')\nexit()", "done\n"),
    honest("quit at the end", "print('done')\nquit()", "done\n"),
    honest("sys.exit without a code", "import sys\nprint('done')\nsys.exit()", "done\n"),
    honest(
        "input loop", "for _ in range(int(input())):\n    print(int(input()) * 2)", "2\n4\n6\n", stdin="3\n1\n2\n3\n"
    ),
    honest(
        "input until its end",
        """
        total = 0
        while True:
            try:
                total += int(input())
            except EOFError:
                break
        print(total)
        """,
        "10\n",
        stdin="1\n2\n3\n4",
    ),
    honest(
        "bytes of stdin", "import sys\nprint(sum(map(int, sys.stdin.buffer.read().split())))", "6\n", stdin="1 2\n3"
    ),
    honest("stdin line by line", "import sys\nfor line in sys.stdin:\n    print(line, end='')", "a\nb", stdin="a\nb"),
    honest("empty stdin", "import sys\nprint(repr(sys.stdin.read()))", "''\n"),
    honest("stdin as a file", "print(open('/dev/stdin').read())", "abc\n", stdin="abc"),
    honest("stdin by its number", "print(open(0).read())", "abc\n", stdin="abc"),
    honest("stdin by os.read", "import os\nprint(os.read(0, 100))", "b'abc'\n", stdin="abc"),
    honest("stdin left unread", "print('done')", "done\n", stdin="x" * 3_000_000),
    honest("200 kB in and out", "import sys\nsys.stdout.write(sys.stdin.read())", LINES, stdin=LINES),
    honest("200 kB line by line", "for _ in range(16000):\n    print(input())", LINES, stdin=LINES),
    honest(
        "as much as may be printed",
        "import sys\nsys.stdout.write('x' * (1 << 20))\nsys.stderr.write('y' * (1 << 20))",
        "x" * (1 << 20),
        limits=Limits(output_bytes=1 << 20),
    ),
    honest("print without a newline", "print('a', end='')", "a"),
    honest("carriage returns and zeros", "print('a\\r\\nb\\0c\\td', end='\\r')", "a\r\nb\0c\td\r"),
    honest("carriage returns in", "import sys\nprint(sys.stdin.buffer.read())", "b'1\\r\\n2\\r'\n", stdin="1\r\n2\r"),
    honest("os.write", "import os\nos.write(1, b'raw\\n')", "raw\n"),
    honest("bytes of stdout", "import sys\nsys.stdout.buffer.write(b'raw\\n')", "raw\n"),
    honest("bytes that are no text", "import os\nos.write(1, b'a\\xffb\\n')", "a�b\n"),
    honest("unicode in and out", "print(input()[::-1], 'äß→数😀')", "éñ äß→数😀\n", stdin="ñé\n"),
    honest(
        "encodings",
        "import locale, sys\n"
        "print(sys.stdin.encoding.lower(), sys.stdout.encoding.lower(), sys.getfilesystemencoding(),\n"
        "      locale.getpreferredencoding(False).lower().replace('-', ''))\n"
        "open('ü', 'w').write('ä')\nprint(open('ü').read(), open('ü', 'rb').read())",
        "utf-8 utf-8 utf-8 utf8\nä b'\\xc3\\xa4'\n",
    ),
    honest("stdout closed", "import os\nos.close(1)\nos.close(2)\nos._exit(0)", ""),
    honest("output of a child", "import os\nos.system('echo child')", "child\n"),
    honest("flushes", "for n in range(3):\n    print(n, flush=True)", "0\n1\n2\n"),
    honest(
        "stderr is apart", "import sys\nprint('out')\nprint('err', file=sys.stderr)", "out\n", stderr_has=("err\n",)
    ),
)

LANGUAGE: tuple[Case, ...] = (
    honest(
        "deep recursion",
        """
        import sys
        sys.setrecursionlimit(10**6)
        def dive(n):
            return 0 if n == 0 else 1 + dive(n - 1)
        print(dive(20000))
        """,
        "20000\n",
    ),
    honest(
        "deep recursion in a thread",
        """
        import sys, threading
        sys.setrecursionlimit(10**6)
        threading.stack_size(1 << 27)
        def dive(n):
            return 0 if n == 0 else 1 + dive(n - 1)
        thread = threading.Thread(target=lambda: print(dive(20000)))
        thread.start()
        thread.join()
        """,
        "20000\n",
    ),
    honest(
        "deep recursion through C in a thread",
        """
        import functools, sys, threading
        sys.setrecursionlimit(10**6)
        threading.stack_size(1 << 27)
        @functools.lru_cache(None)
        def dive(n):
            return 0 if n == 0 else 1 + dive(n - 1)
        thread = threading.Thread(target=lambda: print(dive(20000)))
        thread.start()
        thread.join()
        """,
        "20000\n",
    ),
    honest("main guard", "if __name__ == '__main__':\n    print('main')", "main\n"),
    honest(
        "its own file",
        "import os\nprint(os.path.basename(__file__), os.path.exists(__file__), 'its own' in open(__file__).read())",
        "main.py True True\n",
    ),
    honest(
        "its own folder",
        "import os\nprint(os.path.dirname(os.path.abspath(__file__)) == os.getcwd(), os.access('.', os.W_OK))",
        "True True\n",
    ),
    honest("arguments", "import os, sys\nprint(len(sys.argv), os.path.basename(sys.argv[0]))", "1 main.py\n"),
    honest(
        "source of its own function",
        "import inspect\ndef f(x):\n    return x + 1\nprint(inspect.getsource(f), end='')",
        "def f(x):\n    return x + 1\n",
    ),
    honest(
        "pickle of its own classes",
        """
        import pickle
        from dataclasses import dataclass
        @dataclass
        class Point:
            x: int
            y: int = 2
        print(pickle.loads(pickle.dumps(Point(1))))
        """,
        "Point(x=1, y=2)\n",
    ),
    honest(
        "imports of given files",
        "import helper\nfrom package.inner import value\nprint(helper.twice(value), open('data/in.txt').read())",
        "42 ü\n",
        files={
            "helper.py": "def twice(x):\n    return 2 * x\n",
            "package/__init__.py": "",
            "package/inner.py": "value = 21\n",
            "data/in.txt": "ü",
        },
    ),
    honest(
        "seeded random numbers",
        "import random\nrandom.seed(42)\nprint(random.randint(1, 100), random.randint(1, 100))",
        "82 15\n",
    ),
    honest(
        "exact numbers",
        "from decimal import Decimal\nfrom fractions import Fraction\n"
        "print(Decimal('0.1') + Decimal('0.2'), Fraction(1, 3) + Fraction(1, 6), 2**200 % 1000007)",
        f"0.3 1/2 {2**200 % 1000007}\n",
    ),
    honest(
        "big integers",
        "import math, sys\nsys.set_int_max_str_digits(0)\nprint(len(str(math.factorial(5000))), len(str(7**20000)))",
        "16326 16902\n",
    ),
    honest(
        "standard library",
        """
        import bisect, collections, ctypes, heapq, itertools, json, re, sqlite3, string, typing, zlib
        h = [3, 1, 2]
        heapq.heapify(h)
        print(heapq.heappop(h), json.dumps({"a": [1]}), re.sub("a+", "b", "caat"), bisect.bisect([1, 2], 2))
        print(sqlite3.connect(":memory:").execute("select 1 + 1").fetchone()[0], zlib.crc32(b"a"))
        """,
        '1 {"a": [1]} cbt 2\n2 3904355907\n',
    ),
    honest("eval and exec", "exec('x = 2')\nprint(eval('x * 3'))", "6\n"),
    honest(
        "numbers of a long loop",
        "t = 0\nfor i in range(2_000_000):\n    t += i & 3\nprint(t)",
        "3000000\n",
    ),
    honest(
        "a hundred megabytes",
        "x = bytearray(100 << 20)\nx[::4096] = b'1' * len(x[::4096])\nprint(len(x))",
        "104857600\n",
    ),
    honest("warnings", "import warnings\nwarnings.warn('careful')\nprint('done')", "done\n", stderr_has=("careful",)),
)

CONCURRENCY: tuple[Case, ...] = (
    honest(
        "threads",
        """
        import threading
        got = []
        threads = [threading.Thread(target=got.append, args=(n,)) for n in range(20)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        print(sorted(got) == list(range(20)))
        """,
        "True\n",
    ),
    honest(
        "process pool",
        """
        import multiprocessing
        def square(n):
            return n * n
        if __name__ == "__main__":
            with multiprocessing.Pool(4) as pool:
                print(pool.map(square, range(6)))
        """,
        "[0, 1, 4, 9, 16, 25]\n",
    ),
    honest(
        "processes with a queue, a lock and a shared value",
        """
        from multiprocessing import Lock, Process, Queue, Value
        def work(queue, lock, total, n):
            with lock:
                total.value += n
            queue.put(n)
        if __name__ == "__main__":
            queue, lock, total = Queue(), Lock(), Value("i", 0)
            workers = [Process(target=work, args=(queue, lock, total, n)) for n in range(4)]
            for w in workers:
                w.start()
            print(sorted(queue.get() for _ in workers))
            for w in workers:
                w.join()
            print(total.value)
        """,
        "[0, 1, 2, 3]\n6\n",
    ),
    honest(
        "processes started afresh",
        """
        import multiprocessing
        def work(connection):
            connection.send(connection.recv() * 2)
        if __name__ == "__main__":
            here, there = multiprocessing.Pipe()
            p = multiprocessing.get_context("spawn").Process(target=work, args=(there,))
            p.start()
            here.send(21)
            print(here.recv())
            p.join()
        """,
        "42\n",
    ),
    honest(
        "executors",
        """
        from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
        def square(n):
            return n * n
        if __name__ == "__main__":
            with ThreadPoolExecutor(4) as threads, ProcessPoolExecutor(2) as processes:
                print(list(threads.map(square, range(4))), list(processes.map(square, range(4))))
        """,
        "[0, 1, 4, 9] [0, 1, 4, 9]\n",
    ),
    honest(
        "event loop",
        """
        import asyncio
        async def work(n):
            await asyncio.sleep(0.01 * n)
            return n
        async def main():
            process = await asyncio.create_subprocess_exec("/bin/echo", "child", stdout=asyncio.subprocess.PIPE)
            return await asyncio.gather(*map(work, range(5))), (await process.communicate())[0]
        print(asyncio.run(main()))
        """,
        "([0, 1, 2, 3, 4], b'child\\n')\n",
    ),
    honest(
        "subprocesses",
        """
        import subprocess, sys
        print(subprocess.check_output([sys.executable, "-c", "print(6 * 7)"], text=True).strip())
        print(subprocess.run("echo $((1 + 1)); exit 3", shell=True, capture_output=True, text=True))
        print(subprocess.run(["cat"], input="in", capture_output=True, text=True).stdout)
        """,
        "42\nCompletedProcess(args='echo $((1 + 1)); exit 3', returncode=3, stdout='2\\n', stderr='')\nin\n",
    ),
    honest(
        "pipe and fork",
        """
        import os
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.write(writing, b"child")
            os._exit(5)
        print(os.read(reading, 10), os.waitstatus_to_exitcode(os.wait()[1]))
        """,
        "b'child' 5\n",
    ),
    honest(
        "sockets on its own",
        """
        import socket, threading
        server = socket.create_server(("127.0.0.1", 0))
        def serve():
            connection, _ = server.accept()
            connection.sendall(connection.recv(10).upper())
        threading.Thread(target=serve).start()
        client = socket.create_connection(server.getsockname())
        client.sendall(b"abc")
        a, b = socket.socketpair()
        a.send(b"x")
        print(client.recv(10), b.recv(1))
        """,
        "b'ABC' b'x'\n",
        limits=Limits(loopback=True),
        note="a loopback device of its own, that is up",
    ),
)

SYSTEM: tuple[Case, ...] = (
    honest(
        "files in the working directory",
        """
        import os, shutil
        os.makedirs("a/b")
        with open("a/b/c.txt", "w") as file:
            file.write("text")
        os.rename("a/b/c.txt", "d.txt")
        print(open("d.txt").read(), os.path.getsize("d.txt"), sorted(os.listdir("a")))
        shutil.rmtree("a")
        """,
        "text 4 ['b']\n",
    ),
    honest(
        "temporary files",
        """
        import os, tempfile
        with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile("w+") as file:
            file.write("x" * 1000000)
            file.flush()
            print(os.path.getsize(file.name), os.path.dirname(folder))
        """,
        "1000000 /tmp\n",
    ),
    honest(
        "devices",
        """
        import errno, os
        open("/dev/null", "w").write("x")
        print(repr(open("/dev/null").read()), len(open("/dev/urandom", "rb").read(8)), open("/dev/zero", "rb").read(2))
        try:
            with open("/dev/full", "w") as file:
                file.write("x")
        except OSError as error:
            print(errno.errorcode[error.errno])
        print(len(os.urandom(4)))
        """,
        "'' 8 b'\\x00\\x00'\nENOSPC\n4\n",
    ),
    honest("processors", "import os\nprint(os.cpu_count() >= 1, len(os.sched_getaffinity(0)) >= 1)", "True True\n"),
    honest(
        "user and home",
        "import getpass, os, pathlib, pwd\nprint(bool(getpass.getuser()), os.path.isabs(os.path.expanduser('~')),\n"
        "      pathlib.Path.home().is_dir(), os.access(pathlib.Path.home(), os.R_OK))",
        "True True True True\n",
        note="there is an entry for the user",
    ),
    honest(
        "descriptions of the machine",
        "import platform, socket, tempfile, time, uuid\n"
        "print(platform.system(), bool(platform.machine()), bool(socket.gethostname()), tempfile.gettempdir(),\n"
        "      time.time() > 1.6e9, len(str(uuid.uuid4())))",
        "Linux True True /tmp True 36\n",
    ),
    honest(
        "limits",
        """
        import resource
        print(resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
        """,
        "True True\n",
    ),
    honest(
        "short sleep",
        "import time\nstart = time.monotonic()\ntime.sleep(0.2)\nprint(0.2 <= time.monotonic() - start < 5)",
        "True\n",
    ),
    honest(
        "signal handlers",
        """
        import os, signal
        signal.signal(signal.SIGUSR1, lambda number, _: print("got", number))
        signal.signal(signal.SIGTERM, lambda number, _: print("got", number))
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGTERM)
        """,
        "got 10\ngot 15\n",
    ),
    honest(
        "alarm",
        """
        import signal, time
        class Late(Exception):
            pass
        def ring(*_):
            raise Late
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            time.sleep(5)
        except Late:
            print("late")
        """,
        "late\n",
    ),
    honest(
        "interrupt that is caught",
        """
        import os, signal
        try:
            os.kill(os.getpid(), signal.SIGINT)
            while True:
                pass
        except KeyboardInterrupt:
            print("interrupted")
        """,
        "interrupted\n",
    ),
    honest("output at exit", "import atexit\natexit.register(print, 'last')\nprint('first')", "first\nlast\n"),
    honest(
        "finalizer at exit",
        "class Last:\n    def __del__(self):\n        print('last')\nkept = Last()\nprint('first')",
        "first\nlast\n",
    ),
    honest("shared memory", "import mmap\nm = mmap.mmap(-1, 4096)\nm[:2] = b'ab'\nprint(m[:2])", "b'ab'\n"),
    honest(
        "named shared memory",
        """
        from multiprocessing import shared_memory
        block = shared_memory.SharedMemory(create=True, size=1000)
        block.buf[0] = 7
        again = shared_memory.SharedMemory(block.name)
        print(again.buf[0])
        again.close()
        block.close()
        block.unlink()
        """,
        "7\n",
    ),
)

FAILURES: tuple[Case, ...] = (
    honest("exit code", "import sys\nprint('x')\nsys.exit(3)", "x\n", exit_code=3),
    honest("exit with a message", "import sys\nsys.exit('message')", "", exit_code=1, stderr_has=("message\n",)),
    honest(
        "traceback",
        "def f(x):\n    y = x\n    return 1 / y\n\nprint('before')\nf(0)",
        "before\n",
        exit_code=1,
        stderr_has=('main.py", line 3, in f', 'main.py", line 6, in <module>', "return 1 / y", "ZeroDivisionError"),
    ),
    honest("assertion", "assert 1 == 2, 'not equal'", "", exit_code=1, stderr_has=("AssertionError: not equal",)),
    honest("missing module", "import no_such_module", "", exit_code=1, stderr_has=("ModuleNotFoundError",)),
    honest(
        "too deep", "def f():\n    return f()\nf()", "", exit_code=1, stderr_has=("RecursionError", 'main.py", line 2')
    ),
    honest("hard exit", "import os\nos.write(1, b'x')\nos._exit(200)", "x", exit_code=200),
)


def cpp(
    name: str, body: str, stdout: str, *, stdin: str = "", exit_code: int = 0, limits: Limits | None = None
) -> Case:
    """An honest program in C++."""
    return honest(f"C++: {name}", body, stdout, stdin=stdin, exit_code=exit_code, language="cpp", limits=limits)


def javascript(name: str, body: str, stdout: str, *, stdin: str = "", exit_code: int = 0) -> Case:
    """An honest program in JavaScript."""
    return honest(f"JavaScript: {name}", body, stdout, stdin=stdin, exit_code=exit_code, language="javascript")


LANGUAGES: tuple[Case, ...] = (
    cpp(
        "streams",
        """
        #include <algorithm>
        #include <iostream>
        #include <vector>
        int main() {
            std::ios::sync_with_stdio(false);
            int n;
            std::cin >> n;
            std::vector<long long> v(n);
            for (auto& x : v) std::cin >> x;
            std::sort(v.begin(), v.end());
            for (auto x : v) std::cout << x << ' ';
            std::cout << std::endl;
        }
        """,
        "-1 2 30 \n",
        stdin="3\n30 -1 2\n",
    ),
    cpp(
        "everything included",
        "#include <bits/stdc++.h>\nusing namespace std;\nint main() { map<string, int> m; string s;\n"
        'while (cin >> s) m[s]++;\nfor (auto& [k, v] : m) cout << k << "=" << v << "\\n"; }',
        "a=2\nb=1\n",
        stdin="a b a",
    ),
    cpp(
        "deep recursion",
        """
        #include <cstdio>
        long dive(volatile long n) { if (n == 0) return 0; long below = dive(n - 1); return below + (n & 1); }
        int main() { printf("%ld\\n", dive(1000000)); }
        """,
        "500000\n",
        limits=Limits(memory_mb=512),
    ),
    cpp(
        "200 kB in and out",
        """
        #include <cstdio>
        int main() { int c; while ((c = getchar()) != EOF) putchar(c); }
        """,
        LINES,
        stdin=LINES,
    ),
    cpp(
        "threads",
        """
        #include <atomic>
        #include <iostream>
        #include <thread>
        int main() {
            std::atomic<int> n{0};
            std::thread a([&] { n += 1; }), b([&] { n += 2; });
            a.join();
            b.join();
            std::cout << n;
        }
        """,
        "3",
    ),
    cpp(
        "exception that is caught",
        """
        #include <iostream>
        #include <stdexcept>
        int main() { try { throw std::runtime_error("x"); } catch (std::exception& e) { std::cout << e.what(); } }
        """,
        "x",
    ),
    cpp("exit code", '#include <cstdio>\nint main() { puts("x"); return 42; }', "x\n", exit_code=42),
    javascript(
        "stdin at once",
        "const [a, b] = require('fs').readFileSync(0, 'utf8').trim().split(/\\s+/).map(Number);\nconsole.log(a + b);",
        "3\n",
        stdin="1 2\n",
    ),
    javascript(
        "stdin as a file",
        "console.log(require('fs').readFileSync('/dev/stdin').toString().length)",
        f"{len(LINES)}\n",
        stdin=LINES,
    ),
    javascript(
        "stdin by events",
        """
        let text = "";
        process.stdin.on("data", (chunk) => (text += chunk));
        process.stdin.on("end", () => process.stdout.write(text));
        """,
        LINES,
        stdin=LINES,
    ),
    javascript(
        "stdin by lines",
        """
        const lines = require("readline").createInterface({ input: process.stdin });
        let total = 0;
        lines.on("line", (line) => (total += Number(line)));
        lines.on("close", () => console.log(total));
        """,
        "6\n",
        stdin="1\n2\n3\n",
    ),
    javascript(
        "promises",
        """
        const wait = (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value));
        (async () => {
          console.log(await Promise.all([wait(20, 1), wait(10, 2)]));
          for await (const x of (async function* () { yield 3; yield 4; })()) console.log(x);
        })();
        """,
        "[ 1, 2 ]\n3\n4\n",
    ),
    javascript("big integers and text", "console.log((2n ** 100n).toString(), 'äß→数😀'.length)", f"{2**100} 6\n"),
    javascript("exit code", "console.log('x'); process.exit(5);", "x\n", exit_code=5),
    javascript("rejected promise", "console.log('x'); Promise.reject(new Error('no'));", "x\n", exit_code=1),
)

HONEST: tuple[Case, ...] = INPUT_OUTPUT + LANGUAGE + CONCURRENCY + SYSTEM + FAILURES + LANGUAGES

assert all(case.allowed <= {Verdict.OK, Verdict.NONZERO_EXIT} for case in HONEST)
