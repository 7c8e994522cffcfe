"""Memory bombs, endless output, full disks, trees that are hard to remove, endless loops."""

from __future__ import annotations

from dataclasses import replace

from sandbox.types import Limits
from tests.sandbox.programs import KILLED, MEMORY, NONZERO, OK, OUTPUT, TIMEOUT, Case, abuse, escape

SMALL = Limits(memory_mb=128)
ROOMY = Limits(memory_mb=128, file_bytes=4 << 30)
"""The memory limit comes before that of the files."""

MEMORY_BOMBS: tuple[Case, ...] = (
    abuse("list that grows", "kept = []\nwhile True:\n    kept.append(b'x' * (1 << 20))", MEMORY, limits=SMALL),
    abuse("integer that grows", "n = 3\nwhile True:\n    n *= n", MEMORY, TIMEOUT, limits=SMALL),
    abuse("string that doubles", "s = 'x'\nwhile True:\n    s += s", MEMORY, limits=SMALL),
    abuse(
        "one allocation beyond any machine",
        "kept = bytearray(1 << 50)",
        MEMORY,
        NONZERO,
        limits=SMALL,
        note="a MemoryError, whatever the limit is",
    ),
    abuse(
        "list that grows through memory errors",
        """
        kept = []
        while True:
            try:
                kept.append(b"x" * (1 << 20))
            except MemoryError:
                pass
        """,
        MEMORY,
        TIMEOUT,
        limits=Limits(wall_s=3.0, memory_mb=128),
    ),
    abuse(
        "many children, each below the limit",
        """
        import os, time
        for _ in range(12):
            if os.fork() == 0:
                kept = b"x" * (30 << 20)
                time.sleep(3)
                os._exit(0)
        try:
            while True:
                os.wait()
        except ChildProcessError:
            print("done")
        """,
        MEMORY,
        limits=SMALL,
        note="also where only a child was killed and the program ends well",
    ),
    abuse(
        "children one after the other, each below the limit",
        """
        import os
        for _ in range(8):
            if os.fork() == 0:
                kept = b"x" * (40 << 20)
                os._exit(0)
            os.wait()
        print("done")
        """,
        OK,
        limits=SMALL,
        stdout="done\n",
        note="what is given back is not held against it",
    ),
    abuse(
        "shared anonymous memory",
        """
        import mmap
        kept = []
        while True:
            kept.append(mmap.mmap(-1, 1 << 20))
            kept[-1].write(b"x" * (1 << 20))
        """,
        MEMORY,
        limits=SMALL,
    ),
    abuse(
        "files without a name",
        """
        import os
        file = os.memfd_create("bomb")
        while True:
            os.write(file, b"x" * (1 << 20))
        """,
        MEMORY,
        NONZERO,  # refused where a whole container has one limit
        limits=ROOMY,
    ),
    abuse(
        "files in /tmp up to the memory limit",
        """
        import os
        file = os.open("/tmp/bomb", os.O_WRONLY | os.O_CREAT)
        while True:
            os.write(file, b"x" * (1 << 20))
        """,
        MEMORY,
        NONZERO,
        limits=ROOMY,
        note="ends by the killer or by a full disk",
    ),
    escape(
        "shared memory files beyond the limits",
        """
        written = 0
        try:
            file = os.open("/dev/shm/bomb", os.O_WRONLY | os.O_CREAT)
            while written < 64 << 20:
                written += os.write(file, b"x" * (1 << 20))
        except OSError:
            pass
        if written > 24 << 20:
            found.append(f"{written >> 20} MiB")
        """,
        limits=Limits(memory_mb=256, file_bytes=16 << 20),
    ),
    abuse(
        "System V shared memory",
        """
        import ctypes
        libc = ctypes.CDLL(None)
        libc.shmat.restype = ctypes.c_void_p
        for _ in range(64):
            segment = libc.shmget(0, 8 << 20, 0o1600)
            assert segment >= 0
            address = libc.shmat(segment, None, 0)
            assert address != ctypes.c_void_p(-1).value
            ctypes.memset(address, 120, 8 << 20)
        print("done")
        """,
        MEMORY,
        NONZERO,
        limits=SMALL,
        note="or the sandbox gives none",
    ),
    abuse(
        "memory of threads' stacks",
        """
        import ctypes, threading, time
        threading.stack_size(32 << 20)
        def hold():
            block = (ctypes.c_char * (24 << 20))()
            ctypes.memset(block, 1, 24 << 20)
            time.sleep(5)
        threads = [threading.Thread(target=hold) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        """,
        MEMORY,
        NONZERO,
        limits=SMALL,
        note="a thread that cannot be started is an exception",
    ),
)

