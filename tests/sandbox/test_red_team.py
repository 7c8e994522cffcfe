"""Attacks on the sandbox. Pinned behaviour:

1. a program ends nothing but itself, and its end is told as it was;
2. a program leaves nothing for the next one and takes nothing from its neighbour;
3. limits hold whatever a program does with its streams, its children and the kinds of memory there are;
4. the host side keeps its slots whatever its callers do: mistakes, interrupts, forks, threads;
5. what callers may ask for does not end in an error of the sandbox.
"""

from __future__ import annotations

import gc
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from sandbox import Job, Limits, Result, Verdict, cgroups
from sandbox.cgroups import CgroupsUnusable, make_cgroup
from sandbox.guest import frames
from sandbox.slot import Slot
from sandbox.warm import WarmSandbox
from tests.sandbox.conftest import open_backend

_ROOT = Path(__file__).parents[2]
_SYSTEM_PYTHON = "/usr/bin/python3"


def within(seconds: float, call: Callable[[], Result]) -> Result | BaseException | None:
    """What a call returns or raises; None where it does not end in time (its thread is left behind)."""
    found: list[Result | BaseException] = []

    def work() -> None:
        try:
            found.append(call())
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else None


def says(sandbox: WarmSandbox, text: str, seconds: float = 30.0) -> object:
    """What a program prints that prints `text`."""
    result = within(seconds, lambda: sandbox.run(f"print({text!r})"))
    return result.stdout.removesuffix("\n") if isinstance(result, Result) and result.verdict == Verdict.OK else result


# 1. Ends and forgeries ------------------------------------------------------------------------------------

SIGNAL = """
import ctypes, os, time
libc = ctypes.CDLL(None, use_errno=True)
pidfd_send_signal = 424
refused = []
for pid in (os.getppid(), 1):
    folder = os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY)
    refused.append(libc.syscall(pidfd_send_signal, folder, NUMBER, None, 0) == -1)
time.sleep(0.3)
print(all(refused))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL, signal.SIGSTOP], ids=lambda number: number.name)
def test_a_folder_of_proc_is_no_way_to_signal_a_watcher(sandbox: WarmSandbox, number: signal.Signals) -> None:
    result = sandbox.run(SIGNAL.replace("NUMBER", str(int(number))), limits=Limits(wall_s=3.0))
    assert (result.verdict, result.stdout) == (Verdict.OK, "True\n"), result


def _forged_job() -> bytes:
    program = b"print('forged')"
    described = {"files": [("main.py", len(program))], "argv": None, "channel": False, "loopback": False, "fetch": [],
                 "wall_s": 5, "output_bytes": 1000, "file_bytes": 1 << 20, "file_count": 100, "limits": {},
                 "tree_mb": 0}  # fmt: skip
    header = json.dumps(described).encode()
    return frames.pack(frames.JOB, len(header).to_bytes(4, "big") + header + program)


def test_bytes_for_a_program_that_has_ended_are_no_job_for_the_next(sandbox: WarmSandbox) -> None:
    size = 1 << 16  # what the inside reads at a time, so that it is cut off at the beginning of a forged job
    payload = bytes(size - frames.HEADER.size) + _forged_job().ljust(size, b"\0") * 600
    for delay_s in (0.0, 0.01, 0.02, 0.05):
        program = f"import time\ntime.sleep({delay_s})"
        session = sandbox.open([Job(program, channel=True, limits=Limits(wall_s=5.0))])[0]
        session.send(payload)
        result = session.end()
        assert (result.verdict, result.stdout) == (Verdict.OK, "")
        assert [says(sandbox, f"honest {n}", 10.0) for n in range(3)] == [f"honest {n}" for n in range(3)]


# A pipe can be opened again from either end: what the watcher was told is there has gone when it reads.
STEAL = """
import array, fcntl, os, termios, time
back = os.open("/proc/self/fd/1", os.O_RDONLY | os.O_NONBLOCK)
def unread(descriptor):
    size = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, size)
    return size[0]
