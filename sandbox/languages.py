"""How programs of each language are compiled and run inside a slot."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import replace
from threading import Lock

from sandbox.slot import Running, Slot
from sandbox.types import Job, Language, Limits, Result, SandboxError, Verdict

_COMPILE_LIMITS = Limits(wall_s=30.0, memory_mb=1024, file_bytes=128 << 20, output_bytes=1 << 20)
_LEAST_S = 0.01
_BINARY = "program"
_CACHED_BYTES = 128 << 20
_OWN_NAMES = {
    Language.PYTHON: {"main.py"},
    Language.JAVASCRIPT: {"main.js"},
    Language.CPP: {"main.cpp", _BINARY},
}


class Starter:
    """Starts programs in slots; keeps the last compiled ones, because a program is often run once a test case."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._binaries: OrderedDict[bytes, bytes] = OrderedDict()

    def start(self, slot: Slot, job: Job) -> Running | Result:
        """Start a program, or say why it does not compile.

        Raises:
            ValueError: a file has the program's own name.
            SandboxError: the slot has no toolchain of its language.
            SlotLost: the slot broke.
        """
        if taken := _OWN_NAMES[job.language] & set(job.files):
            raise ValueError(f"a file of a {job.language} program cannot be called {', '.join(taken)}: the program is")
        if job.language is Language.PYTHON:
            return slot.start(job, None, "main.py")
        if job.language not in slot.toolchains:
            raise SandboxError(
                f"the sandbox has no toolchain for {job.language} (it can run: {', '.join(sorted(slot.languages))}); "
                "install g++ or node where its programs run"
            )
        tool = slot.toolchains[job.language]
        if job.language is Language.JAVASCRIPT:
            return slot.start(job, [tool, "main.js"], "main.js")
        started = time.monotonic()
        binary = self._compile(slot, job, tool)
        if isinstance(binary, Result):
            return binary
        limits = job.limits
        if limits.total_s is not None:
            left = max(_LEAST_S, limits.total_s - (time.monotonic() - started))
            limits = replace(limits, wall_s=min(limits.wall_s, left))
        return slot.start(replace(job, files={**job.files, _BINARY: binary}, limits=limits), [f"./{_BINARY}"], "")

    def finish(self, slot: Slot, job: Job, result: Result) -> Result:
        """The result, with a compile error named where the language tells only by its output.

        Raises:
            SlotLost: the slot broke.
        """
        if (
            job.language is Language.JAVASCRIPT
            and result.verdict is Verdict.NONZERO_EXIT
            and "SyntaxError" in result.stderr
        ):
            checking = replace(job, stdin=b"", channel=False, limits=_compile_limits(job))
            argv = [slot.toolchains[job.language], "--check", "main.js"]
            if slot.start(checking, argv, "main.js").wait().verdict is Verdict.NONZERO_EXIT:
                return replace(result, verdict=Verdict.COMPILE_ERROR)
        return result

    def _compile(self, slot: Slot, job: Job, compiler: str) -> bytes | Result:
        key = hashlib.sha256(job.program.encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            if key in self._binaries:
                self._binaries.move_to_end(key)
                return self._binaries[key]
        argv = [compiler, "-std=c++17", "-O2", "-pipe", "-o", _BINARY, "main.cpp"]
        running = slot.start(Job(job.program, limits=_compile_limits(job)), argv, "main.cpp", fetch=(_BINARY,))
        result = running.wait()
        binary = running.fetched[0] if running.fetched else b""
        if result.verdict is not Verdict.OK or not binary:
            said = result.detail if result.verdict is not Verdict.NONZERO_EXIT else ""
            return replace(result, verdict=Verdict.COMPILE_ERROR, detail=said and f"the compiler: {said}")
        with self._lock:
            self._binaries[key] = binary
            while sum(map(len, self._binaries.values())) > _CACHED_BYTES:
                self._binaries.popitem(last=False)
        return binary


def _compile_limits(job: Job) -> Limits:
    return replace(_COMPILE_LIMITS, wall_s=min(_COMPILE_LIMITS.wall_s, job.limits.total_s or _COMPILE_LIMITS.wall_s))