TIGHT = Limits(wall_s=10.0, output_bytes=1 << 20)

OUTPUT_BOMBS: tuple[Case, ...] = (
    abuse("endless stdout", "while True:\n    print('y' * 1000)", OUTPUT, limits=TIGHT),
    abuse("endless stderr", "import sys\nwhile True:\n    sys.stderr.write('y' * 1000)", OUTPUT, limits=TIGHT),
    abuse(
        "endless stdout and stderr",
        "import os\nwhile True:\n    os.write(1, b'a' * 4096)\n    os.write(2, b'b' * 4096)",
        OUTPUT,
        limits=TIGHT,
    ),
    abuse("one write of 64 MiB", "import os\nos.write(1, b'x' * (64 << 20))", OUTPUT, limits=TIGHT),
    abuse(
        "a byte too much, then a good end",
        "import sys\nsys.stdout.write('x' * ((1 << 20) + 1))",
        OUTPUT,
        limits=TIGHT,
    ),
    abuse(
        "stdout that swallows every error",
        """
        import os
        while True:
            try:
                os.write(1, b"x" * 65536)
            except BaseException:
                pass
        """,
        OUTPUT,
        limits=TIGHT,
    ),
    abuse(
        "output of children",
        """
        import os
        for _ in range(4):
            if os.fork() == 0:
                while True:
                    os.write(1, b"x" * 65536)
        while True:
            os.wait()
        """,
        OUTPUT,
        limits=TIGHT,
    ),
    abuse(
        "output of a shell",
        "import subprocess\nsubprocess.run(['/bin/sh', '-c', 'yes; yes >&2'])",
        OUTPUT,
        limits=TIGHT,
    ),
    abuse(
        "bytes that are no text",
        "import os\nwhile True:\n    os.write(1, bytes(range(128, 256)) * 512)",
        OUTPUT,
        limits=TIGHT,
    ),
    abuse(
        "endless flushes of nothing",
        "import os, sys\nwhile True:\n    os.write(1, b'')\n    sys.stdout.flush()",
        TIMEOUT,
        stdout="",
    ),
    abuse(
        "a trickle",
        "import time\nwhile True:\n    print('.', end='', flush=True)\n    time.sleep(0.05)",
        TIMEOUT,
    ),
)

DISK = Limits(wall_s=10.0, file_bytes=16 << 20)

