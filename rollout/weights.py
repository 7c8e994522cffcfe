"""Publishing new weights: what a learner writes and what rollout workers read.

`SharedMemoryWeights` writes safetensors files to memory (tmpfs), one folder per version; the engines map them. It
serves one host, CPU or GPU. `EngineWeights` (rollout/gpu_weights.py) sends them from GPU to GPU instead.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from rollout.errors import WeightStorageError

PREFIX = "ponder-weights-"
SHARD_BYTES = 2**30
"""Tensors are copied and written in files of about this size, so that the copy never doubles a large model."""
MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class WeightManifest:
    """One version of the weights, ready to be loaded."""

    version: int
    transport: str
    """`shared_memory`: files below `path`; `nccl`, `cuda_ipc`: the engines have them already."""
    path: str | None
    """Folder of safetensors files with Hugging Face parameter names."""
    names: tuple[str, ...]
    bytes: int


class WeightPublisher(Protocol):
    """The learner's side of a weight swap. Plain data until used: it is pickled to learner rank 0."""

    def write(self, version: int, state: Iterable[tuple[str, Tensor]]) -> WeightManifest:
        """Make the weights available under a version."""
        ...

    def discard_before(self, version: int) -> None:
        """Forget versions older than this one."""
        ...

    def close(self) -> None:
        """Forget all versions."""
        ...


class SharedMemoryWeights:
    """Weight versions as folders of safetensors files in memory.

    The process that makes it owns the folder and removes it on `close` (or at the end of a `with` block); copies
    that were pickled to other processes only write. A folder whose owner was killed is removed by the next owner.
    """

    def __init__(self, root: Path | None = None) -> None:
        """Create the folder below `root` (default: /dev/shm where it can be written, else the temporary folder)."""
        root = root or (MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir()))
        _remove_orphans(root)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
        # Locked before it has the name that the search for orphans looks at.
        self._lock: IO[Any] | None = (self.folder / "lock.new").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        (self.folder / "lock.new").rename(self.folder / "lock")

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "_lock": None}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, version: int, state: Iterable[tuple[str, Tensor]]) -> WeightManifest:
        """Write all tensors; the version's folder appears only when it is complete.

        Args:
            version: weight version.
            state: Hugging Face parameter names and tensors, on any device.

        Raises:
            WeightStorageError: the memory file system is full.
        """
        final = self.folder / f"{version:08d}"
        partial = final.with_suffix(".partial")
        for leftover in (partial, final):
            shutil.rmtree(leftover, ignore_errors=True)
        names: list[str] = []
        written = 0
        try:
            partial.mkdir()
            for number, shard in enumerate(_shards(state)):
                size = sum(tensor.nbytes for tensor in shard.values())
                self._require(size)
                save_file(shard, partial / f"weights-{number:05d}.safetensors")
                names += shard
                written += size
            partial.rename(final)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise WeightStorageError(self._full(f"writing failed: {error}")) from error
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        return WeightManifest(version, "shared_memory", str(final), tuple(names), written)

    def discard_before(self, version: int) -> None:
        """Remove versions older than `version`."""
        for folder in self.folder.iterdir():
            if folder.stem.isdecimal() and int(folder.stem) < version:
                shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _require(self, size: int) -> None:
        # Asked beforehand: a write to a full tmpfs may end the process instead of failing.
        free = shutil.disk_usage(self.folder).free
        if size > free:
            raise WeightStorageError(self._full(f"{size / 2**20:,.0f} MiB needed, {free / 2**20:,.0f} MiB free"))

    def _full(self, what: str) -> str:
        return (
            f"no room for new weights in {self.folder}: {what}. Ways out: (1) free memory or files there, (2) a larger "
            "shared-memory file system (docker run --shm-size, or mount -o remount,size=... /dev/shm)."
        )


def _shards(state: Iterable[tuple[str, Tensor]]) -> Iterator[dict[str, Tensor]]:
    """Tensors copied to the CPU, in portions of about `SHARD_BYTES`."""
    shard: dict[str, Tensor] = {}
    size = 0
    for name, tensor in state:
        # A copy, always: gathered parameters are freed when the iteration goes on, and tied ones share memory.
        shard[name] = tensor.detach().to("cpu", copy=True).contiguous()
        size += shard[name].nbytes
        if size >= SHARD_BYTES:
            yield shard
            shard, size = {}, 0
    if shard:
        yield shard


def _remove_orphans(root: Path) -> None:
    """Remove folders whose owner is gone, told by a lock that the kernel releases when a process ends."""
    for folder in root.glob(PREFIX + "*"):
        with contextlib.suppress(OSError), (folder / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