for turn in range(10**9):
    os.write(1, b"x")
    end = time.perf_counter() + (10 + turn * 7 % 100) * 1e-6
    while time.perf_counter() < end:
        pass
    try:
        os.read(back, 1 << 16)
    except BlockingIOError:
        continue
    os.write(2, b"?")
    time.sleep(0.004)
    if unread(2):
        time.sleep(0.1)
        if unread(2):
            time.sleep(60)
"""


def test_output_that_is_taken_back_does_not_stop_the_clock(sandbox: WarmSandbox) -> None:
    start = time.monotonic()
    result = sandbox.run(STEAL, limits=Limits(wall_s=4.0, cpu_s=60.0, output_bytes=64 << 20))
    assert (result.verdict, time.monotonic() - start < 14.0) == (Verdict.TIMEOUT, True), result.detail


MEMORY_IN_FILES = """
import os
with open("/proc/self/oom_score_adj", "w") as file:
    file.write("0")
files = [os.memfd_create("block", 0) for _ in range(10)]
script = f"for fd in {' '.join(map(str, files))}; do head -c 50000000 /dev/zero >> /proc/self/fd/$fd; done"
os.execv("/bin/sh", ["sh", "-c", script])
"""


def test_memory_that_no_process_has_ends_the_program_and_not_its_watcher(sandbox: WarmSandbox) -> None:
    result = sandbox.run(MEMORY_IN_FILES, limits=Limits(memory_mb=128))
    # where the limit is a whole container's, files without a name are refused
    assert result.verdict in (Verdict.MEMORY_LIMIT, Verdict.NONZERO_EXIT), result


def test_poisoned_places_cost_the_next_program_nothing(docker_engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be cleaned up is noticed after the verdict, in every place at a time."""
    monkeypatch.setenv("DOCKER_HOST", docker_engine)
    poison = "import os, time\nos.makedirs('a/b')\nos.chmod('a/b', 0)\ntime.sleep(1)"
    with open_backend("docker", 4) as sandbox:
        assert {session.end().verdict for session in sandbox.open([Job(poison)] * 4)} == {Verdict.OK}
        time.sleep(1.0)
        assert says(sandbox, "honest") == "honest"


# 2. The next and the neighbour ----------------------------------------------------------------------------


def test_files_of_message_queues_do_not_stay(sandbox: WarmSandbox) -> None:
    sandbox.run("open('/dev/mqueue/left', 'w').close()")
    result = sandbox.run("import os\nprint(os.path.isdir('/dev/mqueue') and os.listdir('/dev/mqueue') or [])")
    assert result.stdout == "[]\n"


def test_closed_connections_do_not_hold_their_port_for_the_next(sandbox: WarmSandbox) -> None:
    first = """
import socket
server = socket.create_server(("127.0.0.1", 5055))
client = socket.create_connection(("127.0.0.1", 5055))
accepted, _ = server.accept()
accepted.close()
client.recv(1)
"""
    assert sandbox.run(first, limits=Limits(loopback=True)).verdict == Verdict.OK
    second = "import socket\nsocket.socket(socket.AF_INET).bind(('127.0.0.1', 5055))\nprint('bound')"
    result = sandbox.run(second, limits=Limits(loopback=True))
    assert result.stdout == "bound\n", result.stderr


def test_what_is_counted_for_each_user_is_not_taken_from_the_neighbour(sandbox: WarmSandbox) -> None:
    take = "import ctypes, time\nlibc = ctypes.CDLL(None)\nwhile libc.inotify_init1(0) >= 0: pass\ntime.sleep(3)"
    need = "import ctypes, time\ntime.sleep(1.5)\nprint(ctypes.CDLL(None).inotify_init1(0) >= 0)"
    first, second = sandbox.open([Job(take, limits=Limits(open_files=1024)), Job(need)])
    try:
        assert second.end().stdout == sandbox.run(need).stdout  # as if it were alone
    finally:
        first.kill()


