"""Pairs: the first program leaves something, the second looks for it.

`PAIRS` run one after the other, `BESIDE` side by side: there the first goes on for a while.
"""

from __future__ import annotations

from sandbox.types import Limits, Verdict
from tests.sandbox.programs import CANARY, ESCAPE_PRELUDE, MARK, OK, OUTPUT, Case, source

LEFT = "print('left')\n"
STAY = "print('left', flush=True)\nimport time\ntime.sleep(4)\n"
HEAD, TAIL = CANARY[: len(CANARY) // 2], CANARY[len(CANARY) // 2 :]


def pair(
    name: str,
    first: str,
    second: str,
    *,
    limits: Limits | None = None,
    stay: bool = False,
    ended: tuple[Verdict, ...] = (),
) -> tuple[Case, Case]:
    """What the first leaves, and how the second looks for it: it adds to `found`.

    `ended` are ways in which the first may be stopped from leaving it.
    """
    wait = "import time\ntime.sleep(1.5)\n" if stay else ""
    end = "print('LEAKED ' + ', '.join(map(repr, found)) if found else 'CLEAN')\n"
    return (
        Case(
            f"{name}: first",
            ESCAPE_PRELUDE + source(first) + (STAY if stay else LEFT),
            frozenset({OK, *ended}),
            stdout="left\n",
            limits=limits or Limits(),
        ),
        Case(
            f"{name}: second",
            ESCAPE_PRELUDE + wait + source(second) + end,
            frozenset({OK}),
            stdout="CLEAN\n",
            must_not_print=("LEAKED", CANARY),
            limits=limits or Limits(),
        ),
    )


def daemon(body: str) -> str:
    """What goes on after the program has ended; it says when it has begun."""
    indented = "".join(f"    {line}\n" for line in source(body).splitlines())
    return (
        "began, begin = os.pipe()\nif os.fork() == 0:\n    os.setsid()\n    if os.fork():\n        os._exit(0)\n"
        + indented
        + "    os._exit(0)\nos.read(began, 1)\n"
    )


PLACES = '["left-behind", "/tmp/left-behind", "/dev/shm/left-behind", "/var/tmp/left-behind", "/dev/left-behind", ' + (
    '"/run/left-behind", "/left-behind", os.path.expanduser("~/left-behind"), "/run/lock/left-behind"]'
)

WRITE = f"""
for path in {PLACES}:
    try:
        with open(path, "w") as file:
            file.write({HEAD!r} + {TAIL!r})
    except OSError:
        pass
"""

LOOK = f"""
found += [path for path in {PLACES} if os.path.lexists(path)]
found += [name for name in os.listdir("/tmp") if name != "main.py" and not os.getcwd().startswith("/tmp/" + name)]
"""

ABSTRACT_FIRST = """
import socket
server = socket.socket(socket.AF_UNIX)
server.bind("\\0left-behind")
server.listen()
"""

ABSTRACT_SECOND = """
import socket
try:
    socket.socket(socket.AF_UNIX).connect("\\0left-behind")
    found.append("abstract socket")
except OSError:
    pass
"""

PORT_FIRST = """
import socket
servers = []
for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    try:
        server = socket.socket(family)
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.bind((host, 45671))
        server.listen()
        servers.append(server)
    except OSError:
        pass
"""

PORT_SECOND = """
import socket
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    try:
        socket.socket(family).connect((host, 45671))
        found.append(host)
    except OSError:
        pass
"""

SHM_FIRST = f"""
segment = libc.shmget(0x5EC2E7, 4096, 0o1666)
libc.shmat.restype = ctypes.c_void_p
if segment >= 0:
    address = libc.shmat(segment, None, 0)
    text = ({HEAD!r} + {TAIL!r}).encode()
    if address != ctypes.c_void_p(-1).value:
        ctypes.memmove(address, text, len(text))
"""

SHM_SECOND = """
if libc.shmget(0x5EC2E7, 0, 0) >= 0:
    found.append("segment")
try:
    with open("/proc/sysvipc/shm") as file:
        found += file.readlines()[1:]
except OSError:
    pass
"""

LIMITS_LOOK = """
import resource
names = ("AS", "CPU", "DATA", "FSIZE", "NOFILE", "NPROC", "STACK")
state = {name: resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in names}
least = {"NOFILE": 64, "FSIZE": 1 << 20, "CPU": 2, "NPROC": 2, "STACK": 1 << 20}
found += [f"{name} {state[name]}" for name, value in least.items() if 0 <= state[name][0] < value]
if os.sched_getscheduler(0) != os.SCHED_OTHER:
    found.append("scheduling")
"""

PAIRS: tuple[tuple[Case, Case], ...] = (
    pair("files", WRITE, LOOK),
    pair(
        "hidden folders and deleted files",
        f"""
        os.makedirs("/tmp/.hidden/left")
        kept = open("/tmp/.hidden/left/file", "w")
        kept.write({HEAD!r} + {TAIL!r})
        kept.flush()
        os.unlink("/tmp/.hidden/left/file")
        os.chmod("/tmp/.hidden", 0)
        """,
        "found += [name for name in os.listdir('/tmp') if name == '.hidden']\n",
    ),
    pair(
        "folders without rights",
        """
        for place in ("/tmp", os.getcwd(), os.path.expanduser("~"), "/dev/shm"):
            try:
                os.chmod(place, 0)
            except OSError:
                pass
        """,
        """
        for place in ("/tmp", os.getcwd()):
            with open(os.path.join(place, "probe"), "w") as file:
                file.write("x")
        """,
    ),
    pair("shared memory segment", SHM_FIRST, SHM_SECOND),
    pair(
        "semaphores and message queues",
        """
        libc.semget(0x5EC2E7, 1, 0o1666)
        queue = libc.msgget(0x5EC2E7, 0o1666)
        message = ctypes.create_string_buffer((1).to_bytes(8, "little") + b"left")
        libc.msgsnd(queue, message, 4, 0o4000)
        """,
        """
        if libc.semget(0x5EC2E7, 1, 0) >= 0:
            found.append("semaphore")
        if libc.msgget(0x5EC2E7, 0) >= 0:
            found.append("queue")
        """,
    ),
    pair(
        "named queues and semaphores",
        """
        libc.mq_open(b"/left-behind", os.O_CREAT | os.O_RDWR, 0o666, None)
        libc.sem_open.restype = ctypes.c_void_p
        libc.sem_open(b"/left-behind", os.O_CREAT, 0o666, 1)
        """,
        """
        if libc.mq_open(b"/left-behind", os.O_RDWR) >= 0:
            found.append("queue")
        libc.sem_open.restype = ctypes.c_void_p
        if libc.sem_open(b"/left-behind", 0):
            found.append("semaphore")
        """,
    ),
    pair(
        "keys",
        """
        for ring in (-2, -3, -4, -5):
            try:
                syscall(248, 217, b"user", b"left-behind", b"left", 4, ring)
            except OSError:
                pass
        """,
        """
        for ring in (-2, -3, -4, -5):
            attempt(f"key in {ring}", lambda: syscall(250, 219, 10, ring, b"user", b"left-behind", 0) > 0)
        """,
    ),
    pair(
        "daemon with an abstract socket",
        daemon(ABSTRACT_FIRST + "os.write(begin, b'x')\nos.execv('/bin/sleep', ['sleep', '" + MARK + "'])\n"),
        ABSTRACT_SECOND,
    ),
    pair(
        "daemon with a port",
        daemon(PORT_FIRST + "os.write(begin, b'x')\nimport time\ntime.sleep(100000)\n"),
        PORT_SECOND,
    ),
    pair(
        "daemon among the processes",
        daemon(f"os.write(begin, b'x')\nos.execv('/bin/sleep', ['sleep', '{MARK}'])"),
        f"""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{{pid}}/cmdline", "rb") as file:
                    if b"{MARK[:4]}" b"{MARK[4:]}" in file.read() and int(pid) != os.getpid():
                        found.append(pid)
            except OSError:
                pass
        """,
    ),
    pair(
        "daemon that prints later",
        daemon(
            f"""
            os.write(begin, b"x")
            import time
            time.sleep(1)
            for _ in range(40):
                time.sleep(0.05)
                os.write(1, ({HEAD!r} + {TAIL!r}).encode())
                os.write(2, ({HEAD!r} + {TAIL!r}).encode())
            """
        )
        + "sys.stdout.flush()\n",
        "import time\ntime.sleep(2)\n",
    ),
    pair(
        "daemons that take every process",
        """
        import time
        try:
            while True:
                if os.fork() == 0:
                    os.setsid()
                    time.sleep(100000)
        except OSError:
            pass
        """,
        """
        children = []
        for _ in range(8):
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            children.append(pid)
        for pid in children:
            os.waitpid(pid, 0)
        """,
        limits=Limits(processes=16),
    ),
    pair(
        "patched builtins and modules",
        """
        import builtins, json, random, types
        builtins.left_behind = 1
        builtins.len = lambda thing: 0
        sys.modules["left_behind"] = types.ModuleType("left_behind")
        json.dumps = lambda *_: "left"
        random.random = lambda: 0.5
        sys.path.insert(0, "/left-behind")
        """,
        """
        import builtins, json, random
        if hasattr(builtins, "left_behind") or len("ab") != 2:
            found.append("builtins")
        if "left_behind" in sys.modules or "/left-behind" in sys.path or json.dumps(1) != "1":
            found.append("modules")
        if random.random() == random.random():
            found.append("random")
        """,
    ),
    pair(
        "settings of the interpreter",
        """
        import gc, locale, time
        sys.setrecursionlimit(77777)
        sys.set_int_max_str_digits(0)
        sys.setswitchinterval(9)
        gc.disable()
        os.environ["LEFT_BEHIND"] = "left"
        os.environ["PYTHONPATH"] = "/tmp"
        os.environ["TZ"] = "Asia/Tokyo"
        time.tzset()
        os.umask(0o777)
        os.chdir("/tmp")
        sys.settrace(lambda *_: None)
        """,
        """
        import gc, time
        state = {
            "recursion": sys.getrecursionlimit() != 1000,
            "digits": sys.get_int_max_str_digits() != 4300,
            "switch": sys.getswitchinterval() > 1,
            "collector": not gc.isenabled(),
            "environment": "LEFT_BEHIND" in os.environ or "PYTHONPATH" in os.environ or "TZ" in os.environ,
            "umask": os.umask(0o22) == 0o777,
            "folder": os.getcwd() == "/tmp",
            "trace": sys.gettrace() is not None,
        }
        found += [name for name, left in state.items() if left]
        """,
    ),
    pair(
        "signals",
        """
        import signal
        for number in (1, 2, 3, 10, 12, 13, 14, 15, 17):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        signal.alarm(1)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.5)
        """,
        """
        import signal, time
        for number in (1, 3, 10, 12, 14, 15, 17):
            if signal.getsignal(number) != signal.SIG_DFL:
                found.append(f"handler of {number}")
        if signal.getsignal(2) is not signal.default_int_handler:
            found.append("handler of 2")
        if signal.pthread_sigmask(signal.SIG_BLOCK, []):
            found.append("mask")
        if signal.alarm(0) or signal.getitimer(signal.ITIMER_VIRTUAL)[0]:
            found.append("timer")
        time.sleep(1)
        """,
    ),
    pair(
        "random numbers",
        """
        import random
        random.seed(5)
        """,
        """
        import random
        value = random.random()
        random.seed(5)
        if value == random.random():
            found.append("seed")
        """,
    ),
    pair(
        "secret in memory",
        f"""
        secrets = [({HEAD!r} + {TAIL!r} + str(n)).encode() for n in range(2000)]
        libc.malloc.restype = ctypes.c_void_p
        for _ in range(100):
            block = libc.malloc(1 << 16)
            ctypes.memmove(block, secrets[0] * 100, len(secrets[0]) * 100)
        """,
        """
        import re
        secret = re.compile(b"canary" + rb"-[0-9a-f]{16}")
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
                    for line in maps:
                        start, end = (int(part, 16) for part in line.split()[0].split("-"))
                        if line.split()[1][0] == "r" and end - start < 64 << 20 and start < 1 << 47:
                            try:
                                memory.seek(start)
                                if secret.search(memory.read(end - start)):
                                    found.append(f"process {pid} at {line.split()[0]}")
                            except OSError:
                                pass
            except OSError:
                pass
        """,
    ),
    pair(
        "limits and priority of the processes around",
        """
        import resource
        for pid in others():
            for name in ("CPU", "FSIZE", "NOFILE", "NPROC", "STACK"):
                for values in ((1, 1), (0, 0)):
                    try:
                        resource.prlimit(pid, getattr(resource, "RLIMIT_" + name), values)
                    except OSError:
                        pass
            for call in (
                lambda: os.setpriority(os.PRIO_PROCESS, pid, 19),
                lambda: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)),
            ):
                try:
                    call()
                except OSError:
                    pass
        """,
        LIMITS_LOOK,
    ),
    pair(
        "code that Python loads by itself",
        """
        import site
        text = "import sys\\nsys.left_behind = 1\\nprint('left behind')\\n"
        places = [site.getusersitepackages(), "/tmp", os.getcwd(), os.path.expanduser("~"), *sys.path]
        for place in places:
            for name in ("usercustomize.py", "sitecustomize.py", "random.py", "left.pth", ".pythonrc.py"):
                try:
                    os.makedirs(place, exist_ok=True)
                    with open(os.path.join(place, name), "w") as file:
                        file.write("import sys; sys.left_behind = 1\\n" if name.endswith("pth") else text)
                except OSError:
                    pass
        """,
        """
        import random
        if hasattr(sys, "left_behind") or not hasattr(random, "Random"):
            found.append("code")
        """,
    ),
    pair(
        "full disk",
        """
        for place in ("/tmp", ".", "/dev/shm"):
            try:
                with open(os.path.join(place, "full"), "wb", buffering=0) as file:
                    while True:
                        file.write(b"x" * (1 << 20))
            except OSError:
                pass
        """,
        """
        for place in ("/tmp", "."):
            with open(os.path.join(place, "probe"), "wb") as file:
                file.write(b"x" * (6 << 20))
        """,
        limits=Limits(file_bytes=16 << 20, memory_mb=256),
        ended=(OUTPUT,),
    ),
    pair(
        "host name and locks",
        """
        import fcntl, socket
        try:
            socket.sethostname("left-behind")
        except OSError:
            pass
        for path in ("/dev/null", "/usr/lib/os-release", sys.executable):
            fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_SH)
        """,
        """
        import socket
        if socket.gethostname() == "left-behind":
            found.append("host name")
        """,
    ),
)

UNREAD: tuple[Case, Case] = (
    Case(
        "input left unread: first",
        "print('left')\n",
        frozenset({OK}),
        stdin=f"{CANARY}\n" * 50_000,
        stdout="left\n",
    ),
    Case(
        "input left unread: second",
        "import sys\ntext = sys.stdin.read()\nprint('LEAKED ' + text[:100] if text else 'CLEAN')\n",
        frozenset({OK}),
        stdout="CLEAN\n",
        must_not_print=("LEAKED", CANARY),
    ),
)

FILES: tuple[Case, Case] = (
    Case(
        "given files: first",
        "import helper\nprint(helper.value)\n",
        frozenset({OK}),
        files={"helper.py": "value = 'left'\n", "data/secret.txt": CANARY},
        stdout="left\n",
    ),
    Case(
        "given files: second",
        "import os\ntry:\n    import helper\n    print('LEAKED helper')\nexcept ImportError:\n"
        "    names = {'helper.py', 'data', '__pycache__'} & set(os.listdir('.'))\n"
        "    print(f'LEAKED {names}' if names else 'CLEAN')\n",
        frozenset({OK}),
        stdout="CLEAN\n",
        must_not_print=("LEAKED", CANARY),
    ),
)

PAIRS += (UNREAD, FILES)

BESIDE: tuple[tuple[Case, Case], ...] = (
    pair("files", WRITE, LOOK, stay=True),
    pair("abstract socket", ABSTRACT_FIRST, ABSTRACT_SECOND, stay=True),
    pair("port", PORT_FIRST, PORT_SECOND, stay=True),
    pair("shared memory segment", SHM_FIRST, SHM_SECOND, stay=True),
    pair(
        "processes",
        """
        import time
        for _ in range(10):
            if os.fork() == 0:
                time.sleep(100000)
        """,
        """
        for pid in range(1, 70000):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                continue
            except OSError:
                pass
            found.append(pid)
        if len(found) < 8:
            found.clear()
        """,
        stay=True,
    ),
    pair(
        "signals",
        "",
        """
        for pid in range(2, 70000):
            if pid not in (os.getpid(), os.getppid()):
                try:
                    os.kill(pid, 9)
                except OSError:
                    pass
        """,
        stay=True,
    ),
    pair(
        "every process taken",
        """
        import time
        try:
            while True:
                if os.fork() == 0:
                    time.sleep(100000)
        except OSError:
            pass
        """,
        """
        for _ in range(8):
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
        """,
        limits=Limits(processes=16),
        stay=True,
    ),
    pair(
        "named queues and semaphores",
        """
        libc.mq_open(b"/left-behind", os.O_CREAT | os.O_RDWR, 0o666, None)
        libc.sem_open.restype = ctypes.c_void_p
        libc.sem_open(b"/left-behind", os.O_CREAT, 0o666, 1)
        """,
        """
        if libc.mq_open(b"/left-behind", os.O_RDWR) >= 0:
            found.append("queue")
        libc.sem_open.restype = ctypes.c_void_p
        if libc.sem_open(b"/left-behind", 0):
            found.append("semaphore")
        """,
        stay=True,
    ),
)
