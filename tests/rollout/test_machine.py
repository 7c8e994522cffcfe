"""What is pinned here:

1. Workers get slices of the cores side by side, or none when the slices do not fit.
2. The engine child finds the package, the preloaded libraries and its number of threads in its environment.
3. `auto` is float32 on CPU; bfloat16 on a CPU without it is refused.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import rollout.machine as machine
from rollout.config import RolloutConfig
from rollout.errors import RolloutError


def test_cores_are_split_between_workers() -> None:
    config = RolloutConfig(workers=2)
    assert machine.slice_of_cores([0, 1, 2, 3], config, 0) == (0, 1)
    assert machine.slice_of_cores([0, 1, 2, 3], config, 1) == (2, 3)


def test_slices_that_do_not_fit_are_not_bound() -> None:
    config = RolloutConfig(workers=2, cpu_threads=3)
    assert machine.slice_of_cores([0, 1, 2, 3], config, 1) is None
    assert machine.slice_of_cores([0], RolloutConfig(workers=2), 1) is None


def test_environment_of_a_cpu_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "preloads", lambda: ["libtcmalloc.so.4", "/x/libiomp5.so"])
    monkeypatch.setenv("LD_PRELOAD", "mine.so")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    environment = machine.worker_place(RolloutConfig(cpu_threads=3), "cpu", 0, model_path=str(tmp_path)).environment
    assert environment["OMP_NUM_THREADS"] == "3"
    assert environment["LD_PRELOAD"] == "libtcmalloc.so.4:/x/libiomp5.so:mine.so"
    assert environment["PYTHONPATH"].split(os.pathsep) == [machine.package_root(), "/somewhere"]
    assert (Path(machine.package_root()) / "rollout" / "extension.py").exists()
    assert environment["HF_HUB_OFFLINE"] == "1", "a model folder needs no hub"


def test_gpu_engines_keep_their_threads(tmp_path: Path) -> None:
    place = machine.worker_place(RolloutConfig(), "gpu", 0, model_path="some/name")
    assert place.cores is None
    assert not {"OMP_NUM_THREADS", "LD_PRELOAD", "HF_HUB_OFFLINE"} & place.environment.keys()


def test_float32_is_the_rule_on_cpu() -> None:
    assert machine.engine_dtype(RolloutConfig(), "cpu") == "float32"
    assert machine.engine_dtype(RolloutConfig(), "gpu") == "bfloat16"
    assert machine.engine_dtype(RolloutConfig(dtype="float16"), "cpu") == "float16"


def test_bfloat16_needs_a_cpu_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cpu_flags", lambda: frozenset({"avx2", "avx512_bf16"}))
    assert machine.engine_dtype(RolloutConfig(dtype="bfloat16"), "cpu") == "bfloat16"
    monkeypatch.setattr(machine, "cpu_flags", lambda: frozenset({"avx2"}))
    with pytest.raises(RolloutError, match=r"no bfloat16 arithmetic.*rollout\.dtype=float32"):
        machine.engine_dtype(RolloutConfig(dtype="bfloat16"), "cpu")


def test_cpu_flags_are_read_on_x86_and_arm(tmp_path: Path) -> None:
    x86, arm = tmp_path / "x86", tmp_path / "arm"
    x86.write_text("processor\t: 0\nflags\t\t: fpu avx2\n")
    arm.write_text("processor\t: 0\nFeatures\t: fp asimd bf16\n")
    assert machine.cpu_flags(x86) == {"fpu", "avx2"}
    assert machine.cpu_flags(arm) == {"fp", "asimd", "bf16"}
    assert machine.cpu_flags(tmp_path / "none") == frozenset()
