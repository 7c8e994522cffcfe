"""What both backends promise beside the verdicts on single programs (those are in test_abuse).

1. Sessions: a program talks with its caller; large messages do not lock up; kill and limits end it.
2. Many callers: pairs of programs are taken at once, so nobody waits for ever; `arun` serves an event loop.
3. Nothing is left: processes, cgroups, mounts, containers, files, after close, after exit and after SIGKILL.
4. Mistakes are told with the way out; no isolation is a refusal.
5. As an ordinary user, without cgroups, the same limits hold.
6. A sandbox that breaks is never a wrong verdict.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from sandbox import Job, Limits, SandboxConfig, SandboxError, Verdict, open_sandbox
from sandbox.cgroups import CgroupsUnusable, make_cgroup
from sandbox.slot import Slot
from sandbox.warm import WarmSandbox
from tests.sandbox.conftest import open_backend
from tests.sandbox.engine import IMAGE
from tests.sandbox.residue import residue

_ROOT = Path(__file__).parents[2]
_SYSTEM_PYTHON = "/usr/bin/python3"

ECHO = """
import socket
channel = socket.socket(fileno=3)
while data := channel.recv(1 << 16):
    channel.sendall(data)
print("closed")
"""


def _receive(session: object, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := session.receive(10.0)):  # type: ignore[attr-defined]
        data += more
    return data


# 1. Sessions ----------------------------------------------------------------------------------------------


def test_a_session_talks_both_ways(sandbox: WarmSandbox) -> None:
    with sandbox.open([Job(ECHO, channel=True)])[0] as session:
        for message in (b"one", b"\x00\xff\n", b"x" * 100_000):
            session.send(message)
            assert _receive(session, len(message)) == message


def test_large_messages_both_ways_do_not_lock_up(sandbox: WarmSandbox) -> None:
    size = 3 << 20
    with sandbox.open([Job(ECHO, channel=True)])[0] as session:
        session.send(b"y" * size)
        assert _receive(session, size) == b"y" * size


def test_receive_times_out_while_the_program_goes_on(sandbox: WarmSandbox) -> None:
    with sandbox.open([Job(ECHO, channel=True)])[0] as session:
        with pytest.raises(TimeoutError):
            session.receive(0.2)
        session.send(b"still there")
        assert _receive(session, 11) == b"still there"
        assert session.kill().verdict is Verdict.KILLED_BY_SIGNAL
        assert session.receive() == b""


def test_a_session_ends_with_its_program(sandbox: WarmSandbox) -> None:
    program = "import os; os.write(3, b'last words'); print('out'); raise SystemExit(4)"
    with sandbox.open([Job(program, channel=True)])[0] as session:
        assert _receive(session, 10) == b"last words"
        assert session.receive(10.0) == b""
        session.send(b"lost, and no error")
        result = session.end()
    assert (result.verdict, result.exit_code, result.stdout) == (Verdict.NONZERO_EXIT, 4, "out\n")


def test_a_session_has_a_wall_clock_limit(sandbox: WarmSandbox) -> None:
    with sandbox.open([Job(ECHO, channel=True, limits=Limits(wall_s=0.5))])[0] as session:
        assert session.receive() == b""
        assert session.end().verdict is Verdict.TIMEOUT


def test_what_is_sent_too_late_does_not_reach_the_next_program(sandbox: WarmSandbox) -> None:
    for _ in range(20):
        with sandbox.open([Job("pass", channel=True)])[0] as session:
            for _ in range(5):
                session.send(b"for the first only")
    spy = "import os; print(os.read(3, 100))"
    with sandbox.open([Job(spy, channel=True, limits=Limits(wall_s=0.5))])[0] as session:
        assert session.end().verdict is Verdict.TIMEOUT


# 2. Many callers ------------------------------------------------------------------------------------------


def test_pairs_from_many_threads_do_not_wait_for_each_other(sandbox: WarmSandbox) -> None:
    def pair(number: int) -> bool:
        job = Job(ECHO, channel=True)
        first, second = sandbox.open([job, job])
        with first, second:
            first.send(b"%d" % number)
            second.send(_receive(first, len(str(number))))
            return _receive(second, len(str(number))) == b"%d" % number

    with ThreadPoolExecutor(12) as threads:
        assert all(threads.map(pair, range(60)))


async def test_arun_serves_an_event_loop(sandbox: WarmSandbox) -> None:
    results = await asyncio.gather(*(sandbox.arun(f"print({number})") for number in range(12)))
    assert [result.stdout for result in results] == [f"{number}\n" for number in range(12)]


def test_more_programs_side_by_side_than_places(sandbox: WarmSandbox) -> None:
    with pytest.raises(SandboxError, match="9 programs are to run side by side"):
        sandbox.open([Job("pass")] * 9)


def test_standard_input_that_nobody_reads(sandbox: WarmSandbox) -> None:
    result = sandbox.run("print('done')", stdin="x" * 1_000_000)
    assert (result.verdict, result.stdout) == (Verdict.OK, "done\n")


def test_files_lie_in_the_working_directory(sandbox: WarmSandbox) -> None:
    files = {"data/numbers.txt": "1 2 3", "helper.py": "def double(x): return 2 * x"}
    program = "import helper; print(sum(map(helper.double, map(int, open('data/numbers.txt').read().split()))))"
    assert sandbox.run(program, files=files).stdout == "12\n"


@pytest.mark.parametrize("path", ["../escape", "/etc/escape", "a/../../escape", ""])
def test_files_outside_the_working_directory_are_refused(sandbox: WarmSandbox, path: str) -> None:
    with pytest.raises(ValueError, match="relative path"):
        sandbox.run("pass", files={path: "x"})


def test_usage_is_measured(sandbox: WarmSandbox) -> None:
    result = sandbox.run("import time\nblock = bytearray(60 << 20)\nwhile time.process_time() < 0.3: pass")
    assert result.verdict is Verdict.OK
    assert 0.25 <= result.cpu_s <= result.wall_s + 0.1
    assert 60 <= result.peak_memory_mb <= 110


# 3. Nothing is left ---------------------------------------------------------------------------------------

STIRRING = [
    "import os\nif os.fork() == 0:\n    os.setsid()\n    import time; time.sleep(60)",
    "open('/tmp/left', 'w').write('x')\nopen('/dev/shm/left', 'w').write('x')",
    "import time; time.sleep(60)",
    "parts = []\nwhile True: parts.append(bytearray(1 << 20))",
    "import os\nwhile True: os.fork()",
]


OWNER = """
import sys
from sandbox import *
sandbox = open_sandbox(SandboxConfig(backend={backend!r}, image={image!r}))
for program in {programs!r}:
    sandbox.run(program, limits=Limits(wall_s=1.0, memory_mb=64, processes=20))
