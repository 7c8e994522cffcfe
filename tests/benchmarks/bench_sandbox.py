"""Programs a second: a plain subprocess, a cold bubblewrap, and Ponder's two backends, at 1 to 8 threads in one run.

    python -m tests.benchmarks.bench_sandbox [--programs 200] [--rounds 3] [--image IMAGE]

Every way runs the same trivial Python programs. `plain` is `python3 -c` without any isolation. `cold` is what one would
write without a warm interpreter, with the same protection: for each program an own user id (setpriv), limits (prlimit),
memory and pids cgroups, and a bubblewrap with all namespaces, a read-only system, sized tmpfs, no network, a cleared
environment and the same system-call filter. Rounds are interleaved, and a way's rate is the
median of its rounds, so that what else the machine does falls on all of them alike. No pass or fail.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

from sandbox import SandboxConfig, SandboxError, Verdict, open_sandbox
from sandbox.cgroups import CgroupsUnusable, make_cgroup
from sandbox.guest.seccomp import assemble

_PYTHON = "/usr/bin/python3"
_THREADS = (1, 2, 4, 8)
_uids = itertools.count(1_300_000_000)

_COLD = (
    "prlimit --nproc=64 --nofile=256 --fsize=67108864 --core=0 "
    "bwrap --unshare-all --unshare-user --uid 1000 --gid 1000 --disable-userns --cap-drop ALL --die-with-parent "
    "--new-session --clearenv --setenv PATH /usr/bin:/bin --setenv LANG C.UTF-8 --ro-bind /usr /usr "
    "--symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc --dev /dev "
    "--size 67108864 --tmpfs /tmp --size 67108864 --tmpfs /work --chdir /work"
).split()


def _plain(program: str) -> bool:
    return subprocess.run([_PYTHON, "-c", program], capture_output=True, timeout=60).returncode == 0


def _cold(program: str) -> bool:
    user = ["setpriv", *(f"--{kind}={next(_uids)}" for kind in ("reuid", "regid")), "--clear-groups", "--no-new-privs"]
    command = [*(user if os.geteuid() == 0 else []), *_COLD]
    with ExitStack() as stack:
        filtered = stack.enter_context(tempfile.TemporaryFile())
        filtered.write(assemble(platform.machine(), 1))
        filtered.seek(0)
        group = None
        with suppress(CgroupsUnusable):
            group = make_cgroup()
            stack.callback(group.remove)
            group.limit(512, 64)
        process = subprocess.Popen(
            [*command, "--seccomp", str(filtered.fileno()), _PYTHON, "-I", "-c", program],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            pass_fds=[filtered.fileno()], cwd="/",
        )  # fmt: skip
        if group:
            for descriptor in group.join:
                os.write(descriptor, str(process.pid).encode())
        process.communicate(timeout=60)
    return process.returncode == 0


def _rate(way: str, run: Callable[[str], bool], programs: int, threads: int) -> float:
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        right = list(pool.map(run, [f"print({number})" for number in range(programs)]))
        seconds = time.perf_counter() - started
    if not all(right):
        raise SystemExit(f"{way}: {right.count(False)} trivial programs failed; these figures would mean nothing")
    return programs / seconds


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=200, help="in each round (default: 200)")
    parser.add_argument("--rounds", type=int, default=3, help="of each way and number of threads (default: 3)")
    parser.add_argument("--image", default="ponder-sandbox-test:latest", help="docker: the image")
    options = parser.parse_args()

    ways: dict[str, Callable[[str], bool]] = {"plain": _plain, "cold": _cold}
    opened = []
    for backend in ("bubblewrap", "docker"):
        try:
            sandbox = open_sandbox(SandboxConfig(backend=backend, image=options.image))
        except SandboxError as error:
            print(f"without {backend}: {error}")
            continue
        opened.append(sandbox)
        ways[backend] = lambda program, run=sandbox.run: run(program).verdict is Verdict.OK  # type: ignore[misc]
    try:
        print(f"{'threads':>7}  " + "  ".join(f"{way + '/s':>13}" for way in ways) + "    ours/plain  ours/cold")
        for threads in _THREADS:
            rates: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(options.rounds):
                for way, run in ways.items():
                    rates[way].append(_rate(way, run, options.programs, threads))
            middle = {way: statistics.median(values) for way, values in rates.items()}
            ours = middle.get("bubblewrap", middle.get("docker", 0.0))
            print(f"{threads:>7}  " + "  ".join(f"{middle[way]:>13.0f}" for way in ways)
                  + f"  {ours / middle['plain']:>12.2f}  {ours / middle['cold']:>9.2f}", flush=True)  # fmt: skip
    finally:
        for sandbox in opened:
            sandbox.close()


if __name__ == "__main__":
    main()
