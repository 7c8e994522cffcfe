"""Freed memory stays with the process: for training on CPU, where each pass asks for the same large tensors again.

glibc takes a large block from the kernel anew each time, and the kernel zeroes it page by page: with SmolLM2-135M that
was 20% of the processor time of a supervised step (`tests/benchmarks/bench_allocator.py`). Imports no torch.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
"""Of glibc's malloc.h."""
_NEVER = 2**31 - 1
_PAD = 2**28


def keep_freed_memory() -> bool:
    """Have this process's malloc keep what is freed; blocks that are held already stay as they are.

    Returns:
        Whether it does; False where the C library is not glibc.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    wanted = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NEVER), (_TOP_PAD, _PAD))
    return mallopt is not None and all(mallopt(name, value) for name, value in wanted)