FILE_BOMBS: tuple[Case, ...] = (
    abuse(
        "endless file",
        """
        with open("big", "wb", buffering=0) as file:
            while True:
                file.write(b"x" * (1 << 20))
        """,
        NONZERO,
        limits=DISK,
        exit_code=1,
        note="the disk is full",
    ),
    abuse(
        "endless file through every error",
        """
        with open("big", "wb", buffering=0) as file:
            while True:
                try:
                    file.write(b"x" * (1 << 20))
                except OSError:
                    pass
        """,
        TIMEOUT,
        limits=Limits(wall_s=2.0, file_bytes=16 << 20),
    ),
    abuse(
        "endless deleted file",
        """
        import os
        file = open("big", "wb", buffering=0)
        os.unlink("big")
        while True:
            file.write(b"x" * (1 << 20))
        """,
        NONZERO,
        limits=DISK,
        exit_code=1,
    ),
    replace(
        escape(
            "files in every place that can be written",
            """
            limit = 16 << 20
            written = 0
            with open("/proc/self/mounts") as file:
                places = {line.split()[1].encode().decode("unicode_escape") for line in file}
            places |= {"/", "/tmp", "/dev", "/dev/shm", "/dev/mqueue", "/run", "/run/lock", "/var/tmp", "/var/run"}
            places |= {os.getcwd(), os.environ.get("HOME", "/"), "/run/user", "/var", "/var/lock"}
            places |= {"/mnt", "/opt", "/srv"}
            for place in sorted(places):
                try:
                    file = os.open(os.path.join(place, "bomb"), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                except OSError:
                    continue
                try:
                    while written < 8 * limit:
                        written += os.write(file, b"x" * (1 << 20))
                except OSError:
                    pass
            if written > limit * 1.25:
                found.append(f"{written >> 20} MiB")
            """,
            limits=Limits(memory_mb=512, file_bytes=16 << 20),
        ),
        allowed=frozenset({OK, OUTPUT}),
    ),
    abuse(
        "endless small files",
        """
        number = 0
        while True:
            open(f"{number:08}", "w").close()
            number += 1
        """,
        NONZERO,
        MEMORY,
        OUTPUT,
        TIMEOUT,
        limits=Limits(wall_s=4.0, memory_mb=128, file_bytes=16 << 20),
        note="whichever comes first: names, kernel memory or time",
    ),
    abuse(
        "sparse file of a terabyte",
        """
        try:
            with open("sparse", "wb") as file:
                file.truncate(1 << 40)
        except OSError:
            pass
        print("done")
        """,
        OK,
        limits=DISK,
        stdout="done\n",
    ),
    abuse(
        "deep directories",
        """
        import os
        try:
            for _ in range(5000):
                os.mkdir("d")
                os.chdir("d")
        except OSError:
            pass
        print("done")
        """,
        OK,
        OUTPUT,
        limits=DISK,
        stdout="done\n",
    ),
    abuse(
        "directories without rights",
        """
        import os
        for place in (".", "/tmp"):
            os.makedirs(os.path.join(place, "a/b/c"))
            open(os.path.join(place, "a/b/c/file"), "w").close()
            for name in ("a/b/c/file", "a/b/c", "a/b", "a"):
                os.chmod(os.path.join(place, name), 0)
        for place in ("/tmp", os.getcwd()):
            try:
                os.chmod(place, 0)
            except OSError:
                pass
        print("done")
        """,
        OK,
        limits=DISK,
        stdout="done\n",
    ),
    abuse(
        "odd names and kinds of files",
        r"""
        import os, socket
        for name in (b"-rf", b"a\nb", b"\xff\xfe", b" ", b"*", b"$(id)", b"n" * 255, b"'\"`;"):
            open(name, "w").close()
        os.symlink("/etc/passwd", "link")
        os.symlink("loop", "loop")
        os.symlink("/proc/self/root", "root")
        os.mkfifo("pipe")
        socket.socket(socket.AF_UNIX).bind("socket")
        os.link("-rf", "hard")
        print("done")
        """,
        OK,
        limits=DISK,
        stdout="done\n",
    ),
    abuse(
        "working directory removed",
        """
        import os, shutil
        here = os.getcwd()
        shutil.rmtree(here, ignore_errors=True)
        os.chdir("/")
        try:
            os.symlink("/", here)
        except OSError:
            pass
        print("done")
        """,
        OK,
        limits=DISK,
        stdout="done\n",
    ),
)

