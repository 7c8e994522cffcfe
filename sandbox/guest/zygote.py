"""The warm interpreter: it has imported what programs often import, and forks a runner for each program.

It never reads a program or its data, so nothing of one program can be found in the memory of the next. When a runner
ends in any other way than by having reported, the zygote ends too: the stream to the host may be cut in the middle of a
frame, and the host starts a new slot.
"""

from __future__ import annotations

import bisect
import collections
import contextlib
import copy
import functools
import gc
import heapq
import itertools
import json
import math
import operator
import os
import random
import re
import signal
import string
import sys
import threading
import typing
from typing import Any

from sandbox.guest import cleaning, frames, linux, runner, seccomp

_WARM = (bisect, collections, copy, functools, heapq, itertools, math, operator, random, re, string, threading, typing)
"""What most programs import. Each module more makes every fork dearer, so the seldom ones are left out."""

_TOOLCHAINS = {"cpp": "g++", "javascript": "node"}


def serve(settings: dict[str, Any]) -> Any:
    """Fork runners until the host closes the connection (descriptors 0 and 1).

    Returns only in a process that is to become a Python program: what to call, from as low on the stack as can be.
    """
    control, out = os.dup(0), os.dup(1)
    os.environ.clear()
    os.environ.update(settings["environment"])
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(null, descriptor)
    _reset_signals()
    seccomp.assemble(os.uname().machine, 1)  # kept for the runners that are process 1; refuses an unknown machine
    if settings["namespaces"]:
        settings["uid"], settings["gid"] = os.getuid(), os.getgid()
    else:
        linux.set_dumpable(False)
    hello = {
        "python": "{}.{}.{}".format(*sys.version_info),
        "toolchains": {language: path for language, name in _TOOLCHAINS.items() if (path := _find(name))},
    }
    os.write(out, frames.pack(frames.HELLO, json.dumps(hello).encode()))
    gc.collect()
    gc.freeze()
    gc.disable()
    while True:
        if settings["namespaces"]:
            pid = linux.fork_into(linux.CLONE_NEWUSER | linux.CLONE_NEWNS | linux.CLONE_NEWPID)
        else:
            pid = os.fork()
        if pid == 0:
            try:
                return runner.run_one(control, out, settings)
            except BaseException as error:
                print(f"runner: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                os._exit(1)
        _, status = os.waitpid(pid, 0)
        if status != 0:
            os._exit(1)
        if not settings["namespaces"]:
            cleaning.clean()


def _reset_signals() -> None:
    """As an interpreter starts with them, whatever the host ignores or blocks; SIGINT is for programs only."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError):  # those that libc keeps for itself
            signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _find(name: str) -> str:
    """An executable on the PATH; empty where there is none."""
    for folder in os.environ["PATH"].split(os.pathsep):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    return ""