def test_what_this_machine_reads_is_not_seen(sandbox: WarmSandbox) -> None:
    watch = """
import ctypes, os, select
libc = ctypes.CDLL(None)
watcher = libc.inotify_init1(0)
if watcher >= 0:
    libc.inotify_add_watch(watcher, b"/usr/bin", 0x20)
    print(bool(select.select([watcher], [], [], 2)[0]))
else:
    print(False)
"""
    (session,) = sandbox.open([Job(watch)])
    time.sleep(1.0)
    with open("/usr/bin/env", "rb"):
        pass
    assert session.end().stdout == "False\n"


def test_families_of_sockets_are_judged_for_pairs_too(sandbox: WarmSandbox) -> None:
    program = """
import errno, socket
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, 17, 30, 38, 40):
    try:
        socket.socketpair(family, socket.SOCK_DGRAM)
    except OSError as error:
        print(error.errno == errno.EAFNOSUPPORT)
"""
    assert sandbox.run(program).stdout == "True\n" * 7


# 3. Limits ------------------------------------------------------------------------------------------------

COUNT = """
import os, time
started = 0
try:
    while started < 100:
        if os.fork() == 0:
            time.sleep(9)
            os._exit(0)
        started += 1
except OSError:
    pass
print(started)
"""


@pytest.mark.parametrize("processes", [8, 90])
def test_the_number_of_processes_is_the_jobs_own(sandbox: WarmSandbox, processes: int) -> None:
    started = int(sandbox.run(COUNT, limits=Limits(processes=processes)).stdout)
    assert processes - 2 <= started <= processes


def test_cpu_time_of_children_that_nobody_waits_for_counts(sandbox: WarmSandbox) -> None:
    program = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(4):
    if os.fork() == 0:
        while time.process_time() < 0.7:
            pass
        os._exit(0)
    try:
        os.wait()
    except ChildProcessError:
        pass
"""
    result = sandbox.run(program, limits=Limits(cpu_s=1.0, wall_s=30.0))
    assert result.verdict == Verdict.TIMEOUT, result


def test_cpu_time_is_a_timeout_for_who_ignores_the_signal(sandbox: WarmSandbox) -> None:
    program = """
import hashlib, signal, threading
signal.signal(signal.SIGXCPU, signal.SIG_IGN)
block = bytes(1 << 22)
def work():
    while True:
        hashlib.sha256(block).digest()
for _ in range(4):
    threading.Thread(target=work).start()
"""
    result = sandbox.run(program, limits=Limits(wall_s=9.0))
    assert result.verdict == Verdict.TIMEOUT, result


def test_empty_files_are_limited(sandbox: WarmSandbox) -> None:
    program = "for number in range(30_000):\n    open(f'/tmp/{number}', 'w').close()"
    result = sandbox.run(program, limits=Limits(file_bytes=1 << 20, wall_s=20.0))
    assert result.verdict in (Verdict.NONZERO_EXIT, Verdict.OUTPUT_LIMIT), result


def test_the_clock_runs_while_the_caller_does_not_read(sandbox: WarmSandbox) -> None:
    program = "import sys\nsys.stdout.write('x' * (2 << 20))"
    (session,) = sandbox.open([Job(program, limits=Limits(wall_s=2.0))])
    time.sleep(4.0)
    result = session.end()
    assert result.wall_s < 3.0
    assert (result.verdict, len(result.stdout)) == (Verdict.OK, 2 << 20)


AS_A_USER = """
import json
from sandbox import *
fill = "\\nfor at in range(0, 400 << 20, 4096): block[at] = 1\\nimport time; time.sleep(0.3)"
programs = {
    "shared": "import mmap\\nblock = mmap.mmap(-1, 400 << 20)" + fill,
    "files in memory": "import os, time\\nblock = bytes(1 << 20)\\nfor _ in range(8):\\n    file = os.memfd_create('x')"
                       "\\n    for _ in range(50): os.write(file, block)\\ntime.sleep(0.3)",
    "said": "import sys; sys.exit('there was no MemoryError')",
    "name of no text": "import time\\nopen('/proc/self/comm', 'wb').write(b'\\\\xff\\\\xff')\\ntime.sleep(0.3)",
    "name of no number": "import time\\nopen('/proc/self/comm', 'wb').write(b'\\\\x0bRssAnon: x')\\ntime.sleep(0.3)",
}
with open_sandbox(SandboxConfig(backend="bubblewrap")) as sandbox:
    print(json.dumps({name: sandbox.run(text, limits=Limits(memory_mb=96)).verdict for name, text in programs.items()}))
