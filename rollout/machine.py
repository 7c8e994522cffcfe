"""What the machine offers and what a rollout worker's processes need of it.

All CPU settings of the engine are decided here. They are environment variables, because what matters runs in a child
of the Ray actor (vLLM's engine core): libraries to preload must be there before it starts, and thread counts before
it first computes.

Rules, each for a measured reason:
- *dtype*: float32 on every CPU unless the configuration asks for another. CPU flags promise too much (virtual
  machines that list `avx512_bf16` and `amx_bf16` were seen to multiply bfloat16 at a quarter of float32's speed), and
  float32 engine and learner agree to 1e-6 nats. Asking for bfloat16 on a CPU that does not even list it is an error.
- *allocator and OpenMP*: tcmalloc and Intel's libiomp5 are preloaded where they are installed; together they nearly
  double generation speed. Without them all works, slower.
- *threads*: the worker is bound to its own slice of cores when the slices of all workers fit on the machine. Inside
  the slice the system places the threads: pinning each one was slower as soon as a learner shared the cores.
- *one process*: engine core and model run in one process, not two. That saves seconds of start-up, and a core that
  would spin in wait between them.
"""

from __future__ import annotations

import ctypes.util
import importlib.metadata
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rollout.config import RolloutConfig
from rollout.errors import RolloutError

Device = Literal["cpu", "gpu"]

NATIVE_BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""CPU flags (x86, the last one ARM) of which one must be there for bfloat16 matrix products in hardware."""


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """Where one worker's processes run."""

    environment: dict[str, str]
    """To be set before the worker process starts; its children inherit it."""
    cores: tuple[int, ...] | None
    """CPU cores to bind to; None leaves it to the system."""


def worker_place(config: RolloutConfig, device: Device, index: int, *, model_path: str) -> WorkerPlace:
    """Environment and cores of worker number `index`."""
    environment = {
        "PYTHONPATH": os.pathsep.join([package_root(), *_split(os.environ.get("PYTHONPATH", ""))]),
        "VLLM_NO_USAGE_STATS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if Path(model_path).is_dir():
        environment["HF_HUB_OFFLINE"] = "1"
    if device == "gpu":
        if config.weight_transfer == "cuda_ipc":
            # Handles of GPU memory travel by pickle, between processes of this worker only.
            environment["VLLM_ALLOW_INSECURE_SERIALIZATION"] = "1"
        return WorkerPlace(environment, None)
    cores = slice_of_cores(sorted(os.sched_getaffinity(0)), config, index)
    threads = config.cpu_threads or (len(cores) if cores else 1)
    environment |= {
        "OMP_NUM_THREADS": str(threads),
        # Threads of the OpenMP pool sleep soon after a parallel region, and keep the core's clock up until then.
        "KMP_BLOCKTIME": "5",
        "KMP_TPAUSE": "0",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        # vLLM would move the model into a process of its own otherwise (see `engine.py`).
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0" if config.tensor_parallel == 1 else "1",
    }
    if config.enforce_eager is not False:
        # An eager engine would still compile a helper of its sampler (the rank of a token) at the first batch: seconds,
        # and a C++ compiler.
        environment["TORCH_COMPILE_DISABLE"] = "1"
    preload = preloads()
    if preload:
        environment["LD_PRELOAD"] = ":".join([*preload, *_split(os.environ.get("LD_PRELOAD", ""))])
    return WorkerPlace(environment, cores if config.workers > 1 else None)


def slice_of_cores(cores: list[int], config: RolloutConfig, index: int) -> tuple[int, ...] | None:
    """The cores of worker number `index`; None when the workers' slices do not fit on the machine side by side."""
    size = config.cpu_threads or max(1, len(cores) // config.workers)
    mine = cores[index * size : (index + 1) * size]
    return tuple(mine) if len(mine) == size else None


def engine_dtype(config: RolloutConfig, device: Device) -> str:
    """The compute type of the engine by the rule above.

    Raises:
        RolloutError: bfloat16 asked for on a CPU without it.
    """
    if config.dtype == "auto":
        return "bfloat16" if device == "gpu" else "float32"
    if device == "cpu" and config.dtype == "bfloat16" and not cpu_flags() & NATIVE_BFLOAT16_FLAGS:
        raise RolloutError(
            "rollout.dtype=bfloat16, but this CPU has no bfloat16 arithmetic "
            f"(none of {', '.join(sorted(NATIVE_BFLOAT16_FLAGS))} among its flags). Set rollout.dtype=float32."
        )
    return config.dtype


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """The features that this CPU lists; empty where the system does not say."""
    if not cpuinfo.exists():
        return frozenset()
    for line in cpuinfo.read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


def preloads() -> list[str]:
    """Shared libraries to preload into the engine, those of them that are installed."""
    return [library for library in (find_tcmalloc(), find_openmp()) if library]


def find_tcmalloc() -> str | None:
    """The name by which the dynamic linker finds tcmalloc, or None."""
    return ctypes.util.find_library("tcmalloc_minimal") or ctypes.util.find_library("tcmalloc")


def find_openmp() -> str | None:
    """Path of the OpenMP runtime that the `intel-openmp` package installs, or None."""
    try:
        files = importlib.metadata.files("intel-openmp") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = [Path(str(file.locate())).resolve() for file in files if file.name == "libiomp5.so"]
    return next((str(path) for path in found if path.exists()), None)


def package_root() -> str:
    """The folder from which `rollout` is imported: engine processes must find the worker extension in it."""
    return str(Path(__file__).resolve().parent.parent)


def _split(paths: str) -> list[str]:
    return [path for path in paths.split(os.pathsep) if path]
