"""Memory that stays with the process: the same large block, asked for again and again, costs page faults once."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import resource, sys
import torch
from rl.allocator import keep_freed_memory
if sys.argv[1] == "keeps":
    assert keep_freed_memory()
def touch():
    torch.full((64 << 20,), 1, dtype=torch.uint8)
for _ in range(12):  # until a free block is large enough for the alignment too
    touch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    touch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_freed_memory_is_used_again() -> None:
    def faults(way: str) -> int:
        done = subprocess.run([sys.executable, "-c", CODE, way], check=True, stdout=subprocess.PIPE, text=True)
        return int(done.stdout)

    assert faults("as it is") > 200  # 5 times 64 MiB, in pages of up to 2 MiB
    assert faults("keeps") < 100