sleeper = Job("import time; time.sleep(600)", limits=Limits(wall_s=900))
session = sandbox.open([sleeper])[0]
if {end!r} == "close":
    sandbox.close()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["close", "exit", "kill"])
@pytest.mark.parametrize("backend", ["bubblewrap", "docker"])
def test_nothing_is_left(backend: str, end: str, request: pytest.FixtureRequest) -> None:
    address = ""
    with pytest.MonkeyPatch.context() as patch:
        if backend == "docker" and (address := request.getfixturevalue("docker_engine")):
            patch.setenv("DOCKER_HOST", address)
        open_backend(backend).close()  # or skip
        text = OWNER.format(backend=backend, image=IMAGE, programs=STIRRING, end=end)
        owner = subprocess.Popen([sys.executable, "-c", text], cwd=_ROOT, text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    with owner:
        assert owner.stdout is not None and owner.stdin is not None
        assert owner.stdout.readline() == "ready\n"
        if end == "close":
            assert _in_the_end(owner.pid, address) == {}
        else:
            assert residue(owner.pid, address).keys() & {"processes", "containers"}
        if end == "kill":
            owner.kill()
        owner.stdin.close()
        owner.wait(60)
    left = _in_the_end(owner.pid, address, "cgroups" if end == "kill" else "")
    if end == "kill" and left:  # nobody was there to remove empty cgroups; the next sandbox of anybody does
        open_backend("bubblewrap").close()
        left = _in_the_end(owner.pid, address)
    assert left == {}


def _in_the_end(owner: int, address: str, but: str = "") -> dict[str, set[object]]:
    """The kernel and the engine may take a moment to clear away what was killed."""
    give_up = time.monotonic() + 20
    while (left := residue(owner, address)).keys() - {but} and time.monotonic() < give_up:
        time.sleep(0.1)
    return left


# 4. Mistakes ----------------------------------------------------------------------------------------------


def test_no_isolation_is_a_refusal_with_ways_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    with pytest.raises(SandboxError) as refused:
        open_sandbox()
    for part in ("apt-get install bubblewrap", "no Docker engine answers", "ponder sandbox doctor", "none is run"):
        assert part in str(refused.value)


def test_a_missing_image_names_the_command(docker_engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if docker_engine:
        monkeypatch.setenv("DOCKER_HOST", docker_engine)
    with pytest.raises(SandboxError, match="docker pull no-such-image:1"):
        open_sandbox(SandboxConfig(backend="docker", image="no-such-image:1"))


def test_there_is_no_backend_without_isolation() -> None:
    with pytest.raises(ValueError, match="there are auto, bubblewrap, docker"):
        SandboxConfig(backend="none")


def test_limits_must_be_positive() -> None:
    with pytest.raises(ValueError, match=r"Limits\.memory_mb is 0"):
        Limits(memory_mb=0)


def test_an_unknown_language_is_named(sandbox: WarmSandbox) -> None:
    with pytest.raises(ValueError, match="cobol"):
        sandbox.run("DISPLAY 1.", language="cobol")


def test_a_closed_sandbox_says_so(sandbox: WarmSandbox) -> None:
    with open_backend("bubblewrap") as other:
        pass
    with pytest.raises(SandboxError, match="closed"):
        other.run("pass")
    with pytest.raises(SandboxError, match="closed"):
        other.open([Job("pass")])
    assert sandbox.run("pass").verdict is Verdict.OK


# 5. As an ordinary user -----------------------------------------------------------------------------------

AS_A_USER = """
import json
from sandbox import *
limits = Limits(wall_s=5, memory_mb=96, processes=24)
programs = {
    "hello": "import os; print('hello', os.getuid())",
    "one": "parts = []\\nwhile True: parts.append(bytearray(1 << 20))",
    "huge": "block = bytearray(1 << 40)",
    "many": "import os, time\\nfor _ in range(8):\\n    if os.fork() == 0:\\n"
            "        block = bytearray(b'x') * (24 << 20)\\n        time.sleep(9)\\ntime.sleep(9)",
    "files": "open('/dev/shm/x', 'wb').write(bytes(150 << 20))",
    "forks": "import os\\nstarted = 0\\ntry:\\n    while started < 100:\\n        if os.fork() == 0:\\n"
             "            import time; time.sleep(9)\\n        started += 1\\nexcept OSError: print(started)",
}
with open_sandbox(SandboxConfig(backend="bubblewrap")) as sandbox:
    print(json.dumps({name: [result.verdict, result.stdout] for name, text in programs.items()
                      for result in [sandbox.run(text, limits=limits)]}))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which only root can")
def test_an_ordinary_user_without_cgroups_has_the_same_limits(tmp_path: Path) -> None:
    # the checkout may lie where another user cannot look
    home = tmp_path / "home"
    shutil.copytree(_ROOT / "sandbox", home / "sandbox")
    for folder in [home, *home.parents]:
        if folder.is_relative_to(tmp_path.parents[1]):
            folder.chmod(0o755)
    done = subprocess.run([_SYSTEM_PYTHON, "-c", AS_A_USER], cwd=home, user=54321, group=54321, extra_groups=[],
                          env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
                          capture_output=True, text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["hello"] == ["ok", "hello 1000\n"]
    assert [found[name][0] for name in ("one", "huge", "many")] == ["memory limit"] * 3
    assert found["files"][0] in ("memory limit", "nonzero exit")
    assert 10 <= int(found["forks"][1]) <= 24


# 6. A sandbox that breaks ---------------------------------------------------------------------------------


def _helpers(sandbox: WarmSandbox) -> list[psutil.Process]:
    """bwrap, the zygotes and the runners of a sandbox; not the programs, whose end by a signal is their own."""
    found = []
    for slot in list(sandbox._slots):
        outer = psutil.Process(slot._container._process.pid)  # type: ignore[attr-defined]
        chain = outer.children(recursive=True)
        found += [outer, *chain[:3]]
    return found


@pytest.mark.parametrize("victim", [0, 1, 2, 3])
def test_a_helper_that_is_killed_costs_a_retry_and_no_verdict(victim: int) -> None:
    with open_backend("bubblewrap") as sandbox, ThreadPoolExecutor(1) as threads:
        running = threads.submit(sandbox.run, "import time; time.sleep(1); print('right')")
        give_up = time.monotonic() + 20
        while time.monotonic() < give_up:
            helpers = _helpers(sandbox)
            if len(helpers) >= 4:
                break
        helpers[victim].send_signal(signal.SIGKILL)
        assert running.result(60).stdout == "right\n"
        assert sandbox.run("print(1)").stdout == "1\n"


def test_a_sandbox_that_always_breaks_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_backend("bubblewrap") as sandbox:
        for slot in list(sandbox._slots):
            psutil.Process(slot._container._process.pid).kill()  # type: ignore[attr-defined]
        monkeypatch.setattr("sandbox.bubblewrap.BOOTSTRAP", "raise SystemExit('broken on purpose')")
        result = sandbox.run("print(1)")
        assert result.verdict is Verdict.SANDBOX_ERROR
        assert "broken on purpose" in result.detail
        with pytest.raises(SandboxError, match="broken on purpose"):
            sandbox.open([Job("pass")])


def test_cgroups_of_processes_that_are_gone_are_removed() -> None:
    try:
        cgroup = make_cgroup()
    except CgroupsUnusable as error:
        pytest.skip(str(error))
    parent = cgroup._memory.parent
    stale = parent / "ponder-999999999-0"
    stale.mkdir()
    try:
        open_backend("bubblewrap").close()
        assert not stale.exists()
    finally:
        cgroup.remove()


def test_an_interrupted_call_leaves_no_answer_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_backend("bubblewrap") as sandbox:
        original = Slot._read
        calls = iter(range(10**9))

        def interrupted(slot: Slot, deadline: float) -> bytes:
            if next(calls) == 0:
                raise KeyboardInterrupt
            return original(slot, deadline)

        monkeypatch.setattr(Slot, "_read", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sandbox.run("print('first')")
        assert [sandbox.run(f"print({number})").stdout for number in range(4)] == ["0\n", "1\n", "2\n", "3\n"]


def test_closing_ends_calls_that_run_and_calls_that_wait() -> None:
    sandbox = open_backend("bubblewrap")
    with ThreadPoolExecutor(8) as threads:
        calls = [threads.submit(sandbox.run, "import time; time.sleep(60)", limits=Limits(wall_s=90)) for _ in range(8)]
        give_up = time.monotonic() + 20
        while len(sandbox._slots) < 2 and time.monotonic() < give_up:
            time.sleep(0.01)
        sandbox.close()
        for call in calls:
            with pytest.raises(SandboxError, match="closed"):
                call.result(30)


def test_a_file_cannot_take_the_programs_place(sandbox: WarmSandbox) -> None:
    with pytest.raises(ValueError, match=r"cannot be called main\.py"):
        sandbox.run("print(1)", files={"main.py": "print(2)"})
    assert sandbox.run("print(1)").stdout == "1\n"