LOOPS: tuple[Case, ...] = (
    abuse("busy loop", "print('before', flush=True)\nwhile True:\n    pass", TIMEOUT, stdout="before\n"),
    abuse("sleep for ever", "import time\ntime.sleep(1e8)", TIMEOUT),
    abuse("regular expression that backtracks", "import re\nre.match('(a|aa)+$', 'a' * 100 + 'b')", TIMEOUT),
    abuse("power of huge integers", "m = (1 << 400000) - 1\nprint(pow(3, m - 2, m) > 0)", TIMEOUT),
    abuse("sum without an end", "import itertools\nprint(sum(itertools.repeat(1)))", TIMEOUT),
    abuse("iterator without an end", "print(all(iter(lambda: 1, 0)))", TIMEOUT),
    abuse(
        "sleep in C with the lock held",
        "import ctypes\nctypes.PyDLL(None).sleep(1000000)\nwhile True:\n    ctypes.PyDLL(None).pause()",
        TIMEOUT,
    ),
    abuse("search in C without an end", "import itertools\nprint(0.5 in itertools.count())", TIMEOUT),
    abuse(
        "all signals ignored",
        """
        import signal
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        while True:
            pass
        """,
        TIMEOUT,
    ),
    abuse(
        "CPU limit ignored",
        """
        import signal
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)
        while True:
            pass
        """,
        TIMEOUT,
        limits=Limits(wall_s=30.0, cpu_s=1.0),
        within_s=15.0,
    ),
    abuse(
        "CPU limit left to a handler that ends well",
        """
        import os, signal
        signal.signal(signal.SIGXCPU, lambda *_: os._exit(0))
        while True:
            pass
        """,
        TIMEOUT,
        limits=Limits(wall_s=30.0, cpu_s=1.0),
        within_s=15.0,
        note="the time was used up all the same",
    ),
    abuse(
        "CPU burnt by child after child",
        """
        import os, time
        while True:
            if os.fork() == 0:
                end = time.process_time() + 0.3
                while time.process_time() < end:
                    pass
                os._exit(0)
            os.wait()
        """,
        TIMEOUT,
        limits=Limits(wall_s=3.0, cpu_s=2.0),
    ),
    abuse(
        "CPU burnt by many children",
        """
        import os
        for _ in range(8):
            if os.fork() == 0:
                while True:
                    pass
        while True:
            os.sched_yield()
        """,
        TIMEOUT,
    ),
    abuse(
        "closed descriptors and on it goes",
        "import os, time\nfor number in range(256):\n    try:\n        os.close(number)\n    except OSError:\n"
        "        pass\ntime.sleep(1e8)",
        TIMEOUT,
        stdout="",
    ),
    abuse("stdin read for ever", "import sys\nwhile True:\n    sys.stdin.read()", TIMEOUT, stdin="line\n"),
    abuse("stdin left unread", "import time\ntime.sleep(1e8)", TIMEOUT, stdin="x" * 5_000_000),
    abuse(
        "a pipe nobody writes",
        "import os\nreading, writing = os.pipe()\nprint(os.read(reading, 1))",
        TIMEOUT,
    ),
    abuse(
        "lock that is never released",
        "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
        TIMEOUT,
    ),
    abuse(
        "exit that hangs",
        "import atexit\ndef hang():\n    while True:\n        pass\natexit.register(hang)\nprint('done', flush=True)",
        TIMEOUT,
        stdout="done\n",
    ),
    abuse(
        "clock set back in its own eyes",
        "import time\ntime.monotonic = time.time = time.perf_counter = lambda: 0.0\nwhile time.time() < 1:\n    pass",
        TIMEOUT,
    ),
    abuse(
        "stack overflow in C",
        "import ctypes\ncompare = ctypes.CFUNCTYPE(ctypes.c_int)\n"
        "def again():\n    return call()\ncall = compare(again)\n"
        "import sys\nsys.setrecursionlimit(10**8)\ncall()",
        KILLED,
        MEMORY,
        NONZERO,
        limits=Limits(wall_s=10.0),
        note="ends by the stack's limit, the memory's, or the interpreter's",
    ),
)

RESOURCES = MEMORY_BOMBS + OUTPUT_BOMBS + FILE_BOMBS + LOOPS
