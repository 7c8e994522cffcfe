"""Functions that the pool's tests run in its workers."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any


def add(a: int, b: int) -> int:
    return a + b


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def pid() -> int:
    return os.getpid()


def note_and_sleep(path: str, seconds: float) -> int:
    Path(path).write_text(str(os.getpid()))
    time.sleep(seconds)
    return os.getpid()


def who() -> dict[str, Any]:
    """What a process of its own has of its own."""
    woken = []
    signal.signal(signal.SIGALRM, lambda *_: woken.append(True))
    main = threading.main_thread()
    thread = threading.Thread(target=lambda: signal.pthread_kill(main.ident or 0, signal.SIGALRM))
    thread.start()
    thread.join()
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "group": os.getpgid(0),
        "woken": woken,
        "program": subprocess.run([sys.executable, "-c", "print(1)"], stdout=subprocess.PIPE, check=True).stdout,
        "random": random.random(),
    }


def stuck_in_c() -> None:
    # PyDLL keeps the GIL: no Python signal handler and no thread runs until it returns.
    ctypes.PyDLL(None).sleep(1000)


def stuck_in_arithmetic() -> int:
    return 10 ** (10**9)


def exit_at_once(code: int) -> None:
    os._exit(code)


def segfault() -> None:
    ctypes.string_at(0)


def system_exit() -> None:
    sys.exit(3)


def memory_bomb() -> int:
    return len(bytearray(64 * 2**30))


def slow_memory_bomb() -> None:
    kept = []
    while True:
        kept.append(bytearray(16 * 2**20))


def fork_and_return() -> int:
    """Both the parent and the child return: only one answer may arrive."""
    os.fork()
    return os.getpid()


def leave_child(path: str) -> None:
    """A child that would outlive the call, and then the call gets stuck."""
    child = os.fork()
    if child == 0:
        time.sleep(1000)
    Path(path).write_text(str(child))
    time.sleep(1000)


def fork_then_die() -> None:
    """The child keeps whatever descriptors it inherited open."""
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(7)


class Unpicklable(Exception):
    def __init__(self, a: int, b: int) -> None:
        super().__init__("only one argument reaches __reduce__")
        self.lock = threading.Lock()


def raise_unpicklable() -> None:
    raise Unpicklable(1, 2)


class Hostile(Exception):
    def __str__(self) -> str:
        raise ValueError("no text for you")


def raise_hostile() -> None:
    raise Hostile


def return_unpicklable() -> object:
    return threading.Lock()


def return_large(size: int) -> bytes:
    return bytes(size)


def alarm_later() -> str:
    """What a signal-based timeout forgets: the next call would die of it."""
    signal.setitimer(signal.ITIMER_REAL, 0.15)
    return "armed"


def ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(1)


def shout() -> str:
    print("printed by a call")
    return "done"


def modules() -> list[str]:
    return sorted(sys.modules)


READY: list[str] = []


def prepare(word: str) -> None:
    READY.append(word)


def prepared() -> list[str]:
    return READY


KEPT: list[Any] = []


def prepare_thread() -> None:
    """A fork would have no such thread."""
    KEPT.append(threading.Thread(target=threading.Event().wait, daemon=True))
    KEPT[0].start()


def kept_thread() -> bool:
    return bool(KEPT[0].is_alive())


def prepare_file() -> None:
    """Forks would share its position."""
    KEPT.append(open(__file__))  # noqa: SIM115


def next_line() -> str:
    return str(KEPT[0].readline())


def cannot_prepare() -> None:
    raise RuntimeError("no licence server")
