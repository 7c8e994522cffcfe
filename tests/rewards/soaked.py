"""A reward that is trivial on most samples, and stuck, dead or wrong in other ways on a few."""

from __future__ import annotations

import ctypes
import hashlib
import os
import signal

from rewards import RewardInput


def trivial(sample: RewardInput, *, work: int = 0) -> float:
    """The answer as a number, after rounds of work; `stuck`, `exit`, `kill` and `raise` do what they say."""
    if sample.answer == "stuck":
        ctypes.PyDLL(None).sleep(1000)
    if sample.answer == "exit":
        os._exit(3)
    if sample.answer == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if sample.answer == "raise":
        raise ValueError("bad")
    if work:
        hashlib.pbkdf2_hmac("sha1", b"", b"", work)
    return float(sample.answer)
