"""What sandboxes must stand, on every backend. Pinned behaviour:

1. hostile programs end with the verdict that is right, within their time, and escape from nothing;
2. honest programs run as they do anywhere;
3. nothing is left behind: not for the next program, not beside it, no process on the machine;
4. the sandbox goes on after each of them;
5. secrets around the sandbox (environment, files, servers) are out of reach, while compiling too.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox.types import Job, Language, Limits, Result, Sandbox, Verdict
from tests.sandbox.programs import CANARY, ESCAPE_PRELUDE, MARK, Case, source
from tests.sandbox.programs.honest import HONEST
from tests.sandbox.programs.hostile import BESIDE, HOSTILE, PAIRS

GRACE_S = 10.0
"""What a call may take beyond its wall-clock limit: starting, ending, a busy machine."""
COMPILE_S = 60.0

Pair = tuple[Case, Case]


@pytest.fixture(scope="module", autouse=True)
def secret_file() -> Iterator[Path]:
    """The canary in the environment and in a file of /tmp, before the sandbox of the module starts."""
    with pytest.MonkeyPatch.context() as patch, tempfile.NamedTemporaryFile("w", prefix="ponder-", dir="/tmp") as file:
        patch.setenv("PONDER_TEST_SECRET", CANARY)
        file.write(CANARY)
        file.flush()
        os.chmod(file.name, 0o644)
        yield Path(file.name)


def named(cases: tuple[Case, ...]) -> list[Any]:
    assert len({case.name for case in cases}) == len(cases), "a name is used twice"
    return [pytest.param(case, id=case.name) for case in cases]


def pairs(cases: tuple[Pair, ...]) -> list[Any]:
    return [pytest.param(case, id=case[0].name.removesuffix(": first")) for case in cases]


def need(sandbox: Sandbox, language: str) -> None:
    languages: frozenset[Language] = sandbox.languages  # type: ignore[attr-defined]
    if language not in languages:
        pytest.skip(f"this sandbox has no toolchain for {language}")


def run(sandbox: Sandbox, case: Case) -> tuple[Result, float]:
    """The result and how long the call took."""
    need(sandbox, case.language)
    start = time.monotonic()
    result = sandbox.run(case.program, stdin=case.stdin, files=case.files, limits=case.limits, language=case.language)
    return result, time.monotonic() - start


def brief(text: str) -> str:
    return text if len(text) < 2000 else f"{text[:1000]} ... {text[-1000:]}"


def check(case: Case, result: Result) -> None:
    """What the case asks, and what holds of every result."""
    told = (
        f"{result.verdict!r} (exit {result.exit_code}, signal {result.signal}, {result.detail})\n"
        f"stdout: {brief(result.stdout)}\nstderr: {brief(result.stderr)}"
    )
    assert result.verdict in case.allowed, told
    if case.stdout is not None and (len(case.allowed) == 1 or result.verdict == Verdict.OK):
        assert result.stdout == case.stdout, told
    for text in case.must_not_print:
        assert text not in result.stdout, told
        assert text not in result.stderr, told
    if case.exit_code is not None:
        assert result.exit_code == case.exit_code, told
    if case.signal is not None:
        assert result.signal == case.signal, told
    for text in case.stderr_has:
        assert text in result.stderr, told
    if result.verdict == Verdict.OK:
        assert result.exit_code == 0, told
    if result.verdict == Verdict.NONZERO_EXIT:
        assert result.exit_code not in (None, 0), told
    if result.verdict == Verdict.KILLED_BY_SIGNAL:
        assert result.exit_code is None, told
    if result.verdict != Verdict.COMPILE_ERROR:
        assert len(result.stdout) <= case.limits.output_bytes, told
        assert len(result.stderr) <= case.limits.output_bytes, told


def leftovers() -> list[int]:
    """Processes that programs left on this machine and should not have."""
    processes = psutil.process_iter(["pid", "cmdline"])
    return [process.info["pid"] for process in processes if MARK in (process.info["cmdline"] or [])]


def check_that_it_goes_on(sandbox: Sandbox) -> None:
    result = sandbox.run("print('alive')")
    assert (result.verdict, result.stdout) == (Verdict.OK, "alive\n"), result
    end = time.monotonic() + 5
    while leftovers():
        assert time.monotonic() < end, "processes outlive their program"
        time.sleep(0.1)


@pytest.mark.parametrize("case", named(HOSTILE))
def test_hostile(sandbox: Sandbox, case: Case) -> None:
    result, took_s = run(sandbox, case)
    check(case, result)
    allowed_s = case.within_s or case.limits.wall_s + GRACE_S
    assert took_s < allowed_s + (COMPILE_S if case.language == "cpp" else 0)
    check_that_it_goes_on(sandbox)


@pytest.mark.parametrize("case", named(HONEST))
def test_honest(sandbox: Sandbox, case: Case) -> None:
    result, _ = run(sandbox, case)
    check(case, result)


@pytest.mark.parametrize("pair", pairs(PAIRS))
def test_nothing_stays_for_the_next(sandbox: Sandbox, pair: Pair) -> None:
    for case in pair:
        result, _ = run(sandbox, case)
        check(case, result)
    check_that_it_goes_on(sandbox)


@pytest.mark.parametrize("pair", pairs(BESIDE))
def test_nothing_reaches_the_neighbour(sandbox: Sandbox, pair: Pair) -> None:
    jobs = [Job(case.program, stdin=case.stdin, files=case.files, limits=case.limits) for case in pair]
    sessions = sandbox.open(jobs)
    try:
        for case, session in zip(pair, sessions, strict=True):
            check(case, session.end())
    finally:
        for session in sessions:
            session.kill()


def test_honest_among_hostile(sandbox: Sandbox) -> None:
    """Who runs beside bombs gets its own verdict."""
    names = {
        "fork bomb that goes on",
        "list that grows",
        "kill everyone",
        "endless stdout",
        "busy loop",
        "endless file",
    }
    hostile = [case for case in HOSTILE if case.name in names]
    assert len(hostile) == len(names)
    patient = Case(
        "patient",
        "import os, time\n"
        "for _ in range(10):\n    time.sleep(0.1)\n    os.wait() if os.fork() else os._exit(0)\nprint('well')",
        frozenset({Verdict.OK}),
        stdout="well\n",
        limits=Limits(wall_s=30.0),
    )
    cases = [case for one in hostile for case in (one, patient)]
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda case: run(sandbox, case)[0], cases))
    for case, result in zip(cases, results, strict=True):
        check(case, result)
    check_that_it_goes_on(sandbox)


def test_secrets_around_are_out_of_reach(sandbox: Sandbox, secret_file: Path) -> None:
    body = f"""
    import re
    path = {str(secret_file)!r}
    secret = re.compile(b"canary" + rb"-[0-9a-f]{{16}}")
    if "PONDER_TEST_SECRET" in os.environ:
        found.append("environment")
    pids = [name for name in os.listdir("/proc") if name.isdigit()]
    paths = [path, "/proc/self/root" + path, "/../.." + path]
    for pid in pids:
        paths += [f"/proc/{{pid}}/{{name}}" for name in ("environ", "cmdline", "mountinfo", "auxv", "root" + path)]
    for path in paths:
        try:
            with open(path, "rb") as file:
                if secret.search(file.read()):
                    found.append(path)
        except OSError:
            pass
    """
    result = sandbox.run(ESCAPE_PRELUDE + source(body) + "conclude()\n")
    assert (result.verdict, result.stdout) == (Verdict.OK, "BLOCKED\n"), result


def test_secrets_around_are_out_of_reach_of_the_compiler(sandbox: Sandbox, secret_file: Path) -> None:
    need(sandbox, "cpp")
    for path in (str(secret_file), "/proc/self/environ", "/proc/1/environ"):
        including = f'#include "{path}"\nint main() {{}}'
        swallowing = (
            f'#include <cstdio>\nasm(".data\\n.global text\\ntext: .incbin \\"{path}\\"\\n.byte 0\\n.text");\n'
            'extern "C" const char text[];\nint main() { for (int i = 0; i < 4000; i++) putchar(text[i]); }'
        )
        for program in (including, swallowing):
            result = sandbox.run(program, language="cpp")
            assert result.verdict != Verdict.SANDBOX_ERROR, result
            assert CANARY not in result.stdout + result.stderr, path


def test_servers_around_are_out_of_reach(sandbox: Sandbox) -> None:
    """A port and an abstract socket on this machine."""
    name = f"\0ponder-test-{os.getpid()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as local,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        local.bind(name)
        local.listen()
        datagrams.bind(("127.0.0.1", 0))
        body = f"""
        import socket
        name, port = {name!r}, {server.getsockname()[1]}
        hosts = ["127.0.0.1", "0.0.0.0", "172.17.0.1", "10.0.2.2"]
        def connect(family, address):
            s = socket.socket(family)
            s.settimeout(1)
            s.connect(address)
            return True
        for host in hosts:
            attempt(host, lambda: connect(socket.AF_INET, (host, port)))
        attempt("abstract", lambda: connect(socket.AF_UNIX, name))
        try:
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", {datagrams.getsockname()[1]}))
        except OSError:
            pass
        """
        result = sandbox.run(ESCAPE_PRELUDE + source(body) + "conclude()\n")
        assert (result.verdict, result.stdout) == (Verdict.OK, "BLOCKED\n"), result
        for listener in (server, local, datagrams):
            listener.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()
        with pytest.raises(TimeoutError):
            local.accept()
        with pytest.raises(TimeoutError):
            datagrams.recv(1)


def test_nothing_of_this_process_changes(sandbox: Sandbox) -> None:
    """Descriptors and threads do not pile up over a hundred programs, good and bad."""
    programs = ["print(1)", "1 / 0", "import os; os.kill(os.getpid(), 9)", "import os; os.close(1)"]
    for program in programs:
        sandbox.run(program)
    here = psutil.Process()
    descriptors, threads = here.num_fds(), threading.active_count()
    for program in programs * 25:
        assert sandbox.run(program).verdict != Verdict.SANDBOX_ERROR
    assert here.num_fds() <= descriptors + 8
    assert threading.active_count() <= threads + 4