"""


@pytest.fixture(scope="module")
def as_a_user(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Verdicts where there are no cgroups."""
    if os.geteuid() != 0:
        pytest.skip("becomes another user, which only root can")
    home = tmp_path_factory.mktemp("user")
    shutil.copytree(_ROOT / "sandbox", home / "sandbox")
    for folder in (home, *home.parents[:2]):
        folder.chmod(0o755)
    done = subprocess.run([_SYSTEM_PYTHON, "-c", AS_A_USER], cwd=home, user=54321, group=54321, extra_groups=[],
                          env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
                          capture_output=True, text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_without_cgroups_every_kind_of_memory_counts(as_a_user: dict[str, str]) -> None:
    assert as_a_user["shared"] == "memory limit"
    assert as_a_user["files in memory"] == "nonzero exit"  # refused


def test_without_cgroups_names_of_processes_are_only_names(as_a_user: dict[str, str]) -> None:
    assert as_a_user["name of no text"] == as_a_user["name of no number"] == "ok"


def test_without_cgroups_words_are_no_memory(as_a_user: dict[str, str]) -> None:
    assert as_a_user["said"] == "nonzero exit"


# 4. The host side -----------------------------------------------------------------------------------------


def test_programs_that_cannot_be_opened_keep_no_place() -> None:
    with open_backend("bubblewrap", 2) as sandbox:
        with pytest.raises(ValueError, match="cannot be called"):
            sandbox.open([Job("pass"), Job("pass", files={"main.py": ""})])
        time.sleep(0.5)
        assert sandbox._taken == 0
        assert len(sandbox._slots) == len(sandbox._free)


def test_a_forgotten_session_keeps_no_place() -> None:
    with open_backend("bubblewrap", 2) as sandbox:
        for _ in range(2):
            sandbox.open([Job("pass")])
            gc.collect()
        assert says(sandbox, "room", 10.0) == "room"


def test_a_session_is_sent_to_and_read_from_by_two_threads(sandbox: WarmSandbox) -> None:
    echo = "import socket\nchannel = socket.socket(fileno=3)\nwhile data := channel.recv(65536): channel.sendall(data)"
    size, count = 100, 3000
    for _ in range(3):
        job = Job(echo, channel=True, limits=Limits(wall_s=20.0))
        with sandbox.open([job])[0] as session, ThreadPoolExecutor(1) as threads:

            def read() -> int:
                got = 0
                while got < size * count and (data := session.receive(5.0)):
                    got += len(data)
                return got

            reading = threads.submit(read)
            for _ in range(count):
                session.send(b"x" * size)
            assert reading.result(30) == size * count


def test_an_interrupt_while_a_program_is_sent_in_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    plain_write = Slot._write
    calls = itertools.count()

    def interrupted(slot: Slot, data: bytes) -> None:
        if next(calls) == 0:
            plain_write(slot, data[:-100])
            raise KeyboardInterrupt
        plain_write(slot, data)

    with open_backend("bubblewrap", 2) as sandbox:
        monkeypatch.setattr(Slot, "_write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sandbox.run("print('first')", stdin=b"x" * 400)
        assert [says(sandbox, f"second {number}") for number in range(3)] == [f"second {n}" for n in range(3)]


def test_an_interrupt_while_a_place_is_started_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_backend("bubblewrap", 2) as sandbox:
        plain_start = sandbox._backend.start_slot
        started: list[Slot] = []

        def slow_start() -> Slot:
            time.sleep(0.6)
            started.append(plain_start())
            return started[-1]

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(sandbox._backend, "start_slot", slow_start)
        sandbox.open([Job("import time; time.sleep(4)")])
        before = signal.signal(signal.SIGALRM, interrupt)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(KeyboardInterrupt):
                sandbox.run("pass")
        finally:
            signal.signal(signal.SIGALRM, before)
        time.sleep(1.5)
    assert [slot.closed for slot in started] == [True]


def test_a_forked_copy_of_the_host_neither_takes_nor_gets_answers() -> None:
    with open_backend("bubblewrap", 2) as sandbox:
        assert says(sandbox, "before") == "before"
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                for _ in range(30):
                    answer = within(5.0, lambda: sandbox.run("print('child')"))
                    told = answer.stdout if isinstance(answer, Result) else type(answer).__name__
                    if told not in ("child\n", "SandboxError"):
                        os.write(write, told.encode())
            finally:
                os._exit(0)
        os.close(write)
        try:
            answers = [says(sandbox, "parent", 10.0) for _ in range(30)]
            assert answers == ["parent"] * 30
            assert not select.select([read], [], [], 0)[0] or os.read(read, 100) == b""
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(read)


def test_a_place_that_does_not_close_keeps_no_other_open(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = open_backend("bubblewrap", 3)
    sessions = sandbox.open([Job("import time; time.sleep(20)", limits=Limits(wall_s=30.0))] * 3)
    slots = [session._slot for session in sessions]  # type: ignore[attr-defined]
    plain_close = Slot.close
    calls = itertools.count()

    def failing(slot: Slot) -> str:
        if next(calls) == 0:
            raise OSError("on purpose")
        return plain_close(slot)

    monkeypatch.setattr(Slot, "close", failing)
    try:
        for _ in range(2):
            with suppress(OSError):
                sandbox.close()
        assert [slot.closed for slot in slots].count(False) <= 1
    finally:
        for slot in slots:
            plain_close(slot)


def test_an_engine_that_is_gone_is_an_error_of_the_sandbox(docker_engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_engine)

    def gone(*_: object, **__: object) -> None:
        raise requests.ConnectionError("the engine is gone")

    with open_backend("docker", 2) as sandbox:
        for slot in list(sandbox._slots):
            slot._container.container.kill()  # type: ignore[attr-defined]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(requests.Session, "send", gone)
            result = within(60.0, lambda: sandbox.run("print(1)"))
        assert isinstance(result, Result), result
        assert result.verdict == Verdict.SANDBOX_ERROR
        assert says(sandbox, "back") == "back"


def test_signals_that_the_host_ignores_or_blocks_are_as_usual_inside() -> None:
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        with open_backend("bubblewrap", 2) as sandbox:
            for number in (signal.SIGHUP, signal.SIGTERM):
                result = sandbox.run(f"import os\nos.kill(os.getpid(), {int(number)})")
                assert (result.verdict, result.signal) == (Verdict.KILLED_BY_SIGNAL, number)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        signal.signal(signal.SIGHUP, ignored)


def test_a_cgroup_that_has_the_next_name_does_not_send_the_next_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Left behind by a process that had the same id."""
    try:
        first = make_cgroup()
    except CgroupsUnusable as error:
        pytest.skip(str(error))
    parents = first._memory.parent, first._pids.parent
    first.remove()
    left = [parent / f"ponder-{os.getpid()}-90001" for parent in dict.fromkeys(parents)]
    for folder in left:
        folder.mkdir()
    monkeypatch.setattr(cgroups, "_serial", itertools.count(90001))
    try:
        second = make_cgroup()
        found = second._memory.parent, second._pids.parent
        second.remove()
        assert found == parents
    finally:
        for folder in left:
            if folder.exists():
                folder.rmdir()


# 5. What callers may ask for ------------------------------------------------------------------------------


@pytest.mark.parametrize("files", [{"./main.py": "print(2)"}, {"a": "x", "a/b": "y"}, {"x" * 300: ""}, {"a\0b": ""}],
                         ids=["own name", "file and folder", "long name", "zero byte"])  # fmt: skip
def test_names_of_files_that_cannot_be_are_told(sandbox: WarmSandbox, files: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="file"):
        sandbox.run("print(1)", files=files)


def test_many_small_files_are_not_the_programs_own_use(sandbox: WarmSandbox) -> None:
    files = {f"data/{number}": "x" for number in range(1000)}
    result = sandbox.run("print(1)", files=files, limits=Limits(file_bytes=1 << 20))
    assert (result.verdict, result.stdout) == (Verdict.OK, "1\n"), result


def test_a_large_input_is_not_the_programs_memory(sandbox: WarmSandbox) -> None:
    program = "import sys\nsize = 0\nwhile data := sys.stdin.buffer.read(65536): size += len(data)\nprint(size)"
    result = sandbox.run(program, stdin=bytes(100 << 20), limits=Limits(memory_mb=128, wall_s=30.0))
    assert (result.verdict, result.stdout) == (Verdict.OK, f"{100 << 20}\n"), result


def test_a_program_that_has_said_all_still_hears(sandbox: WarmSandbox) -> None:
    program = "import socket\nchannel = socket.socket(fileno=3)\nchannel.shutdown(1)\nprint(channel.recv(5))"
    with sandbox.open([Job(program, channel=True, limits=Limits(wall_s=4.0))])[0] as session:
        time.sleep(0.5)
        session.send(b"hello")
        assert session.end().stdout == "b'hello'\n"


@pytest.mark.parametrize("name", [b"\xff\xff", b") S 1 (x", b"a\nb"], ids=repr)
def test_a_process_may_be_called_anything(sandbox: WarmSandbox, name: bytes) -> None:
    program = f"import time\nopen('/proc/self/comm', 'wb').write({name!r})\ntime.sleep(0.3)\nprint(1)"
    result = sandbox.run(program, limits=Limits(cpu_s=5.0))
    assert (result.verdict, result.stdout) == (Verdict.OK, "1\n"), result


def test_a_program_that_has_said_all_hears_more_than_its_channel_holds(sandbox: WarmSandbox) -> None:
    program = """
import socket, time
channel = socket.socket(fileno=3)
channel.shutdown(1)
time.sleep(0.5)
print(sum(len(part) for part in iter(lambda: channel.recv(65536, socket.MSG_WAITALL), b"!" * 65536)))
"""
    with sandbox.open([Job(program, channel=True, limits=Limits(wall_s=8.0))])[0] as session:
        session.send(b"x" * (2 << 20) + b"!" * 65536)
        result = session.end()
    assert (result.verdict, result.stdout) == (Verdict.OK, f"{2 << 20}\n"), result


@pytest.mark.parametrize(
    "limits", [{"wall_s": 1e8}, {"wall_s": float("inf")}, {"cpu_s": 1e30}, {"memory_mb": 1 << 50}], ids=str
)
def test_limits_beyond_measure_are_kept_or_told(sandbox: WarmSandbox, limits: dict[str, float]) -> None:
    try:
        asked = Limits(**limits)  # type: ignore[arg-type]
    except ValueError:
        return
    result = sandbox.run("print(1)", limits=asked)
    assert (result.verdict, result.stdout) == (Verdict.OK, "1\n"), result


def test_kept_binaries_are_bounded_in_bytes() -> None:
    with open_backend("bubblewrap", 2) as sandbox:
        if "cpp" not in sandbox.languages:
            pytest.skip("this sandbox has no toolchain for cpp")
        for number in range(1, 6):
            program = f"char block[50 << 20] = {{{number}}}; int main() {{ return block[5]; }}"
            assert sandbox.run(program, language="cpp").verdict == Verdict.OK
        assert sum(map(len, sandbox._programs._binaries.values())) <= 128 << 20
