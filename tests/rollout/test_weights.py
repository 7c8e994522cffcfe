"""What is pinned here:

1. What is written can be read back exactly: names, values, dtypes, tied and non-contiguous tensors, several files.
2. A version appears whole or not at all; a full file system is an error that says so and leaves nothing behind.
3. Old versions, closed publishers and the folders of killed ones disappear; living ones and copies stay.
"""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import rollout.weights as module
from rollout.errors import WeightStorageError
from rollout.weights import SharedMemoryWeights, WeightManifest


def state() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shared = torch.randn(7, 5, generator=generator)
    return {
        "embed": shared,
        "tied": shared,
        "transposed": torch.randn(4, 6, generator=generator).t(),
        "half": torch.randn(3, generator=generator).bfloat16(),
    }


def read(manifest: WeightManifest) -> dict[str, Tensor]:
    assert manifest.path is not None
    found: dict[str, Tensor] = {}
    for file in sorted(Path(manifest.path).glob("*.safetensors")):
        found |= load_file(file)
    return found


@pytest.fixture
def weights(tmp_path: Path) -> Iterator[SharedMemoryWeights]:
    with SharedMemoryWeights(tmp_path) as made:
        yield made


@pytest.mark.parametrize("shard_bytes", [2**30, 1])
def test_round_trip(weights: SharedMemoryWeights, monkeypatch: pytest.MonkeyPatch, shard_bytes: int) -> None:
    monkeypatch.setattr(module, "SHARD_BYTES", shard_bytes)
    manifest = weights.write(3, iter(state().items()))
    back = read(manifest)
    assert manifest.version == 3
    assert manifest.names == tuple(state())
    assert manifest.bytes == sum(tensor.nbytes for tensor in state().values())
    assert all(torch.equal(back[name], tensor) and back[name].dtype == tensor.dtype for name, tensor in state().items())


def test_tensors_may_be_freed_while_iterating(weights: SharedMemoryWeights) -> None:
    """A gathered parameter's memory is reused for the next one."""

    def gathered() -> Iterator[tuple[str, Tensor]]:
        memory = torch.empty(4)
        for number in range(3):
            memory.fill_(number)
            yield f"p{number}", memory

    back = read(weights.write(1, gathered()))
    assert [back[f"p{number}"][0].item() for number in range(3)] == [0, 1, 2]


def test_a_failed_write_leaves_nothing(weights: SharedMemoryWeights) -> None:
    def broken() -> Iterator[tuple[str, Tensor]]:
        yield "fine", torch.ones(2)
        raise KeyError("gather failed")

    weights.write(1, state().items())
    with pytest.raises(KeyError, match="gather failed"):
        weights.write(2, broken())
    assert [folder.name for folder in sorted(weights.folder.iterdir()) if folder.is_dir()] == ["00000001"]


def test_a_full_file_system_says_so(weights: SharedMemoryWeights, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(weights.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10))
    with pytest.raises(WeightStorageError, match=r"no room for new weights in .*10 MiB free|0 MiB free.*--shm-size"):
        weights.write(1, state().items())
    assert not [path for path in weights.folder.iterdir() if path.is_dir()]


def test_a_write_that_fails_half_way_says_so(weights: SharedMemoryWeights, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "save_file", full)
    with pytest.raises(WeightStorageError, match="No space left on device"):
        weights.write(1, state().items())
    assert not [path for path in weights.folder.iterdir() if path.is_dir()]


def test_old_versions_are_discarded(weights: SharedMemoryWeights) -> None:
    for version in (1, 2, 3):
        weights.write(version, state().items())
    weights.discard_before(3)
    assert [folder.name for folder in weights.folder.iterdir() if folder.is_dir()] == ["00000003"]


def test_a_pickled_copy_writes_to_the_same_place_and_owns_nothing(weights: SharedMemoryWeights) -> None:
    copy = pickle.loads(pickle.dumps(weights))
    manifest = copy.write(1, state().items())
    assert Path(str(manifest.path)).parent == weights.folder
    del copy
    assert Path(str(manifest.path)).exists()


def test_folders_of_the_dead_are_removed_and_of_the_living_kept(tmp_path: Path) -> None:
    script = (
        "import sys, os; from pathlib import Path; from rollout.weights import SharedMemoryWeights\n"
        "weights = SharedMemoryWeights(Path(sys.argv[1])); print(weights.folder, flush=True); os._exit(1)"
    )
    root = str(Path(module.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, cwd=root, check=False
    )
    orphan = Path(done.stdout.strip())
    assert orphan.exists(), done.stderr
    with SharedMemoryWeights(tmp_path) as first, SharedMemoryWeights(tmp_path) as second:
        assert not orphan.exists()
        assert first.folder.exists()
        assert second.folder.exists()
    assert not list(tmp_path.iterdir())
